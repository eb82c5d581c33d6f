"""How one provider speaks the chat-completions protocol, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MaxTokensField = Literal["max_tokens", "max_completion_tokens"]
SystemRole = Literal["as_given", "system", "developer"]
SendReasoning = Literal["never", "reasoning_content", "reasoning"]
EncodingFormat = Literal["float", "base64"]
RerankShape = Literal["jina", "tei"]

#: How many texts one request for embeddings may carry at OpenAI (reference of August 2026).
MAX_TEXTS = 2048

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


@dataclass(frozen=True, slots=True)
class EmbedDialect:
    """What servers of the protocol's embeddings do differently.

    Args:
        name: What errors call the server.
        encoding_format: What to ask for; ``None`` asks for nothing and takes what comes. Either form is read.
        max_texts: How many texts one request may carry.
        input_type: Whether ``input_type`` is a body member.
        normalized: Whether its vectors have length 1 by themselves.
    """

    name: str
    encoding_format: EncodingFormat | None = None
    max_texts: int = MAX_TEXTS
    input_type: bool = False
    normalized: bool = False


@dataclass(frozen=True, slots=True)
class RerankDialect:
    """How one kind of server ranks; OpenAI's own protocol has no such thing.

    Args:
        name: What errors call the server.
        documents: The body member for the documents.
        top_n: The body member for how many are wanted; ``None`` where the server scores all of them.
        model: Whether the body names the model.
        results: The answer's member that holds the scored documents; ``None`` where the answer is that list.
        score: The member of each that holds its score; its place is in ``index``.
        max_documents: How many documents one request may carry; ``None`` = any number.
    """

    name: str
    documents: str
    top_n: str | None
    model: bool
    results: str | None
    score: str
    max_documents: int | None = None
