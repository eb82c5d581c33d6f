"""Asking with prompts: render, run, compare; and which prompts a caller may ask with."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from dragoman.catalog import Catalog
from dragoman.constraints import estimate_input
from dragoman.errors import AdapterNotFoundError, DocumentNotFoundError
from dragoman.events import Usage
from dragoman.messages import messages_from, tools_from
from dragoman.prompting import PreparedPrompt, PromptAsked, each_variant, measure
from dragoman.prompts import Prompt, Variant, VersionLike, as_version, render
from dragoman.provider import ChatRequest
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.doors.chat_answer import chat_answer
from dragoman.server.refusals import Refusal


async def _render(asked: Asked) -> Answer:
    wanted = await _wanted(asked)
    prompt = await asked.engine.prompts.get(wanted.name, wanted.version)
    if (wanted.variant or prompt.default) not in open_to(asked, await asked.engine.catalog(), prompt):
        raise DocumentNotFoundError("there is no such variant, or you may not use its adapter")
    rendered = render(prompt, wanted.variables, wanted.variant).as_object()
    if asked.caller.role != "admin":
        rendered.pop("model", None)
    return Answer(rendered)


async def _run(asked: Asked) -> Answer:
    async with asked.call(None) as call:
        wanted = await _wanted(asked)
        call.watch_client()
        prepared = await asked.engine.prepare_prompt(wanted)
        resolved = call.begin(prepared.resolved, is_saved=isinstance(wanted.adapter, str | None))
        rendered = prepared.rendered
        call.sent = partial(_sent, prepared)
        response = await asked.engine.chat(
            resolved, rendered.messages, tools=rendered.tools, tool_choice=rendered.tool_choice, observe=call.observe
        )
        call.usage = lambda: response.usage
        answer = chat_answer(
            response,
            id=f"chatcmpl-{asked.request_id}",
            created=int(time.time()),
            model=resolved.name or "(unsaved)",
            role=asked.caller.role,
        )
        call.book(200)
        await call.settled()
    return Answer(answer)


async def _compare(asked: Asked) -> Answer:
    wanted = await _wanted(asked)
    catalog = await asked.engine.catalog()
    prompt = await asked.engine.prompts.get(wanted.name, wanted.version)
    usable = open_to(asked, catalog, prompt)
    each = [one for one in await each_variant(asked.engine, wanted) if one.variant in usable]
    calls = (_measured(asked, one, str(place)) for place, one in enumerate(each, 1))
    rows = await asyncio.gather(*calls, return_exceptions=True)
    for row in rows:
        if isinstance(row, BaseException):
            raise row
    return Answer({"variants": rows})


async def _measured(asked: Asked, wanted: PromptAsked, part: str) -> dict[str, Any]:
    """Ask one variant, as a call of its own in the ledger."""
    variant = wanted.variant or ""
    try:
        async with asked.call(part) as call:
            call.watch_client()
            prepared = await asked.engine.prepare_prompt(wanted)
            call.begin(prepared.resolved, is_saved=isinstance(wanted.adapter, str | None))
            call.sent = partial(_sent, prepared)
            found = await measure(asked.engine, variant, prepared, call.observe)
            call.usage, call.first_token_s = lambda: found.usage, found.first_token_s
            call.book(200)
            await call.settled()
    except Refusal as refusal:
        return {"variant": variant, "error": refusal.as_object()}
    shown = found.as_object()
    return shown if asked.caller.role == "admin" else {**shown, "model": found.adapter}


def _sent(prepared: PreparedPrompt) -> Usage:
    resolved, rendered = prepared
    request = ChatRequest(messages_from(rendered.messages), resolved.settings, tools_from(rendered.tools))
    return estimate_input(request)


# --- who may see and ask what ------------------------------------------------------------------------------------


def open_to(asked: Asked, catalog: Catalog, prompt: Prompt) -> dict[str, dict[str, Any]]:
    """Return the variants whose adapter the caller may use, with what there is to know of each."""
    return {
        name: {"adapter": variant.adapter or asked.engine.settings.default_adapter, "variables": variant.variables}
        for name, variant in prompt.variants.items()
        if _may_call(asked, catalog, variant)
    }


def _may_call(asked: Asked, catalog: Catalog, variant: Variant) -> bool:
    if asked.caller.rights.adapters is None:
        return True
    try:
        adapter = catalog.find(variant.adapter or asked.engine.settings.default_adapter or "")
    except AdapterNotFoundError:
        return False
    return asked.caller.may_use(adapter.name)


async def visible(asked: Asked, name: str, version: VersionLike | None) -> Prompt:
    """Return a prompt of which the caller may call a variant."""
    try:
        prompt = await asked.engine.prompts.get(name, version)
    except DocumentNotFoundError:
        if asked.caller.role == "admin":
            raise
    else:
        if open_to(asked, await asked.engine.catalog(), prompt):
            return prompt
    raise DocumentNotFoundError(f"there is no prompt {name!r} or no such version, or you may not use it")


async def _wanted(asked: Asked) -> PromptAsked:
    """Return what a request asks for."""
    body, name = asked.body, asked.path["name"]
    for member in ("variables", "inference"):
        if member in body:
            asked.mapping(member)
    adapter = body.get("adapter")
    if not isinstance(adapter, str | dict | None):
        raise Refusal(422, "invalid_body", "adapter is a name or a document", param="adapter")
    version = None if body.get("version") is None else version_of(body["version"])
    await visible(asked, name, version)
    return PromptAsked(
        name,
        body.get("variables") or {},
        asked.text("variant"),
        version,
        adapter,
        body.get("inference") or {},
        asked.caller,
    )


def version_of(value: Any) -> VersionLike:
    """Return the version that a request asks for."""
    try:
        return as_version(value)
    except ValueError as error:
        raise Refusal(422, "invalid_body", str(error), param="version") from None


_VERSION = {"type": ["integer", "string"], "description": "a number, draft or latest; absent = the prompt's default"}
_ASKING = {"variables": {"type": "object"}, "version": _VERSION}
_CALLING = {"adapter": {"type": ["string", "object"]}, "inference": {"type": "object"}}
_VARIANT = {"variant": {"type": "string"}}

ROUTES = (
    Route(
        "POST", "/api/prompts/{name}/render", _render, "user", "Show what would be asked, and ask nobody.",
        body={"type": "object", "properties": {**_ASKING, **_VARIANT}},
    ),
    Route(
        "POST", "/api/prompts/{name}/run", _run, "user", "Ask with a prompt.",
        body={"type": "object", "properties": {**_ASKING, **_VARIANT, **_CALLING}},
    ),
    Route(
        "POST", "/api/prompts/{name}/compare", _compare, "user",
        "Ask with every variant, and put the answers side by side with time, tokens and cost.",
        body={"type": "object", "properties": {**_ASKING, **_CALLING}},
    ),
)  # fmt: skip
