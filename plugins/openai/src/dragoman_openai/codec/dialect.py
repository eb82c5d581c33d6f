"""How one provider speaks the chat-completions protocol, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MaxTokensField = Literal["max_tokens", "max_completion_tokens"]
SystemRole = Literal["as_given", "system", "developer"]
SendReasoning = Literal["never", "reasoning_content", "reasoning"]

#: Inference settings that every server of this protocol takes under the same name.
COMMON_PARAMETERS: Mapping[str, str] = {
    name: name for name in ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty")
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """The choices that servers of this protocol make differently. None of them is guessed from a model's name.

    Args:
        name: What errors call the server.
        parameters: Inference setting -> body member that takes its value as it is. A setting that is neither here
            nor handled by a field below is refused.
        max_tokens_field: The body member for ``max_tokens``.
        stream_usage: Whether a stream asks for its usage with ``stream_options``; some servers refuse the member.
        system_role: How system and developer messages are sent: each under its own role, or all under one.
        send_reasoning: The message member that carries earlier reasoning back, or ``never``.
        top_k: Whether ``top_k`` is a body member.
        reasoning_effort: Whether ``reasoning.effort`` is a body member, as ``reasoning_effort``.
        refusals: Whether an assistant's refusal has a member of its own; else it is sent as the text that it is.
        text_lists: Whether system, assistant and tool messages may hold several texts; else they are joined.
        media: Whether user messages may hold pictures, sounds and files; else they are one text.
        names: Whether a message may carry its author's name.
        tool_choice: Whether ``tool_choice`` and ``parallel_tool_calls`` are body members; else only a choice that
            leaves everything to the model can be said, by saying nothing.
        strict_tools: Whether a tool can be ``strict``.
        json_schema: Whether ``response_format`` can be a JSON Schema.
    """

    name: str
    parameters: Mapping[str, str] = field(default_factory=lambda: COMMON_PARAMETERS)
    max_tokens_field: MaxTokensField = "max_tokens"
    stream_usage: bool = True
    system_role: SystemRole = "system"
    send_reasoning: SendReasoning = "never"
    top_k: bool = False
    reasoning_effort: bool = True
    refusals: bool = False
    text_lists: bool = False
    media: bool = True
    names: bool = True
    tool_choice: bool = True
    strict_tools: bool = True
    json_schema: bool = True
