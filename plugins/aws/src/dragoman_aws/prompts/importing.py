"""A prompt of an account as a document of ours, with an adapter for its model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dragoman.errors import DocumentError, DragomanError, ModelNotFoundError, Problem
from dragoman.plugin import slug

from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.bedrock.converse import dialect_of
from dragoman_aws.identity.region import choose_region
from dragoman_aws.profiles import Account, ApplicationProfiles, PromptRouters, facts
from dragoman_aws.profiles.invokables import Invokable
from dragoman_aws.prompts.comparing import differences
from dragoman_aws.prompts.managed import DRAFT, ManagedPrompt, ManagedPrompts
from dragoman_aws.prompts.reading import ReadVariant, read_variant, settings_of
from dragoman_aws.prompts.writing import written

Document = dict[str, Any]


@dataclass(frozen=True)
class ImportedPrompt:
    """A prompt of an account.

    Args:
        source: What was read.
        name: What the document would be called.
        variant: The variant's name.
        members: The variant's document.
        adapter: A document that calls its model, where one was wanted; it is not saved.
        notes: What stayed there, or is otherwise here, for a person.
    """

    source: ManagedPrompt
    name: str
    variant: str
    members: Mapping[str, Any]
    adapter: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()

    def as_document(self) -> Document:
        """Return a prompt's document with this one variant."""
        described = {"description": self.source.description} if self.source.description else {}
        return {"name": self.name, **described, "variants": {self.variant: dict(self.members)}}


async def read_prompt(
    engine: Any,
    prompts: ManagedPrompts,
    reference: str,
    *,
    version: str | None = None,
    new_adapter: str | None = None,
    over: str | None = None,
) -> ImportedPrompt:
    """Return a prompt of an account as a document of ours.

    Args:
        engine: Knows the adapters that there are.
        prompts: Where it is.
        reference: Its id, ARN or name.
        version: A number; ``None`` = that of the ARN, else the draft.
        new_adapter: The name of an adapter to be made for its model; ``None`` = one that is there and calls it.
        over: An adapter over whose connection the model is called where none calls it.

    Raises:
        ModelNotFoundError: There is no such prompt, or no adapter that calls its model.
        DocumentError: Something of it has no place here; every problem with its path.
    """
    source = await prompts.get(reference, version)
    if not source.variants:
        raise DocumentError(
            f"prompt {source.name}", [Problem("variants", "there is none", "write it in Bedrock first")]
        )
    wire = source.variants[0]
    found = read_variant(wire)
    if found.model is None:
        hint = "choose a model for it in Bedrock"
        raise DocumentError(f"prompt {source.name}", [Problem("modelId", "is missing: it is asked of nobody", hint)])
    if new_adapter is not None:
        document = {"name": new_adapter, **await adapter_of(prompts.account, found.model)}
        taken = await _with_adapter(engine, found, wire, document)
    else:
        taken = await _with_known(engine, prompts.account, found, wire, over)
    return ImportedPrompt(
        source, slug(source.name), str(wire["name"]), taken.members, taken.document, (*_stays(source), *taken.notes)
    )


def _stays(source: ManagedPrompt) -> list[str]:
    stays = [f"metadata {entry['key']} stays in Bedrock" for entry in source.variants[0].get("metadata") or ()]
    if source.key_arn is not None:
        stays.append(f"it is encrypted with {source.key_arn} there; a document here is not")
    if source.version == DRAFT:
        stays.append("this is the draft, which may change; --version N takes an immutable version")
    return stays


@dataclass(frozen=True)
class _Taken:
    """An adapter for a variant, and the variant as it is with it."""

    members: Document
    document: Document | None
    notes: tuple[str, ...]


async def _with_adapter(engine: Any, found: ReadVariant, wire: Mapping[str, Any], document: Document) -> _Taken:
    """Take an adapter that is to be made: what is no setting goes into its ``model_kwargs``."""
    resolved = await engine.resolve(document)
    own, left = settings_of(found.fields, dialect_of(resolved.target))
    if left:
        document = {**document, "model_kwargs": left}
    members = {"adapter": document["name"], **_members(found, own)}
    off = await _off(engine, document, found, _settings(found, own), wire)
    return _Taken(members, document, tuple(_otherwise(path, "the document") for path in off))


async def _with_known(
    engine: Any, account: Account, found: ReadVariant, wire: Mapping[str, Any], over: str | None
) -> _Taken:
    """Take the adapter that calls the model with the fewest differences."""
    fitting: list[tuple[tuple[str, ...], str, dict[str, Any]]] = []
    unfit: list[str] = []
    for name in await adapters_calling(engine, account, str(found.model)):
        target = (await engine.resolve(name)).target
        own, _ = settings_of(found.fields, dialect_of(target))
        try:
            fitting.append((await _off(engine, name, found, _settings(found, own), wire), name, own))
        except DocumentError as error:
            unfit.append(f"{name}: {error}")  # it has a mapping or a guardrail, which no prompt of Bedrock has
    if not fitting and over is not None:
        return await _over(engine, account, found, wire, over)
    if not fitting:
        why = f" as it does ({'; '.join(unfit)})" if unfit else ""
        hint = "--write-adapter NAME makes one, or --adapter NAME calls it over that adapter's connection"
        raise ModelNotFoundError(f"no adapter calls {found.model} in {account.region}{why}", hint=hint)
    off, name, own = min(fitting, key=lambda one: (len(one[0]), one[1]))
    if lost := [path for path in off if path.startswith("additionalModelRequestFields")]:
        what, hint = f"would be another one with the adapter {name}", "--write-adapter NAME makes one that fits"
        raise DocumentError(f"variant {wire['name']}", [Problem(path, what, hint) for path in lost])
    notes = [_otherwise(path, f"the adapter {name}") for path in off]
    if others := [other for _, other, _ in fitting if other != name]:
        notes.append(f"the adapter {name} is taken; {', '.join(sorted(others))} call the model as well")
    return _Taken({"adapter": name, **_members(found, own)}, None, tuple(notes))


def _otherwise(path: str, who: str) -> str:
    if path.startswith("templateConfiguration"):
        return f"{path}: its texts are put together here"
    return f"{path}: {who} says it otherwise than Bedrock's prompt"


async def _over(engine: Any, account: Account, found: ReadVariant, wire: Mapping[str, Any], adapter: str) -> _Taken:
    """Take an adapter that calls another model: the variant says its own."""
    made = await adapter_of(account, str(found.model))
    own_model: Document = {name: made[name] for name in ("model", "base_model") if name in made}
    change: Document = {**own_model, "base_model": own_model.get("base_model"), "pricing": None}
    own, left = settings_of(found.fields, dialect_of((await engine.resolve(adapter, change)).target))
    if left:
        hint = "--write-adapter NAME makes an adapter that has a place for them"
        what = f"would be lost: {', '.join(left)}"
        raise DocumentError(f"variant {wire['name']}", [Problem("additionalModelRequestFields", what, hint)])
    members: Document = {"adapter": adapter, **own_model, **_members(found, own)}
    off = await _off(engine, adapter, found, {**change, **_settings(found, own)}, wire)
    return _Taken(members, None, tuple(_otherwise(path, f"the adapter {adapter}") for path in off))


def _members(found: ReadVariant, own: Mapping[str, Any]) -> Document:
    return {**found.content.as_members(), **_settings(found, own)}


def _settings(found: ReadVariant, own: Mapping[str, Any]) -> Document:
    inference = {**found.inference, **own}
    return {"inference": inference} if inference else {}


async def _off(
    engine: Any, adapter: Any, found: ReadVariant, override: Mapping[str, Any], wire: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return where a push of what was read would differ from what was read."""
    resolved = await engine.resolve(adapter, override)
    pushed = written(str(wire["name"]), found.content, resolved.target, resolved.settings)
    ignored = ("modelId", "templateType")
    return tuple(path for path in differences(pushed, wire) if path.partition(".")[0] not in ignored)


# --- adapters ----------------------------------------------------------------------------------------------------


async def adapters_calling(engine: Any, account: Account, model: str) -> list[str]:
    """Return the adapters that call a model in an account's region, by name; those that do not hold are left out."""
    wanted = _called(model, account.region)
    found = []
    for name in (await engine.catalog()).entries:
        try:
            target = (await engine.resolve(name)).target
            is_ours = isinstance(target.connection, BedrockConnection) and target.operation == "chat"
            if is_ours and _called_by(target) == wanted:
                found.append(str(name))
        except DragomanError:
            continue
    return found


def _called_by(target: Any) -> tuple[str, str, str]:
    return _called(target.model, choose_region(target.connection, os.environ).name)


def _called(model: str, region: str) -> tuple[str, str, str]:
    """Return what says that two models are the same: an ARN and an id may mean one."""
    invokable = Invokable.of(model, region)
    return invokable.kind, invokable.id, invokable.region or region


async def adapter_of(account: Account, model: str) -> Document:
    """Return an adapter that calls a model, as an account sees it; ``base_model`` where something says it."""
    invokable = Invokable.of(model, account.region)
    where = {"connection": {"region": invokable.region or account.region}}
    if invokable.kind == "application-inference-profile":
        return (await ApplicationProfiles(account).get(model)).as_adapter()
    if invokable.kind in ("default-prompt-router", "prompt-router"):
        return (await PromptRouters(account).get(model)).as_adapter()
    base = invokable.id if invokable.kind == "foundation-model" else None
    if invokable.kind == "inference-profile" and (parts := facts.split_profile(invokable.id)):
        base = parts[1]
    behind = {"base_model": base} if base else {}
    return {"provider": "bedrock", "model": model, **behind, **where}
