"""What a provider may or may not be able to express: for each feature one request that needs it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dragoman.messages import (
    Audio,
    CachePoint,
    Document,
    Image,
    Message,
    Part,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Video,
)

QUESTION = Message("user", (Text("What is the weather in Paris?"),))

WEATHER = Tool(
    "get_weather",
    "Say what the weather is.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
WEATHER_CALL = ToolCall("call_1", WEATHER.name, '{"city": "Paris"}')

#: A picture of one pixel, a page of nothing, a sound and a film of no length.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4\n%%EOF\n"
WAV = base64.b64decode("UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=")

MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"

_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@dataclass(frozen=True, slots=True)
class Feature:
    """A request that needs the feature.

    ``path`` is what a report about it begins with; ``marker`` is text that the request's body must then hold, ``None``
    where it is enough that the body differs from that of a request without the feature.
    """

    path: str
    messages: tuple[Message, ...] = (QUESTION,)
    inference: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    marker: str | None = None


def _setting(name: str, value: Any) -> Feature:
    return Feature(f"inference.{name}", inference={name: value})


def _medium(part: Part, marker: str) -> Feature:
    return Feature("messages", messages=(Message("user", (Text("What is this?"), part)),), marker=marker)


def _format(inside: Mapping[str, Any]) -> Feature:
    return Feature("inference.response_format", inference={"response_format": inside})


FEATURES: Mapping[str, Feature] = {
    # settings
    "temperature": _setting("temperature", 0.25),
    "top_p": _setting("top_p", 0.75),
    "top_k": _setting("top_k", 3),
    "max_tokens": _setting("max_tokens", 17),
    "stop_sequences": _setting("stop_sequences", ["END"]),
    "seed": _setting("seed", 1234),
    "presence_penalty": _setting("presence_penalty", 0.5),
    "frequency_penalty": _setting("frequency_penalty", 0.5),
    "reasoning_effort": _setting("reasoning", {"effort": "low"}),
    "reasoning_budget": _setting("reasoning", {"budget_tokens": 1024}),
    "json_object": _format({"type": "json_object"}),
    "json_schema": _format({"type": "json_schema", "json_schema": {"name": "place", "schema": _SCHEMA}}),
    # messages
    "system": Feature("messages", (Message("system", (Text("Be terse."),)), QUESTION), marker="Be terse."),
    "images": _medium(Image(data=PNG, media_type="image/png"), base64.b64encode(PNG).decode()),
    "image_urls": _medium(Image(url="https://example.com/a.png"), "https://example.com/a.png"),
    "documents": _medium(Document(data=PDF, media_type="application/pdf", name="page"), base64.b64encode(PDF).decode()),
    "audio": _medium(Audio(WAV, "wav"), base64.b64encode(WAV).decode()),
    "video": _medium(Video(data=MP4, media_type="video/mp4"), base64.b64encode(MP4).decode()),
    "document_context": _medium(Document(data=PDF, media_type="application/pdf", context="Of 1999."), "Of 1999."),
    "document_citations": _medium(Document(data=PDF, media_type="application/pdf", citations=True), "citations"),
    "document_passages": _medium(Document(passages=("It rains.", "It snows.")), "It snows."),
    "cache_points": Feature(
        "messages", messages=(Message("user", (Text("A long text."), CachePoint())),), marker="cache"
    ),
    # tools
    "tools": Feature("tools", tools=(WEATHER,), marker=WEATHER.name),
    "tool_required": Feature("tool_choice", tools=(WEATHER,), tool_choice=ToolChoice("required")),
    "tool_named": Feature("tool_choice", tools=(WEATHER,), tool_choice=ToolChoice("tool", WEATHER.name)),
    "tool_results": Feature(
        "messages",
        messages=(
            QUESTION,
            Message("assistant", (WEATHER_CALL,)),
            Message("tool", (ToolResult(WEATHER_CALL.id, (Text("It rains cats and dogs."),)),)),
        ),
        tools=(WEATHER,),
        marker="It rains cats and dogs.",
    ),
}


#: The settings of operation embed. The words of some are the provider's own: a case's ``values`` replace them.
EMBED_FEATURES: Mapping[str, Any] = {
    "dimensions": 256,
    "input_type": "search_query",
    "truncate": "END",
    "normalize": False,
    "encodings": ["float", "int8"],
}

#: The settings of operation rerank.
RERANK_FEATURES: Mapping[str, Any] = {"max_tokens_per_document": 128}

#: Not a setting but a hint: it may be sent and may be ignored.
PURPOSE = "purpose"
