"""A prompt of ours pushed into an account: the plan that makes the account look like it, and doing it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from dragoman.errors import DocumentError, DragomanError, Problem

from dragoman_aws.profiles.account import Progress
from dragoman_aws.prompts.comparing import differences
from dragoman_aws.prompts.content import Content
from dragoman_aws.prompts.limits import problems_of_arguments
from dragoman_aws.prompts.managed import Draft, ManagedPrompt, ManagedPrompts, one_of_name
from dragoman_aws.prompts.writing import written

Action = Literal["create", "update", "leave"]


@dataclass(frozen=True)
class Step:
    """What has to be done about one variant.

    Args:
        action: ``update`` writes the draft anew, or sets tags.
        variant: Its name in the document.
        draft: What the service's draft is to hold.
        reasons: What differs, for a person.
        existing: The draft that there is.
        set_tags: Tags to set.
        new_version: Whether a version is made of it then.
        version: The version that holds it already, where one was asked for.
        token: Carrying one plan out twice makes one prompt of it.
    """

    action: Action
    variant: str
    draft: Draft
    reasons: tuple[str, ...] = ()
    existing: ManagedPrompt | None = None
    set_tags: Mapping[str, str] = field(default_factory=dict)
    new_version: bool = False
    version: str | None = None
    token: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class Plan:
    """The steps in the order of the variants, and what a person should know beside them.

    ``version_description`` and ``tags`` are those of new versions.
    """

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    version_description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that do something."""
        return tuple(step for step in self.steps if step.action != "leave" or step.new_version)


@dataclass(frozen=True)
class Pushed:
    """A variant in the account: its draft, and its version where one was asked for."""

    step: Step
    prompt: ManagedPrompt
    version: ManagedPrompt | None = None


@dataclass(frozen=True)
class _Wanted:
    """What is to be pushed, beside the variants' names."""

    prompt: Any
    stem: str
    key_arn: str | None
    tags: Mapping[str, str]
    with_version: bool


async def plan(
    engine: Any,
    prompts: ManagedPrompts,
    prompt: Any,
    *,
    variants: Sequence[str] = (),
    stem: str | None = None,
    tags: Mapping[str, str] | None = None,
    key_arn: str | None = None,
    with_version: bool = False,
    version_description: str | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Compare a prompt with the account, and change nothing.

    Args:
        engine: Resolves the variants' adapters.
        prompts: Where they go.
        prompt: A prompt of :mod:`dragoman.prompts`: ``await engine.prompts.get("summary")``.
        variants: Only these; empty = all.
        stem: What the names begin with; ``None`` = the prompt's own name.
        tags: To be set, also on new versions; others stay.
        key_arn: The key to encrypt with; ``None`` leaves the one that there is.
        with_version: Whether a version is to be made of each draft, unless the newest one holds it.
        version_description: Of new versions; at most 200 characters.
        progress: Told after each page of the listing.

    Raises:
        DocumentError: Something has no place in prompt management; every problem with its path, of all variants.
    """
    wanted = _Wanted(prompt, stem or prompt.name, key_arn, tags or {}, with_version)
    drafts: dict[str, Draft] = {}
    notes: list[str] = []
    problems = await _refused_version(prompts, version_description)
    for name in variants or prompt.variants:
        try:
            draft, told = await _draft(engine, prompts, wanted, name)
        except DocumentError as error:
            problems += [Problem(f"variants.{name}.{p.path}".rstrip("."), p.message, p.hint) for p in error.problems]
        else:
            drafts[name], notes = draft, [*notes, *told]
            problems += await _refused(prompts, name, draft, wanted.tags)
    if problems:
        raise DocumentError(f"prompt {prompt.name}", problems)
    known = await prompts.list(progress)
    steps = [await _step(prompts, known, Step("create", name, draft), wanted) for name, draft in drafts.items()]
    return Plan(tuple(steps), (*_beside(prompt), *dict.fromkeys(notes)), version_description, wanted.tags)


def _beside(prompt: Any) -> list[str]:
    """Return what stays here: the service has no member for it."""
    stays = [member for member in ("title", "default_variant") if getattr(prompt, member, None) is not None]
    return [f"{member} is not kept by Bedrock" for member in stays if member == "title" or len(prompt.variants) > 1]


async def _draft(engine: Any, prompts: ManagedPrompts, wanted: _Wanted, name: str) -> tuple[Draft, list[str]]:
    variant = wanted.prompt.variant(name)
    try:
        resolved = await engine.resolve(variant.adapter, variant.override() or None)
    except DocumentError:
        raise
    except DragomanError as error:
        raise DocumentError("prompt", [Problem("adapter", error.message, error.hint)]) from None
    wire = written(name, Content.of(variant), resolved.target, resolved.settings)
    notes = [f"variant {name}: {report.message}" for report in resolved.reports]
    region = resolved.target.connection.region
    if region not in (None, prompts.account.region):
        notes.append(
            f"variant {name}: {resolved.name or 'its adapter'} is called in {region}, and the prompt is kept in "
            f"{prompts.account.region}: its model is called there"
        )
    return Draft(f"{wanted.stem}-{name}", wire, wanted.prompt.description, wanted.key_arn), notes


async def _refused(prompts: ManagedPrompts, name: str, draft: Draft, tags: Mapping[str, str]) -> list[Problem]:
    """Return what the service would not take, under our own paths."""
    arguments = {**draft.as_arguments(), **({"tags": dict(tags)} if tags else {})}
    found = await prompts.account.run_blocking(problems_of_arguments, "CreatePrompt", arguments)
    own = {"name": f"name {draft.name}", "defaultVariant": None, "customerEncryptionKeyArn": "key_arn"}
    problems = []
    for problem in found:
        head, _, rest = problem.path.partition(".")
        path = own.get(head, problem.path)
        if head == "variants":
            path = f"variants.{name}{rest.removeprefix('0')}"
        if path is not None:
            problems.append(Problem(path, problem.message, problem.hint))
    return problems


async def _refused_version(prompts: ManagedPrompts, description: str | None) -> list[Problem]:
    if description is None:
        return []
    arguments = {"promptIdentifier": "0" * 10, "description": description}
    found = await prompts.account.run_blocking(problems_of_arguments, "CreatePromptVersion", arguments)
    return [Problem(f"version {problem.path}", problem.message, problem.hint) for problem in found]


async def _step(prompts: ManagedPrompts, known: Sequence[ManagedPrompt], new: Step, wanted: _Wanted) -> Step:
    """Return what has to be done about a draft; ``new`` is the step where there is none."""
    if not any(prompt.name == new.draft.name for prompt in known):
        return replace(new, set_tags=wanted.tags, new_version=wanted.with_version)
    prompt_id = one_of_name(known, new.draft.name, prompts.account)
    existing = await prompts.get(next(p.arn for p in known if p.id == prompt_id), tags=bool(wanted.tags))
    draft = _with_what_stays(new.draft, existing)
    changes = _changes(draft, existing)
    set_tags = {key: value for key, value in wanted.tags.items() if (existing.tags or {}).get(key) != value}
    reasons = (*changes, *(f"tag {key}={value}" for key, value in set_tags.items()))
    version = await _version_of(prompts, draft, existing) if wanted.with_version and not changes else None
    return replace(
        new,
        action="update" if reasons else "leave",
        draft=draft,
        reasons=reasons,
        existing=existing,
        set_tags=set_tags,
        new_version=wanted.with_version and version is None,
        version=version,
    )


def _with_what_stays(draft: Draft, existing: ManagedPrompt) -> Draft:
    """Return a draft with what an update would otherwise take away and no document of ours speaks of."""
    aside = [v["metadata"] for v in existing.variants if v.get("metadata")]
    variant = {**draft.variant, "metadata": aside[0]} if aside else draft.variant
    return Draft(draft.name, variant, draft.description, draft.key_arn or existing.key_arn)


def _changes(draft: Draft, existing: ManagedPrompt) -> tuple[str, ...]:
    found: Mapping[str, Any] = existing.variants[0] if existing.variants else {}
    reasons = differences(draft.variant, found) if found else ["it has no variant"]
    if (draft.description or None) != existing.description:
        reasons.append("description")
    if draft.key_arn != existing.key_arn:
        reasons.append("customerEncryptionKeyArn")
    return tuple(reasons)


async def _version_of(prompts: ManagedPrompts, draft: Draft, existing: ManagedPrompt) -> str | None:
    """Return the newest version where it holds what the draft is to hold."""
    numbered = await prompts.versions(existing.id)
    if not numbered:
        return None
    newest = await prompts.get(existing.arn, numbered[-1].version)
    same = bool(newest.variants) and not differences(draft.variant, newest.variants[0])
    return newest.version if same else None


# --- doing it ----------------------------------------------------------------------------------------------------


async def push(prompts: ManagedPrompts, planned: Plan, progress: Progress | None = None) -> list[Pushed]:
    """Carry a plan out, step by step. Done twice, it changes nothing."""
    done = []
    for step in planned.steps:
        if progress is not None and step in planned.changes:
            progress(f"{step.action} {step.draft.name}")
        done.append(await _carry_out(prompts, planned, step))
    return done


async def _carry_out(prompts: ManagedPrompts, planned: Plan, step: Step) -> Pushed:
    if step.existing is None:
        prompt = await prompts.create(step.draft, step.set_tags, step.token)
    else:
        prompt = step.existing
        if _changes(step.draft, prompt):
            prompt = await prompts.update(prompt.id, step.draft)
        if step.set_tags:
            await prompts.tag(prompt.arn, step.set_tags)
    version = None
    if step.new_version:
        token = str(uuid.uuid5(uuid.UUID(step.token), "version"))
        description, tags = planned.version_description, planned.tags
        version = await prompts.create_version(prompt.id, token, description=description, tags=tags)
    elif step.version is not None:
        version = await prompts.get(prompt.arn, step.version)
    return Pushed(step, prompt, version)
