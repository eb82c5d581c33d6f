"""The bodies we write, against those of langchain-aws's ChatBedrockConverse for the same conversations."""

from __future__ import annotations

import base64

import pytest
from dragoman.messages import (
    CachePoint,
    Document,
    Image,
    Message,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from dragoman.testing.upstream import Reply

pytest.importorskip("langchain_aws", reason="dragoman-aws[langchain] is not installed")

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

PNG = b"\x89PNG not really"
ENCODED = base64.b64encode(PNG).decode()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "the weather of a city", SCHEMA)
THEIR_WEATHER = {"name": "get_weather", "description": "the weather of a city", "parameters": SCHEMA}
CALL = ToolCall("call_1", "get_weather", '{"city":"Paris"}')
THEIR_CALL = {"id": "call_1", "name": "get_weather", "args": {"city": "Paris"}}
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
    "metrics": {"latencyMs": 1},
}

CONVERSATIONS = {
    "text": ("hi", [HumanMessage("hi")]),
    "system": (
        [Message("system", (Text("be terse"),)), Message("user", (Text("hi"),))],
        [SystemMessage("be terse"), HumanMessage("hi")],
    ),
    "system in the middle": (
        [Message("user", (Text("a"),)), Message("developer", (Text("s"),)), Message("user", (Text("b"),))],
        [HumanMessage("a"), SystemMessage("s"), HumanMessage("b")],
    ),
    "an earlier answer": (
        [Message("user", (Text("a"),)), Message("assistant", (Text("b"),)), Message("user", (Text("c"),))],
        [HumanMessage("a"), AIMessage("b"), HumanMessage("c")],
    ),
    "image": (
        [Message("user", (Text("look"), Image(data=PNG, media_type="image/png")))],
        [
            HumanMessage(
                [{"type": "text", "text": "look"}, {"type": "image", "base64": ENCODED, "mime_type": "image/png"}]
            )
        ],
    ),
    "image in S3": (
        [Message("user", (Text("look"), Image(url="s3://bucket/a.webp")))],
        [
            HumanMessage(
                [
                    {"type": "text", "text": "look"},
                    {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://bucket/a.webp"}}}},
                ]
            )
        ],
    ),
    "document": (
        [Message("user", (Text("read"), Document(data=b"%PDF", media_type="application/pdf", name="a b (1)")))],
        [
            HumanMessage(
                [
                    {"type": "text", "text": "read"},
                    {
                        "type": "file",
                        "base64": base64.b64encode(b"%PDF").decode(),
                        "mime_type": "application/pdf",
                        "name": "a b (1)",
                    },
                ]
            )
        ],
    ),
    "cache point": (
        [Message("system", (Text("long"), CachePoint())), Message("user", (Text("hi"), CachePoint()))],
        [
            SystemMessage([{"type": "text", "text": "long"}, {"cachePoint": {"type": "default"}}]),
            HumanMessage([{"type": "text", "text": "hi"}, {"cachePoint": {"type": "default"}}]),
        ],
    ),
    "two tool results and a question": (
        [
            Message("user", (Text("weather?"),)),
            Message("assistant", (Text("let me see"), CALL, ToolCall("call_2", "get_weather", "{}"))),
            Message("tool", (ToolResult("call_1", (Text("rain"),)),)),
            Message("tool", (ToolResult("call_2", (Text("no city"),), is_error=True),)),
            Message("user", (Text("and now?"),)),
        ],
        [
            HumanMessage("weather?"),
            AIMessage(
                "let me see", tool_calls=[THEIR_CALL, {"id": "call_2", "name": "get_weather", "args": {}}]
            ),
            ToolMessage("rain", tool_call_id="call_1"),
            ToolMessage("no city", tool_call_id="call_2", status="error"),
            HumanMessage("and now?"),
        ],
    ),
    "signed reasoning": (
        [
            Message("user", (Text("a"),)),
            Message("assistant", (Reasoning("hm", signature="s1"), Text("b"))),
            Message("user", (Text("c"),)),
        ],
        [
            HumanMessage("a"),
            AIMessage(
                [
                    {"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "s1"}},
                    {"type": "text", "text": "b"},
                ]
            ),
            HumanMessage("c"),
        ],
    ),
}  # fmt: skip


@pytest.fixture
async def their_body(engine, upstream, document):
    upstream.answer(Reply.json(ANSWER))
    model = await engine.langchain_model(document(upstream.url, base_model="anthropic.claude-3-haiku-20240307-v1:0"))

    async def ask(messages, **bound):
        tooled = model.bind_tools([THEIR_WEATHER], **bound)
        await engine.run_blocking(tooled.invoke, messages)
        return settled(upstream.received[-1].json())

    return ask


def settled(body):
    """Return the body without what says nothing: an empty system, and the success of a tool, which is assumed."""
    for message in body["messages"]:
        for block in message["content"]:
            if block.get("toolResult", {}).get("status") == "success":
                del block["toolResult"]["status"]
    return {name: value for name, value in body.items() if value not in ([], {})}


@pytest.mark.parametrize("case", CONVERSATIONS)
async def test_conversations_are_written_as_langchain_aws_writes_them(speak, their_body, case):
    ours, theirs = CONVERSATIONS[case]
    assert speak().body(ours, tools=[WEATHER]) == await their_body(theirs)


async def test_texts_in_a_row_stay_apart(speak, their_body):
    """langchain-aws glues them together with a line break that nobody wrote."""
    ours = speak().body([Message("user", (Text("a"),)), Message("user", (Text("b"),))])
    theirs = await their_body([HumanMessage("a"), HumanMessage("b")])
    assert ours["messages"] == [{"role": "user", "content": [{"text": "a"}, {"text": "b"}]}]
    assert theirs["messages"] == [{"role": "user", "content": [{"text": "a\nb"}]}]


CHOICES = {
    "auto": (ToolChoice("auto"), "auto"),
    "required": (ToolChoice("required"), "any"),
    "one": (ToolChoice("tool", "get_weather"), "get_weather"),
}


@pytest.mark.parametrize("choice", CHOICES)
async def test_tools_are_written_as_langchain_aws_writes_them(speak, their_body, choice):
    ours, theirs = CHOICES[choice]
    assert speak().body(tools=[WEATHER], tool_choice=ours) == await their_body("hi", tool_choice=theirs)
