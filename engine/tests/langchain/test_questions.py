"""LangChain's messages as ours: every block that has a part, and a refusal with its place for each that has none."""

import base64

import pytest

pytest.importorskip("langchain_core", reason="langchain-core is not installed")

from dragoman.errors import MessageError
from dragoman.langchain.questions import messages_in
from dragoman.messages import (
    Audio,
    CachePoint,
    Document,
    Image,
    Message,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
)

DATA = base64.b64encode(b"data").decode()


def parts_of(*blocks):
    (message,) = messages_in([HumanMessage(list(blocks))])
    return message.parts


@pytest.mark.parametrize(
    ("message", "ours"),
    [
        (HumanMessage("Hi", name="ann"), Message("user", (Text("Hi"),), "ann")),
        (HumanMessage(""), Message("user", (Text(""),))),
        (HumanMessage(["Hi", {"type": "text", "text": "there"}]), Message("user", (Text("Hi"), Text("there")))),
        (SystemMessage("Be brief"), Message("system", (Text("Be brief"),))),
        (ChatMessage("Hi", role="user"), Message("user", (Text("Hi"),))),
        (AIMessage(""), Message("assistant", ())),
        (AIMessage("Hello", name="bob"), Message("assistant", (Text("Hello"),), "bob")),
        (AIMessage("", additional_kwargs={"refusal": "No"}), Message("assistant", (Refusal("No"),))),
        (
            AIMessage("Let me look", tool_calls=[{"id": "c-1", "name": "look", "args": {"at": "é"}}]),
            Message("assistant", (Text("Let me look"), ToolCall("c-1", "look", '{"at": "é"}'))),
        ),
        (
            AIMessage("", invalid_tool_calls=[{"id": "c-1", "name": "look", "args": "{", "error": None}]),
            Message("assistant", (ToolCall("c-1", "look", "{"),)),
        ),
        (
            AIMessage([{"type": "thinking", "thinking": "Hm", "signature": "sig"}, {"type": "text", "text": "Yes"}]),
            Message("assistant", (Reasoning("Hm", "sig"), Text("Yes"))),
        ),
        (
            ToolMessage("sunny", tool_call_id="c-1", name="look"),
            Message("tool", (ToolResult("c-1", (Text("sunny"),), False, "look"),)),
        ),
        (
            ToolMessage("broken", tool_call_id="c-1", status="error"),
            Message("tool", (ToolResult("c-1", (Text("broken"),), True),)),
        ),
        (
            ToolMessage([{"type": "image", "base64": DATA, "mime_type": "image/png"}], tool_call_id="c-1"),
            Message("tool", (ToolResult("c-1", (Image(b"data", media_type="image/png"),)),)),
        ),
    ],
)
def test_messages(message, ours):
    assert messages_in([message]) == (ours,)


def test_a_developers_message_stays_one():
    (message,) = messages_in(convert_to_messages([{"role": "developer", "content": "Be brief"}]))
    assert message == Message("developer", (Text("Be brief"),))


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "image", "url": "https://a.example/a.png"}, Image(url="https://a.example/a.png")),
        ({"type": "image", "base64": DATA, "mime_type": "image/png"}, Image(b"data", media_type="image/png")),
        ({"type": "image", "url": f"data:image/png;base64,{DATA}"}, Image(b"data", media_type="image/png")),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}", "detail": "low"}},
            Image(b"data", media_type="image/png", detail="low"),
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
            Image(b"data", media_type="image/png"),
        ),
        (
            {"type": "image", "source_type": "base64", "data": DATA, "mime_type": "image/png"},
            Image(b"data", media_type="image/png"),
        ),
        ({"type": "audio", "base64": DATA, "mime_type": "audio/x-wav"}, Audio(b"data", "wav")),
        ({"type": "audio", "base64": DATA, "mime_type": "audio/mpeg"}, Audio(b"data", "mp3")),
        ({"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}}, Audio(b"data", "wav")),
        (
            {"type": "file", "base64": DATA, "mime_type": "application/pdf", "filename": "a.pdf"},
            Document(b"data", media_type="application/pdf", name="a.pdf"),
        ),
        (
            {"type": "file", "base64": DATA, "mime_type": "application/pdf", "extras": {"name": "a"}},
            Document(b"data", media_type="application/pdf", name="a"),
        ),
        ({"type": "file", "url": "https://a.example/a.pdf"}, Document(url="https://a.example/a.pdf")),
        ({"type": "file", "file_id": "f-1"}, Document(file_id="f-1")),
        ({"type": "video", "url": "https://a.example/a.mp4"}, Video(url="https://a.example/a.mp4")),
        ({"type": "video", "base64": DATA, "mime_type": "video/mp4"}, Video(b"data", media_type="video/mp4")),
        (
            {"type": "text-plain", "text": "words", "extras": {"context": "old", "citations": {"enabled": True}}},
            Document(text="words", context="old", citations=True),
        ),
        (
            {"type": "text-plain", "text": "words", "mime_type": "text/plain", "title": "A"},
            Document(text="words", media_type="text/plain", name="A"),
        ),
        ({"cachePoint": {"type": "default"}}, CachePoint()),
        ({"type": "cache_point", "ttl": "1h"}, CachePoint("1h")),
    ],
)
def test_blocks(block, part):
    assert parts_of(block) == (part,)


def test_a_mark_on_a_block_is_a_cache_point_behind_it():
    marked = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral", "ttl": "5m"}}
    assert parts_of(marked, {"type": "text", "text": "short"}) == (Text("long"), CachePoint("5m"), Text("short"))


def test_results_inside_a_human_message_become_messages_of_their_own():
    result = {"type": "tool_result", "tool_use_id": "c-1", "content": "sunny", "is_error": True}
    assert messages_in([HumanMessage([result, {"type": "text", "text": "And now?"}])]) == (
        Message("tool", (ToolResult("c-1", (Text("sunny"),), True),)),
        Message("user", (Text("And now?"),)),
    )


@pytest.mark.parametrize(
    ("message", "place"),
    [
        (HumanMessage(["Hi", {"type": "hologram"}]), r"messages\[0\]\.content\[1\].*hologram"),
        (HumanMessage([{"type": "image", "base64": "!", "mime_type": "image/png"}]), r"base64: is not base64"),
        (HumanMessage([{"type": "image", "base64": DATA}]), r"content\[0\]\.mime_type: is missing"),
        (HumanMessage([{"type": "image", "file_id": "f-1"}]), r"content\[0\]\.base64: is missing"),
        (HumanMessage([{"type": "audio", "url": "https://a.example/a.wav"}]), r"content\[0\]\.base64: is missing"),
        (ToolMessage([{"type": "audio", "base64": DATA, "mime_type": "audio/wav"}], tool_call_id="c"), "tool's result"),
        (AIMessage([{"type": "server_tool_call", "id": "1", "name": "web", "args": {}}]), "server_tool_call"),
        (ChatMessage("Hi", role="oracle"), r"messages\[0\]\.role.*oracle"),
        (FunctionMessage("Hi", name="f"), r"messages\[0\].*FunctionMessage"),
        (RemoveMessage("1"), r"messages\[0\].*RemoveMessage"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(message, place):
    with pytest.raises(MessageError, match=place):
        messages_in([message])
