"""The adapters that name profiles which are replaced: listed, and their files changed where that is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dragoman.cli.plugin import note, saved_adapters
from dragoman.errors import DocumentError, DragomanError

from dragoman_aws.profiles import ApplicationProfile, Plan
from dragoman_aws.profiles.callers import Calling, calling, rewrite

#: ARN of a profile that is replaced -> the adapters that name it.
Callers = Mapping[str, Sequence[Calling]]


async def callers_of(engine: Any, planned: Plan) -> Callers:
    """Return the adapters that name a profile which a plan replaces; those that the gateway saved as well."""
    replaced = [step.existing.arn for step in planned.steps if step.action == "replace" and step.existing]
    if not replaced:
        return {}
    saved: Mapping[str, Mapping[str, Any]] = {}
    try:
        saved = await saved_adapters(engine)
    except DragomanError as error:
        note(f"adapters that were saved through the gateway could not be looked at: {error}")
    catalog = await engine.catalog()
    return {arn: calling(arn, catalog, saved) for arn in replaced}


def tell_callers(callers: Callers, *, write: bool) -> None:
    """Say which adapters are concerned, and what becomes of each."""
    for arn, found in callers.items():
        for one in found:
            todo = "is changed there" if write else "has to be changed, or --write-adapters"
            if one.file is None:
                todo = "has to be changed where it was saved"
            note(f"the adapter {one.adapter} ({one.origin}) names {arn} as its {', '.join(one.paths)} and {todo}")


class Rewriting:
    """Changes the files of adapters as soon as a new profile is there, before the old one is deleted."""

    def __init__(self, engine: Any, callers: Callers) -> None:
        self._engine = engine
        self._callers = callers

    async def __call__(self, old: ApplicationProfile, new: ApplicationProfile) -> None:
        """Take the new ARN into every file that names the old one; a file that cannot be changed is told."""
        for file in dict.fromkeys(one.file for one in self._callers.get(old.arn, ()) if one.file):
            try:
                await self._engine.run_blocking(rewrite, file, old.arn, new.arn)
                note(f"{file} names {new.arn} now")
            except DocumentError as error:
                note(f"{error}; write {new.arn} into it")


def callers_object(callers: Callers) -> list[dict[str, Any]]:
    """Return them as JSON."""
    return [
        {"adapter": one.adapter, "arn": arn, "paths": list(one.paths), "origin": one.origin}
        for arn, found in callers.items()
        for one in found
    ]
