"""A mapping from samples, and a prompt as it is written."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import ValidationError

from dragoman.adapter import Inference, PayloadMapping, Prompt, problems_of
from dragoman.errors import DragomanError
from dragoman.messages import messages_from
from dragoman.provider import CallSettings, ChatRequest
from dragoman.server.control.problems import problems_in
from dragoman.server.control.routes import Answer, Asked, Route

QUESTION = "Hello"
#: What the preview writes a mapping for: its one member is the prompt.
_PROMPT_ALONE = {"request": {"prompt": {"$": "prompt"}}, "response": {"text": "text"}}


async def propose(asked: Asked) -> Answer:
    """Propose a mapping from a sample request and response, and try it on both."""
    from dragoman.mapping.infer import infer_mapping

    request, response = asked.body.get("request"), asked.body.get("response")
    try:
        proposal = await asked.engine.run_blocking(infer_mapping, request, response)
    except DragomanError as error:
        return Answer({"problems": problems_in(error)})
    named = {
        "mapping": proposal.mapping,
        "prompt": proposal.prompt,
        "inference": proposal.inference,
        "model_kwargs": proposal.model_kwargs,
    }
    members = {name: value for name, value in named.items() if value}
    findings = [{"path": f.path, "message": f.message, "certain": f.is_certain} for f in proposal.findings]
    return Answer({"members": members, "findings": findings, "trial": _tried(members, response)})


async def attempt(asked: Asked) -> Answer:
    """Try a mapping on a sample response: the request that it makes of a question, and what it reads."""
    return Answer(_tried(asked.mapping("members"), asked.body.get("response")))


def _wrong(error: ValidationError, prefix: str = "") -> list[dict[str, Any]]:
    return [{"path": p.path, "message": p.message, "hint": p.hint} for p in problems_of(error, prefix=prefix)]


def _tried(members: dict[str, Any], response: Any) -> dict[str, Any]:
    from dragoman.mapping import compile_payload

    try:
        prompt = Prompt.model_validate(members["prompt"]) if members.get("prompt") else None
        mapping = PayloadMapping.model_validate(members.get("mapping") or {})
        inference = Inference.model_validate(members.get("inference") or {})
    except ValidationError as error:
        return {"problems": _wrong(error)}
    try:
        payload = compile_payload(mapping, prompt)
        settings = CallSettings(inference, model_kwargs=members.get("model_kwargs") or {})
        request = ChatRequest(messages_from(QUESTION), settings)
        sent = payload.encode(request, "model")
        read = payload.decode(orjson.dumps(response), request)
    except DragomanError as error:
        return {"problems": problems_in(error)}
    usage = read.usage
    return {
        "request": sent.decode("utf-8", "replace"),
        "text": read.text,
        "finish_reason": read.finish_reason,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
    }


async def prompt(asked: Asked) -> Answer:
    """Return the one text that messages become with a prompt section."""
    from dragoman.mapping import compile_payload

    try:
        section = Prompt.model_validate(asked.mapping("prompt"))
    except ValidationError as error:
        return Answer({"problems": _wrong(error, "prompt")})
    try:
        payload = compile_payload(PayloadMapping.model_validate(_PROMPT_ALONE), section)
        request = ChatRequest(messages_from(asked.body.get("messages") or []), CallSettings(Inference()))
        written = orjson.loads(payload.encode(request, "model"))["prompt"]
    except DragomanError as error:
        return Answer({"problems": problems_in(error)})
    return Answer({"text": written})


_MEMBERS = {"type": "object", "description": "mapping, prompt, inference and model_kwargs of an adapter document"}

ROUTES = (
    Route(
        "POST", "/api/workbench/mapping", propose, "user", "Propose a mapping from a request and its answer.",
        body={"type": "object", "required": ["request", "response"], "properties": {"request": {}, "response": {}}},
    ),
    Route(
        "POST", "/api/workbench/mapping-trial", attempt, "user", "Try a mapping on a sample answer.",
        body={"type": "object", "required": ["members"], "properties": {"members": _MEMBERS, "response": {}}},
    ),
    Route(
        "POST", "/api/workbench/prompt", prompt, "user", "Return the text that messages become.",
        body={
            "type": "object",
            "required": ["prompt", "messages"],
            "properties": {"prompt": {"type": "object"}, "messages": {"type": ["array", "string"]}},
        },
    ),
)  # fmt: skip
