"""The same call through our codec and through Cohere's own SDK: the same path, the same JSON on the wire."""

from __future__ import annotations

from typing import Any

import pytest
from dragoman.messages import Document, Image, Message, Reasoning, Text, ToolCall, ToolResult
from dragoman.testing.upstream import Reply

cohere = pytest.importorskip("cohere", reason="dragoman-cohere[langchain] is not installed")

WEATHER = {
    "name": "weather",
    "description": "Say what the weather is.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", None]}}},
}
WIRE_WEATHER = {"type": "function", "function": WEATHER}
CALL = ToolCall("c1", "weather", '{"city": "Paris"}')
WIRE_CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
SCHEMA = {"type": "object", "properties": {"a": {"type": ["string", "null"], "default": None}}, "required": ["a"]}

#: name -> (our messages, our other arguments, the SDK's arguments)
CALLS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "text": ("héllo 😄 \u2028", {}, {"messages": [{"role": "user", "content": "héllo 😄 \u2028"}]}),
    "typed messages": (
        [Message("system", (Text("be brief"),)), Message("user", (Text("a"), Image(url="https://h/a.png")))],
        {},
        {
            "messages": [
                cohere.SystemChatMessageV2(content="be brief"),
                cohere.UserChatMessageV2(
                    content=[
                        cohere.TextContent(text="a"),
                        cohere.ImageUrlContent(image_url=cohere.ImageUrl(url="https://h/a.png")),
                    ]
                ),
            ]
        },
    ),
    "tool loop": (
        [
            Message("user", (Text("weather?"),)),
            Message("assistant", (Reasoning("I will look", "tool_plan"), CALL)),
            Message("tool", (ToolResult("c1", (Text("rain"),)),)),
        ],
        {"tools": [WEATHER], "tool_choice": "required"},
        {
            "messages": [
                {"role": "user", "content": "weather?"},
                cohere.AssistantChatMessageV2(
                    tool_plan="I will look",
                    tool_calls=[
                        cohere.ToolCallV2(
                            id="c1",
                            function=cohere.ToolCallV2Function(name="weather", arguments='{"city": "Paris"}'),
                        )
                    ],
                ),
                cohere.ToolChatMessageV2(tool_call_id="c1", content="rain"),
            ],
            "tools": [WIRE_WEATHER],
            "tool_choice": "REQUIRED",
        },
    ),
    "documents of a tool": (
        [
            Message("assistant", (CALL,)),
            Message("tool", (ToolResult("c1", (Document(text="rain", name="d1"),)),)),
        ],
        {"tools": [{**WEATHER, "strict": True}]},
        {
            "messages": [
                {"role": "assistant", "tool_calls": [WIRE_CALL]},
                cohere.ToolChatMessageV2(
                    tool_call_id="c1",
                    content=[cohere.DocumentToolContent(document=cohere.Document(id="d1", data={"text": "rain"}))],
                ),
            ],
            "tools": [WIRE_WEATHER],
            "strict_tools": True,
        },
    ),
    "thinking": (
        [Message("assistant", (Reasoning("hm"), Text("yes"))), Message("user", (Text("why"),))],
        {"reasoning": {"budget_tokens": 64}},
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}],
                },
                {"role": "user", "content": "why"},
            ],
            "thinking": cohere.Thinking(type="enabled", token_budget=64),
        },
    ),
    "settings": (
        "hi",
        {
            "temperature": 0, "top_p": 0.5, "top_k": 3, "max_tokens": 9, "seed": 3, "stop_sequences": ["A", "B"],
            "presence_penalty": 0.5, "frequency_penalty": 0.25, "safety_mode": "OFF", "priority": 7,
        },
        {
            "messages": [{"role": "user", "content": "hi"}],
            "temperature": 0, "p": 0.5, "k": 3, "max_tokens": 9, "seed": 3, "stop_sequences": ["A", "B"],
            "presence_penalty": 0.5, "frequency_penalty": 0.25, "safety_mode": "OFF", "priority": 7,
        },
    ),
    "documents": (
        "hi",
        {
            "documents": ["a text", {"id": "d", "data": {"text": "b", "year": 1984}}],
            "citation_options": {"mode": "FAST"}, "model_kwargs": {"logprobs": True},
        },
        {
            "messages": [{"role": "user", "content": "hi"}],
            "documents": ["a text", cohere.Document(id="d", data={"text": "b", "year": 1984})],
            "citation_options": cohere.CitationOptions(mode="FAST"), "logprobs": True,
        },
    ),
    "a JSON schema": (
        "hi",
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}},
        {
            "messages": [{"role": "user", "content": "hi"}],
            "response_format": cohere.JsonObjectResponseFormatV2(json_schema=SCHEMA),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", CALLS)
async def test_chat(engine, adapter, upstream, stream_events, sse, name, streamed):
    messages, ours, theirs = CALLS[name]
    ours = dict(ours)
    if members := ours.pop("model_kwargs", None):
        adapter = {**adapter, "model_kwargs": members}
    connection = {**adapter["connection"], "client_name": "project"}
    document = {**adapter, "connection": connection}
    async with cohere.AsyncClientV2("k", base_url=upstream.url, client_name="project") as client:
        if streamed:
            upstream.answer(sse(stream_events()))
            async with engine.stream(document, messages, **ours) as stream:
                assert [event async for event in stream]
            assert [event async for event in client.chat_stream(model="m", **theirs)]
        else:
            await engine.chat(document, messages, **ours)
            await client.chat(model="m", **theirs)
    mine, sdk = upstream.received
    assert (mine.method, mine.target, mine.headers["x-client-name"]) == ("POST", sdk.target, "project")
    assert sdk.headers["x-client-name"] == "project"
    assert {"stream": False, **mine.json()} == sdk.json()


async def test_embed(engine, adapter, upstream):
    upstream.answer(Reply.json({"id": "e", "embeddings": {"float": [[1.0]], "int8": [[1]]}, "texts": ["a"]}))
    inference = {"dimensions": 256, "truncate": "START", "encodings": ["int8"], "max_tokens": 9}
    await engine.embed({**adapter, "operation": "embed"}, "a", purpose="query", **inference)
    async with cohere.AsyncClientV2("k", base_url=upstream.url) as client:
        await client.embed(
            model="m", texts=["a"], input_type="search_query", output_dimension=256, truncate="START",
            embedding_types=["float", "int8"], max_tokens=9,
        )  # fmt: skip
    mine, sdk = upstream.received
    assert (mine.target, mine.json()) == (sdk.target, sdk.json())


async def test_rerank(engine, adapter, upstream):
    upstream.answer(Reply.json({"id": "r", "results": []}))
    document = {**adapter, "operation": "rerank"}
    await engine.rerank(document, "q", ["a", "b"], top_n=1, max_tokens_per_document=9, priority=3)
    async with cohere.AsyncClientV2("k", base_url=upstream.url) as client:
        await client.rerank(model="m", query="q", documents=["a", "b"], top_n=1, max_tokens_per_doc=9, priority=3)
    mine, sdk = upstream.received
    assert (mine.target, mine.json()) == (sdk.target, sdk.json())
