"""How profiles and routers are shown, and saved as adapters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click
from dragoman.cli.plugin import Invocation, aside, note, write, write_document, write_json

from dragoman_aws.profiles import ApplicationProfile, CrossRegionInferenceProfile, PromptRouter

save_option = click.option("--save", metavar="NAME", help="Save an adapter that calls it, under this name.")

description_option = click.option("--description", metavar="TEXT", help="At most 200 characters.")
tag_option = click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, help="A tag; may be repeated.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def progress(text: str) -> None:
    """Tell what a long piece of work is at."""
    aside(f"{text}\n")


def tags_from(assignments: tuple[str, ...]) -> dict[str, str]:
    """Return ``team=a`` as a tag."""
    tags = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} has no '='; write for example team=a", param_hint="'--tag'")
        tags[key] = value
    return tags


def application_object(profile: ApplicationProfile) -> dict[str, Any]:
    """Return an application profile as JSON; what was not asked for is left out."""
    shown = {**asdict(profile), "models": list(profile.models), "base_model": profile.base_model}
    return {name: value for name, value in shown.items() if value is not None}


def cross_region_object(profile: CrossRegionInferenceProfile) -> dict[str, Any]:
    """Return a cross-region profile as JSON."""
    return {
        "id": profile.id,
        "type": "SYSTEM_DEFINED",
        "geo_region": profile.geo_region,
        "model": profile.model,
        **({"status": profile.status} if profile.status else {}),
        "routes": {source: list(to) for source, to in sorted(profile.routes.items())},
        "routes_from": profile.origin or "nothing: where it routes to is not known",
    }


def router_object(router: PromptRouter) -> dict[str, Any]:
    """Return a router as JSON."""
    shown = {"id": router.id, **asdict(router), "models": list(router.models)}
    return {name: value for name, value in shown.items() if value is not None}


def show(value: Mapping[str, Any], *, as_json: bool) -> None:
    """Print an object."""
    if as_json:
        write_json(value)
    else:
        write(write_document(value, ".yaml"))


def confirm_deletion(what: str, *, yes: bool) -> None:
    """Ask whether something may be deleted, unless that was said before."""
    if not yes:
        click.confirm(f"Delete {what}?", abort=True, err=True)


def saved(invocation: Invocation, name: str | None, document: Mapping[str, Any]) -> None:
    """Save an adapter as :func:`save_adapter` does, in a run of its own."""
    if name is not None:
        invocation.run(lambda engine: save_adapter(engine, name, document))


async def save_adapter(engine: Any, name: str | None, document: Mapping[str, Any]) -> None:
    """Save an adapter where a name is given, and tell its file."""
    if name is not None:
        path = await engine.adapters.save({"version": 1, **document, "name": name})
        note(f"the adapter {name} is saved in {path}")
