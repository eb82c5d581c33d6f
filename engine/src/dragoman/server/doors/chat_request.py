"""A chat request in OpenAI's shape as what the engine takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dragoman.engine import Engine
from dragoman.messages import Message, Tool, ToolChoice, messages_from, tool_choice_from, tools_from
from dragoman.server.doors.asked import Asked, Take, as_it_is, asked_for, take_fields
from dragoman.server.refusals import Refusal

#: Fields that the door itself reads.
_OWN = frozenset(
    {"model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "n", "dragoman"}
)

#: Field -> our setting, and how its value is written there.
_SETTINGS: Mapping[str, tuple[str, Take]] = {
    **{
        name: (name, as_it_is)
        for name in (
            "temperature", "top_p", "top_k", "max_tokens", "seed", "presence_penalty", "frequency_penalty",
            "response_format",
        )
    },
    "max_completion_tokens": ("max_tokens", as_it_is),
    "stop": ("stop_sequences", lambda value: [value] if isinstance(value, str) else value),
    "reasoning_effort": ("reasoning", lambda value: {"effort": value}),
}  # fmt: skip

#: Members of a message that the engine reads; others are left out and named.
_MESSAGE_MEMBERS = frozenset(
    {
        "role", "content", "name", "tool_calls", "tool_call_id", "refusal", "reasoning_content", "thinking_blocks",
        "is_error",
    }
)  # fmt: skip


@dataclass(slots=True)
class ChatAsked:
    """A chat request, taken apart; ``include_usage`` is whether a stream ends with its usage."""

    asked: Asked
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    tool_choice: ToolChoice | None
    stream: bool
    include_usage: bool


async def read_chat(engine: Engine, body: Mapping[str, Any], deployment: str | None) -> ChatAsked:
    """Take a body apart.

    Raises:
        Refusal: A field of the door is not what it should be.
        MessageError: Messages or tools cannot be read.
    """
    asked = await asked_for(engine, body, deployment)
    take_fields(body, _OWN, _SETTINGS, asked)
    if body.get("n") not in (None, 1):
        raise Refusal(400, "unsupported", "one answer is given for each request; send n: 1", param="n")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal(400, "invalid_messages", "messages is missing or empty", param="messages")
    tools = tools_from(body.get("tools"))
    stream, options = body.get("stream") or False, body.get("stream_options") or {}
    if not isinstance(stream, bool) or not isinstance(options, dict):
        raise Refusal(400, "invalid_request", "stream is true or false, stream_options an object", param="stream")
    return ChatAsked(
        asked=asked,
        messages=messages_from(_readable(messages, asked)),
        tools=tools,
        tool_choice=_choice(body, tools),
        stream=stream,
        include_usage=options.get("include_usage") is True,
    )


def _readable(messages: Sequence[Any], asked: Asked) -> Sequence[Any]:
    """Return the messages without the members that have no place; clients send answers back with all that was in them.

    Those that hold nothing are dropped without a word.
    """
    if all(not isinstance(m, dict) or _MESSAGE_MEMBERS.issuperset(m) for m in messages):
        return messages
    readable = []
    for message in messages:
        if isinstance(message, dict):
            strange = [name for name in message if name not in _MESSAGE_MEMBERS]
            asked.left_out += [f"messages.{name}" for name in strange if message[name]]
            readable.append({name: value for name, value in message.items() if name in _MESSAGE_MEMBERS})
        else:
            readable.append(message)
    return readable


def _choice(body: Mapping[str, Any], tools: Sequence[Tool]) -> ToolChoice | None:
    choice = tool_choice_from(body.get("tool_choice"))
    parallel = body.get("parallel_tool_calls")
    if parallel is None or not tools:
        return choice
    if not isinstance(parallel, bool):
        raise Refusal(400, "invalid_request", "parallel_tool_calls is true or false", param="parallel_tool_calls")
    return replace(choice or ToolChoice(), parallel=parallel)
