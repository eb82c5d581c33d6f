"""A variant as prompt management keeps it: the body of the Converse call that it makes, with its variables open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from dragoman.errors import DocumentError, DragomanError, Problem, UnsupportedError
from dragoman.messages import Message, Text, tool_choice_from, tools_from
from dragoman.plugin import CallSettings, ChatRequest, Target

from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.bedrock.converse import dialect_of
from dragoman_aws.bedrock.converse.encode import encode_body
from dragoman_aws.prompts.content import Content, in_one_spelling

Wire = dict[str, Any]

TEXT, CHAT = "TEXT", "CHAT"

#: Members of a Converse body that a prompt has a place for, and what the others are in an adapter's document.
_PLACED = frozenset({"messages", "system", "toolConfig", "inferenceConfig", "additionalModelRequestFields"})
_SETTING_OF = {
    "outputConfig.effort": "inference.reasoning.effort",
    "outputConfig.textFormat": "inference.response_format",
    "performanceConfig": "inference.performance_latency",
    "serviceTier": "inference.service_tier",
}


def written(name: str, content: Content, target: Target, settings: CallSettings[Any]) -> Wire:
    """Return a variant as the service keeps it.

    Args:
        name: The variant's.
        content: What it says.
        target: What it is asked of; its model goes along.
        settings: What goes with its calls; they are written as a call would have them.

    Raises:
        DocumentError: A prompt of the service has no place for something; every problem with its path.
    """
    problems = list(_unplaced(target, settings))
    body: Wire = {}
    if not problems:
        try:
            body = _body(content, target, settings)
        except UnsupportedError as error:
            problems.append(Problem(error.path or "", error.message, error.hint))
        except DragomanError as error:
            problems.append(Problem("", error.message, error.hint))
        problems += _left_over(body)
    if problems:
        raise DocumentError("prompt", problems)
    given = {
        "name": name,
        "templateType": TEXT if _is_text(content, body) else CHAT,
        "templateConfiguration": _template(content, body),
        "modelId": target.model,
        "inferenceConfiguration": {"text": body["inferenceConfig"]} if body.get("inferenceConfig") else None,
        "additionalModelRequestFields": body.get("additionalModelRequestFields"),
    }
    return {member: value for member, value in given.items() if value is not None}


def _unplaced(target: Target, settings: CallSettings[Any]) -> Iterator[Problem]:
    """Yield what an adapter says that no prompt of the service can."""
    if not isinstance(target.connection, BedrockConnection):
        hint = "name an adapter of provider bedrock for the variant"
        yield Problem(
            "adapter", f"is one of provider {target.provider}, whose models Bedrock's prompts cannot name", hint
        )
        return
    if target.operation != "chat":
        yield Problem("adapter", f"is one for operation {target.operation}", "name one that chats")
    for member in ("mapping", "prompt"):
        if getattr(target, member) is not None:
            yield Problem(
                f"adapter.{member}", "has no place in Bedrock's prompts, which go through Converse", "remove it"
            )
    if target.connection.guardrail is not None:
        hint = "name an adapter without one for the variant; who calls the prompt passes the guardrail"
        yield Problem("adapter.connection.guardrail", "has no place in Bedrock's prompts", hint)
    for argument in settings.endpoint_kwargs:
        yield Problem(f"adapter.endpoint_kwargs.{argument}", "goes with a call, and not with a prompt", "remove it")


def _body(content: Content, target: Target, settings: CallSettings[Any]) -> Wire:
    messages = tuple(
        Message(role, (Text(in_one_spelling(template)),))  # type: ignore[arg-type]
        for role, template in content.conversation
    )
    choice = tool_choice_from(content.tool_choice)
    request = ChatRequest(messages, settings, tools_from(content.tools or None), choice)
    body: Wire = orjson.loads(encode_body(request, dialect_of(target), None, {}))
    return body


def _left_over(body: Wire) -> Iterator[Problem]:
    for member, value in body.items():
        if member in _PLACED:
            continue
        inner = [f"{member}.{name}" for name in value] if member == "outputConfig" else [member]
        for path in inner:
            yield Problem(
                _SETTING_OF.get(path, path), "has no place in Bedrock's prompts", "remove it, or set it to null"
            )
    for tool in (body.get("toolConfig") or {}).get("tools", ()):
        if "systemTool" in tool:
            yield Problem("inference.system_tools", "have no place in Bedrock's prompts", "remove them")


def _is_text(content: Content, body: Wire) -> bool:
    return content.text is not None and "system" not in body and "toolConfig" not in body


def _template(content: Content, body: Wire) -> Wire:
    variables = {"inputVariables": [{"name": name} for name in content.variables]} if content.variables else {}
    if _is_text(content, body):
        blocks = body["messages"][0]["content"] if body["messages"] else [{"text": ""}]
        mark = next((block for block in blocks if "cachePoint" in block), {})
        return {"text": {"text": blocks[0].get("text", ""), **mark, **variables}}
    chat: Wire = {"messages": body["messages"]}
    if "system" in body:
        chat["system"] = body["system"]
    if "toolConfig" in body:
        chat["toolConfiguration"] = body["toolConfig"]
    return {"chat": {**chat, **variables}}
