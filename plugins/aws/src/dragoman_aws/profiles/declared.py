"""A set of application profiles that a team keeps in git: the plan that makes an account look like it, and doing it.

profiles:
  - name: team-a
    source: us.anthropic.claude-sonnet-4-20250514-v1:0
    description: cost of team a
    tags: {team: a}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dragoman.errors import ConflictError, DocumentError, Problem

from dragoman_aws.profiles.account import Progress
from dragoman_aws.profiles.application import ApplicationProfile, ApplicationProfiles
from dragoman_aws.profiles.limits import AWS_TAGS, check

Action = Literal["create", "tag", "leave", "replace"]
_MEMBERS = ("name", "source", "description", "tags")


@dataclass(frozen=True)
class DeclaredProfile:
    """A profile as it should be. ``tags`` of ``None`` leaves the tags alone; otherwise they become exactly these."""

    name: str
    source: str
    description: str | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Step:
    """What has to be done about one declared profile.

    Args:
        action: ``replace`` = a new one is made, which has another ARN, then the old one is deleted.
        reasons: What differs, for a person.
        existing: What there is.
        set_tags: Tags to set.
        remove_tags: Keys of tags to remove.
    """

    action: Action
    declared: DeclaredProfile
    reasons: tuple[str, ...] = ()
    existing: ApplicationProfile | None = None
    set_tags: Mapping[str, str] = field(default_factory=dict)
    remove_tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The steps in the order of the declaration, and the profiles that it does not speak of, which stay."""

    steps: tuple[Step, ...]
    undeclared: tuple[ApplicationProfile, ...] = ()

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that do something."""
        return tuple(step for step in self.steps if step.action != "leave")


def read_declaration(document: Mapping[str, Any], subject: str) -> list[DeclaredProfile]:
    """Return the profiles of a declaration.

    Raises:
        DocumentError: with every problem and its path.
    """
    rows = document.get("profiles")
    problems = [Problem(name, "is not a member here", "only profiles is") for name in document if name != "profiles"]
    if not isinstance(rows, list) or not rows:
        problems.append(Problem("profiles", "is missing or no list", "write - {name: …, source: …} underneath"))
        rows = []
    declared = []
    for number, row in enumerate(rows):
        found, wrong = _read(row)
        problems += [Problem(f"profiles.{number}.{p.path}".rstrip("."), p.message, p.hint) for p in wrong]
        declared += found
    names = [d.name for d in declared]
    problems += [
        Problem("profiles", f"{n!r} is declared twice") for n in sorted({n for n in names if names.count(n) > 1})
    ]
    if problems:
        raise DocumentError(subject, problems)
    return declared


def _read(row: Any) -> tuple[list[DeclaredProfile], list[Problem]]:
    if not isinstance(row, Mapping):
        return [], [Problem("", "is no object")]
    problems = [Problem(str(m), "is not a member here", ", ".join(_MEMBERS)) for m in row if m not in _MEMBERS]
    problems += [Problem(m, "is missing or no text") for m in ("name", "source") if not isinstance(row.get(m), str)]
    description, tags = row.get("description"), row.get("tags")
    if description is not None and not isinstance(description, str):
        problems.append(Problem("description", "is no text"))
    if tags is not None and not (isinstance(tags, Mapping) and all(isinstance(v, str) for v in tags.values())):
        problems.append(Problem("tags", "is not an object of texts", "write numbers in quotes"))
    if problems:
        return [], problems
    try:
        check("", row["name"], description, tags)
    except DocumentError as error:
        return [], list(error.problems)
    return [DeclaredProfile(row["name"], row["source"], description, tags)], []


# --- the plan ----------------------------------------------------------------------------------------------------


async def plan(
    profiles: ApplicationProfiles, declared: Sequence[DeclaredProfile], progress: Progress | None = None
) -> Plan:
    """Compare a declaration with the account, and change nothing.

    Raises:
        ConflictError: Several profiles of the account have a declared name; which one is meant nobody can say.
    """
    present = await profiles.list(progress)
    steps = []
    for wanted in declared:
        if progress is not None:
            progress(f"comparing {wanted.name}")
        steps.append(await _step(profiles, wanted, [p for p in present if p.name == wanted.name]))
    names = {d.name for d in declared}
    return Plan(tuple(steps), tuple(p for p in present if p.name not in names))


async def _step(profiles: ApplicationProfiles, wanted: DeclaredProfile, found: Sequence[ApplicationProfile]) -> Step:
    if not found:
        await profiles.source_arn(wanted.source)  # a source that is not there fails here, and not half way
        return Step("create", wanted)
    if len(found) > 1:
        ids = ", ".join(p.id for p in found)
        raise ConflictError(f"{len(found)} profiles are called {wanted.name}: {ids}", hint="delete all but one")
    existing = await profiles.get(found[0].arn)
    if reasons := await _immutable_differences(profiles, wanted, existing):
        return Step("replace", wanted, reasons, existing)
    set_tags, remove = _tag_differences(wanted.tags, existing.tags or {})
    if not set_tags and not remove:
        return Step("leave", wanted, (), existing)
    reasons = (*(f"tag {key}={value}" for key, value in set_tags.items()), *(f"no tag {key}" for key in remove))
    return Step("tag", wanted, reasons, existing, set_tags, remove)


async def _immutable_differences(
    profiles: ApplicationProfiles, wanted: DeclaredProfile, existing: ApplicationProfile
) -> tuple[str, ...]:
    reasons = []
    source = await profiles.source_arn(wanted.source)
    if set(existing.models) not in ({source}, set(await profiles.models_of_source(source))):
        reasons.append(f"its source is not {wanted.source}")
    if wanted.description != existing.description:
        reasons.append("its description differs")
    return tuple(reasons)


def _tag_differences(
    wanted: Mapping[str, str] | None, existing: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    if wanted is None:
        return {}, ()
    changed = {key: value for key, value in wanted.items() if existing.get(key) != value}
    return changed, tuple(key for key in existing if key not in wanted and not key.startswith(AWS_TAGS))


# --- doing it ----------------------------------------------------------------------------------------------------


#: Told of the old and the new profile, while both are there.
Replaced = Callable[[ApplicationProfile, ApplicationProfile], Awaitable[None]]


async def apply(
    profiles: ApplicationProfiles, planned: Plan, progress: Progress | None = None, *, replaced: Replaced | None = None
) -> list[ApplicationProfile]:
    """Carry a plan out, step by step, and return the profiles as they are then. Done twice, it changes nothing.

    Args:
        profiles: The account's.
        planned: What :func:`plan` returned.
        progress: Told before each step.
        replaced: Told of a profile that is replaced, before the old one is deleted: what calls it can be changed then.
    """
    done = []
    for step in planned.steps:
        if progress is not None and step.action != "leave":
            progress(f"{step.action} {step.declared.name}")
        done.append(await _carry_out(profiles, step, replaced))
    return done


async def _carry_out(profiles: ApplicationProfiles, step: Step, replaced: Replaced | None) -> ApplicationProfile:
    wanted, existing = step.declared, step.existing
    if existing is None or step.action == "replace":
        tags = wanted.tags if wanted.tags is not None or existing is None else _own_tags(existing)
        made = await profiles.create(wanted.name, wanted.source, description=wanted.description, tags=tags)
        if existing is not None:
            if replaced is not None:
                await replaced(existing, made)
            await profiles.delete(existing.arn)  # last: calls always find one of the two
        return made
    if step.set_tags:
        await profiles.tag(existing.arn, step.set_tags)
    if step.remove_tags:
        await profiles.untag(existing.arn, step.remove_tags)
    return existing if step.action == "leave" else await profiles.get(existing.arn)


def _own_tags(existing: ApplicationProfile) -> dict[str, str]:
    return {key: value for key, value in (existing.tags or {}).items() if not key.startswith(AWS_TAGS)}
