"""Prompts: list, show, validate, publish, and what saving one is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.errors import (
    AdapterNotFoundError,
    DocumentError,
    DocumentNotFoundError,
    PolicyError,
    Problem,
    ProblemsError,
)
from dragoman.gateway_settings import RoleName
from dragoman.prompts import PROMPT, PROMPT_VERSION, Prompt, Variant, prompt_from
from dragoman.server.control import prompt_calls
from dragoman.server.control.prompt_calls import open_to, version_of, visible
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.control.saved import Kind, expected_revision, validating
from dragoman.server.refusals import Refusal
from dragoman.server.state.following import saved_of

MAX_DESCRIPTION_CHARS = 2000


async def _list(asked: Asked) -> Answer:
    found = await asked.engine.prompts.list()
    catalog = await asked.engine.catalog()
    rows = []
    for prompt in found.prompts:
        if variants := open_to(asked, catalog, prompt):
            about: dict[str, Any] = {"name": prompt.name, "title": prompt.title, "description": prompt.description}
            about |= {"default_version": prompt.default_version, "versions": found.versions[prompt.name]}
            rows.append({**about, "default_variant": prompt.default, "variants": variants})
    shown: dict[str, Any] = {"prompts": rows}
    if asked.caller.role == "admin":
        shown["failures"] = [{"where": where, "reason": reason} for where, reason in found.failures.items()]
    return Answer(shown)


async def _show(asked: Asked) -> Answer:
    name = asked.path["name"]
    prompt = await visible(asked, name, version_of(asked.query.get("version", "draft")))
    usable = open_to(asked, await asked.engine.catalog(), prompt)
    document = _shown(prompt.model_dump(mode="json", exclude_unset=True), asked.caller.role)
    versions = await asked.engine.prompts.versions(name)
    shown: dict[str, Any] = {
        "name": name,
        "document": {**document, "variants": {v: document["variants"][v] for v in usable}},
        "variables": {variant: about["variables"] for variant, about in usable.items()},
        "versions": [version.summary() for version in versions.versions],
    }
    revision = KIND.current(asked, name)
    if asked.caller.role == "admin":
        shown["source"] = await asked.engine.prompts.origin(name)
    if revision is not None:
        shown["revision"] = KIND.revision(revision, asked, document=False)
    return Answer(shown, etag=revision.etag if revision else None)


async def _publish(asked: Asked) -> Answer:
    name, store = asked.path["name"], asked.state.store
    await visible(asked, name, "draft")
    if asked.if_match is not None:
        revision = KIND.current(asked, name)
        if expected_revision(asked, revision) != (revision.number if revision else 0):
            raise Refusal(412, "revision_conflict", "the draft is another one than the one that was read")
    description = asked.text("description")
    if description is not None and len(description) > MAX_DESCRIPTION_CHARS:
        limit = f"description has more than {MAX_DESCRIPTION_CHARS} characters"
        raise Refusal(422, "invalid_body", limit, param="description")
    version, is_new = await asked.engine.prompts.next_version(name, by=asked.caller.name, description=description)
    if is_new:
        await store.save(
            PROMPT_VERSION, f"{name}@{version.version}", version.as_document(), by=asked.actor, reason=description,
            expected=0,
        )  # fmt: skip
        await asked.engine.use_saved(saved_of(store))
    return Answer({"name": name, "is_new": is_new, **version.summary()}, 201 if is_new else 200)


# --- saving ------------------------------------------------------------------------------------------------------


async def _admit(asked: Asked, name: str) -> None:
    """Let those in who may use every adapter; of others, those who may call the prompt that is there."""
    if asked.caller.rights.adapters is not None and name in await asked.engine.prompts.names():
        await visible(asked, name, "draft")


async def _judge(asked: Asked, name: str, document: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Hold every variant of what would be saved to the policy, and to its adapter's provider."""
    if document is None:
        return None
    prompt = prompt_from(document, name)
    refused: list[Problem] = []
    wrong: list[Problem] = []
    for variant, one in prompt.variants.items():
        try:
            await _judge_variant(asked, one)
        except PolicyError as error:
            refused += _inside(variant, error)
        except ProblemsError as error:
            wrong += _inside(variant, error)
        except AdapterNotFoundError as error:
            wrong.append(Problem(f"variants.{variant}.adapter", error.message, error.hint))
    if refused:
        raise PolicyError(f"prompt {name}, as {asked.caller.role} in stage {asked.engine.settings.stage}", refused)
    wrong += await _wrong_version(asked, prompt)
    if wrong:
        raise DocumentError(f"prompt {name}", wrong)
    return prompt.model_dump(mode="json", exclude_unset=True, exclude={"name"})


async def _judge_variant(asked: Asked, variant: Variant) -> None:
    engine = asked.engine
    adapter = variant.adapter or engine.settings.default_adapter
    if adapter is None:
        return  # every call names one
    override = variant.override()
    said = {member: value for member, value in override.items() if value is not None}
    engine.policy.check(asked.caller.rights, await engine.catalog(), engine.plugins, adapter, override=said)
    await engine.resolve(adapter, override, trusted=False)


async def _wrong_version(asked: Asked, prompt: Prompt) -> list[Problem]:
    if not isinstance(prompt.default_version, int):
        return []
    try:
        numbers = (await asked.engine.prompts.versions(prompt.name)).numbers
    except DocumentNotFoundError:
        numbers = []
    known = ", ".join(map(str, numbers)) or "none"
    missing = Problem(
        "default_version", f"is {prompt.default_version}, which was never published", f"there are: {known}"
    )
    return [] if prompt.default_version in numbers else [missing]


def _inside(variant: str, error: ProblemsError) -> list[Problem]:
    return [Problem(f"variants.{variant}.{problem.path}", problem.message, problem.hint) for problem in error.problems]


def _shown(document: Mapping[str, Any], role: RoleName) -> dict[str, Any]:
    """Return what a role may see of a prompt: a model, which may be an endpoint or an ARN, is for administrators."""
    if role == "admin":
        return dict(document)
    variants = document.get("variants") or {}
    hidden = {name: {k: v for k, v in variant.items() if k != "model"} for name, variant in variants.items()}
    return {**document, "variants": hidden}


_DOCUMENT = {"type": "object", "description": "a prompt's document: title, description, default_variant, variants"}

_ROUTES = (
    Route("GET", "/api/prompts", _list, "user", "List the prompts that you may call."),
    validating("/api/prompts", _judge, _DOCUMENT, "Say whether a prompt holds, and what is wrong with it."),
    Route(
        "GET", "/api/prompts/{name}", _show, "user", "Show a prompt with its versions.",
        query={"version": "a number, draft or latest; draft unless given"},
    ),
    *prompt_calls.ROUTES,
    Route(
        "POST", "/api/prompts/{name}/publish", _publish, "admin", "Make the draft the next version, for good.",
        action="prompt.publish", status=201,
        body={"type": "object", "properties": {"description": {"type": "string", "description": "what is new"}}},
    ),
)  # fmt: skip

KIND = Kind(
    name=PROMPT,
    address="/api/prompts",
    title="a prompt",
    role="admin",
    document=_DOCUMENT,
    admit=_admit,
    judge=_judge,
    shown=_shown,
    routes=_ROUTES,
)
