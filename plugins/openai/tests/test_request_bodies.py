"""The same conversation through our encoder and through the LangChain class: the same JSON on the wire."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from dragoman.messages import Audio, Document, Image, Message, Text, ToolCall, ToolChoice, ToolResult

pytest.importorskip("langchain_openai", reason="dragoman-openai[langchain] is not installed")

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ENCODED = base64.b64encode(PNG).decode()
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F", None]}},
            "required": ["city"],
        },
    },
}
TIME = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "the time",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        "strict": True,
    },
}
CALL = ToolCall("call_1", "get_weather", '{"city": "Paris"}')
THEIR_CALL = {"id": "call_1", "name": "get_weather", "args": {"city": "Paris"}, "type": "tool_call"}

#: name -> (our messages, theirs)
CONVERSATIONS: dict[str, tuple[Any, list[Any]]] = {
    "one text": ("hello", [HumanMessage("hello")]),
    "unicode": ("héllo 😄 \u2028 \x00", [HumanMessage("héllo 😄 \u2028 \x00")]),
    "system and turns": (
        [
            Message("system", (Text("be brief"),)),
            Message("user", (Text("a"),)),
            Message("assistant", (Text("b"),)),
            Message("user", (Text("c"),), name="ann"),
        ],
        [SystemMessage("be brief"), HumanMessage("a"), AIMessage("b"), HumanMessage("c", name="ann")],
    ),
    "developer": (
        [Message("developer", (Text("be brief"),)), Message("user", (Text("a"),))],
        [SystemMessage("be brief", additional_kwargs={"__openai_role__": "developer"}), HumanMessage("a")],
    ),
    "several texts": (
        [Message("user", (Text("a"), Text("b")))],
        [HumanMessage([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])],
    ),
    "image bytes": (
        [Message("user", (Text("look"), Image(data=PNG, media_type="image/png")))],
        [
            HumanMessage(
                [
                    {"type": "text", "text": "look"},
                    {"type": "image", "base64": ENCODED, "mime_type": "image/png"},
                ]
            )
        ],
    ),
    "image address": (
        [Message("user", (Text("look"), Image(url="https://e.org/a.png", detail="low")))],
        [
            HumanMessage(
                [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "https://e.org/a.png", "detail": "low"}},
                ]
            )
        ],
    ),
    "audio": (
        [Message("user", (Text("listen"), Audio(b"RIFF", "wav")))],
        [
            HumanMessage(
                [
                    {"type": "text", "text": "listen"},
                    {"type": "audio", "base64": base64.b64encode(b"RIFF").decode(), "mime_type": "audio/wav"},
                ]
            )
        ],
    ),
    "document": (
        [Message("user", (Text("read"), Document(data=b"%PDF", media_type="application/pdf", name="a.pdf")))],
        [
            HumanMessage(
                [
                    {"type": "text", "text": "read"},
                    {
                        "type": "file",
                        "base64": base64.b64encode(b"%PDF").decode(),
                        "mime_type": "application/pdf",
                        "filename": "a.pdf",
                    },
                ]
            )
        ],
    ),
    "uploaded document": (
        [Message("user", (Text("read"), Document(file_id="file-1")))],
        [HumanMessage([{"type": "text", "text": "read"}, {"type": "file", "file_id": "file-1"}])],
    ),
    "tool loop": (
        [
            Message("user", (Text("weather?"),)),
            Message("assistant", (CALL,)),
            Message("tool", (ToolResult("call_1", (Text("sunny"),)),)),
            Message("assistant", (Text("It is sunny."),)),
            Message("user", (Text("thanks"),)),
        ],
        [
            HumanMessage("weather?"),
            AIMessage("", tool_calls=[THEIR_CALL]),
            ToolMessage("sunny", tool_call_id="call_1"),
            AIMessage("It is sunny."),
            HumanMessage("thanks"),
        ],
    ),
    "words before a call": (
        [Message("user", (Text("weather?"),)), Message("assistant", (Text("I look."), CALL))],
        [HumanMessage("weather?"), AIMessage("I look.", tool_calls=[THEIR_CALL])],
    ),
    "two calls at once": (
        [
            Message("user", (Text("weather?"),)),
            Message("assistant", (CALL, ToolCall("call_2", "get_time", ""))),
            Message("tool", (ToolResult("call_1", (Text("sunny"),)), ToolResult("call_2", (Text("noon"),)))),
        ],
        [
            HumanMessage("weather?"),
            AIMessage("", tool_calls=[THEIR_CALL, {**THEIR_CALL, "id": "call_2", "name": "get_time", "args": {}}]),
            ToolMessage("sunny", tool_call_id="call_1"),
            ToolMessage("noon", tool_call_id="call_2"),
        ],
    ),
    "a result in parts": (
        [Message("user", (Text("q"),)), Message("tool", (ToolResult("call_1", (Text("a"), Text("b"))),))],
        [
            HumanMessage("q"),
            ToolMessage([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], tool_call_id="call_1"),
        ],
    ),
}

ADAPTERS = ("openai", "azure v1", "azure dated", "compatible")


@pytest.fixture
def document(adapter, upstream):
    def make(which: str, **members: Any) -> dict[str, Any]:
        azure = {"endpoint": upstream.origin}
        sections = {
            "openai": {},
            "azure v1": {"provider": "azure-openai", "connection": azure},
            "azure dated": {"provider": "azure-openai", "connection": {**azure, "api_version": "2024-10-21"}},
            "compatible": {
                "provider": "openai-compatible",
                "connection": {"server": "vllm", "base_url": upstream.origin, "system_role": "as_given"},
            },
        }
        return {**adapter, **sections[which], **members}

    return make


def plain(body: Any) -> Any:
    """Return a body in the simplest of its equal forms: an explicit default and a null say nothing."""
    body = json.loads(json.dumps(body))
    if body.get("stream") is False:
        del body["stream"]
    for call in [c for m in body["messages"] for c in m.get("tool_calls") or ()]:
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    for message in body["messages"]:
        if message.get("role") in ("assistant", "tool", "system") and isinstance(message["content"], list):
            message["content"] = "".join(p["text"] for p in message["content"])
    return {name: value for name, value in body.items() if value is not None}


@pytest.mark.parametrize("which", ADAPTERS)
@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_conversations(engine, document, upstream, which, name):
    ours, theirs = CONVERSATIONS[name]
    await engine.chat(document(which), ours)
    await (await engine.langchain_model(document(which))).ainvoke(theirs)
    assert plain(upstream.requests[0].json) == plain(upstream.requests[1].json)
    assert upstream.requests[0].path == upstream.requests[1].path


@pytest.mark.parametrize("which", ADAPTERS)
@pytest.mark.parametrize(
    ("choice", "theirs"),
    [
        (None, {}),
        ("auto", {"tool_choice": "auto"}),
        ("none", {"tool_choice": "none"}),
        ("required", {"tool_choice": "any"}),
        ("get_weather", {"tool_choice": "get_weather"}),
        (ToolChoice("auto", parallel=False), {"tool_choice": "auto", "parallel_tool_calls": False}),
    ],
)
async def test_tools(engine, document, upstream, which, choice, theirs):
    await engine.chat(document(which), "hi", tools=[WEATHER, TIME], tool_choice=choice)
    model = await engine.langchain_model(document(which))
    await model.bind_tools([WEATHER, TIME], **theirs).ainvoke("hi")
    assert plain(upstream.requests[0].json) == plain(upstream.requests[1].json)


SCHEMA = {"title": "Answer", "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@pytest.mark.parametrize("which", ADAPTERS)
async def test_structured_output(engine, document, upstream, answers, chat_answer, which):
    upstream.script = [answers.of(chat_answer(content='{"a": 1}'))]
    asked = {"type": "json_schema", "json_schema": {"name": "Answer", "schema": SCHEMA, "strict": True}}
    await engine.chat(document(which), "hi", response_format=asked)
    model = await engine.langchain_model(document(which))
    parsed = await model.with_structured_output(SCHEMA, method="json_schema", strict=True).ainvoke("hi")
    assert parsed == {"a": 1}
    ours, theirs = (plain(request.json) for request in upstream.requests)
    # The class moves what it knows of a schema into it: `additionalProperties`, which strict output wants.
    theirs["response_format"]["json_schema"]["schema"].pop("additionalProperties", None)
    theirs["response_format"]["json_schema"]["schema"].setdefault("title", "Answer")
    assert ours == theirs


@pytest.mark.parametrize("which", ADAPTERS)
@pytest.mark.parametrize(
    "inference",
    [
        {"temperature": 0, "top_p": 0.5, "seed": 3},
        {"presence_penalty": 0.5, "frequency_penalty": -0.5},
        {"max_tokens": 9, "stop_sequences": ["A", "B"]},
        {"reasoning": {"effort": "low"}},
        {"logprobs": True, "top_logprobs": 3, "user": "u"},
        {"response_format": {"type": "json_object"}},
    ],
)
async def test_inference_settings(engine, document, upstream, which, inference):
    asked = document(which, inference=inference)
    await engine.chat(asked, "hi")
    await (await engine.langchain_model(asked)).ainvoke("hi")
    assert plain(upstream.requests[0].json) == plain(upstream.requests[1].json)


@pytest.mark.parametrize("which", ADAPTERS)
async def test_streams(engine, document, upstream, answers, chunk, which):
    upstream.script = [answers.sse([chunk({"content": "a"}), chunk({}, "stop"), "[DONE]"])]
    async with engine.stream(document(which), "hi") as stream:
        assert [event async for event in stream]
    model = await engine.langchain_model(document(which))
    assert [piece async for piece in model.astream("hi")]
    assert plain(upstream.requests[0].json) == plain(upstream.requests[1].json)
