"""Our messages as LangChain's."""

import base64

import pytest
from dragoman.errors import UnsupportedError
from dragoman.langchain_driver.outgoing import left_out, messages_out
from dragoman.messages import (
    Audio,
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

pytest.importorskip("langchain_core", reason="langchain-core is not installed")

DATA = b"\x00\x01"
B64 = base64.b64encode(DATA).decode()


def out(role, *parts, provider=None, **rest):
    (message,) = messages_out([Message(role, parts, **rest)], provider)
    return message


@pytest.mark.parametrize(
    ("role", "kind"), [("system", "SystemMessage"), ("user", "HumanMessage"), ("assistant", "AIMessage")]
)
def test_one_text_stays_text(role, kind):
    message = out(role, Text("hello"), name="ann")
    assert (type(message).__name__, message.content, message.name) == (kind, "hello", "ann")


def test_several_texts_are_blocks():
    assert out("user", Text("a"), Text("b")).content == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


def test_a_developers_message_is_a_system_message_that_can_be_told_apart():
    from langchain_core.messages import convert_to_messages

    message = out("developer", Text("be brief"))
    assert message == convert_to_messages([{"role": "developer", "content": "be brief"}])[0]
    assert message.type == "system"
    assert message.additional_kwargs != out("system", Text("be brief")).additional_kwargs


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Image(data=DATA, media_type="image/png"), {"type": "image", "base64": B64, "mime_type": "image/png"}),
        (Image(url="https://h/a.png"), {"type": "image", "url": "https://h/a.png"}),
        (
            Image(url="https://h/a.png", detail="low"),
            {"type": "image_url", "image_url": {"url": "https://h/a.png", "detail": "low"}},
        ),
        (
            Image(data=DATA, media_type="image/png", detail="high"),
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}", "detail": "high"}},
        ),
        (Video(data=DATA, media_type="video/mp4"), {"type": "video", "base64": B64, "mime_type": "video/mp4"}),
        (Video(url="https://h/a.mp4"), {"type": "video", "url": "https://h/a.mp4"}),
        (Audio(DATA, "mp3"), {"type": "audio", "base64": B64, "mime_type": "audio/mp3"}),
        (
            Document(data=DATA, name="a.pdf"),
            {
                "type": "file",
                "base64": B64,
                "mime_type": "application/pdf",
                "extras": {"filename": "a.pdf", "name": "a.pdf"},
            },
        ),
        (
            Document(data=DATA, media_type="application/pdf"),
            {
                "type": "file",
                "base64": B64,
                "mime_type": "application/pdf",
                "extras": {"filename": "document.pdf", "name": "document.pdf"},
            },
        ),
        (Document(url="https://h/a"), {"type": "file", "url": "https://h/a"}),
        (
            Document(url="https://h/a.pdf", name="a.pdf"),
            {"type": "file", "url": "https://h/a.pdf", "mime_type": "application/pdf"},
        ),
        (Document(file_id="f-1"), {"type": "file", "file_id": "f-1"}),
        (
            Document(text="words", name="notes"),
            {"type": "text-plain", "text": "words", "mime_type": "text/plain", "title": "notes"},
        ),
    ],
)
def test_media_are_standard_blocks(part, block):
    assert out("user", Text("look"), part).content == [{"type": "text", "text": "look"}, block]
    assert out("user", part).content == [block]


@pytest.mark.parametrize(
    ("role", "part", "why"),
    [
        ("user", Image(data=DATA), "media_type"),
        ("user", Image(), "neither bytes nor an address"),
        ("user", Document(data=DATA), "media_type"),
        ("user", Document(), "neither"),
        ("user", Reasoning("hm"), "a message of role user cannot hold Reasoning"),
        ("system", Image(url="https://h"), "a message of role system cannot hold Image"),
        ("assistant", Image(url="https://h"), "a message of role assistant cannot hold Image"),
        ("tool", Text("loose"), "a message of role tool cannot hold Text"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(role, part, why):
    parts = (Text("before"), part) if role != "tool" else (part,)
    with pytest.raises(UnsupportedError, match=rf"messages\[0\]\.content\[{len(parts) - 1}\]: .*{why}"):
        out(role, *parts)


def test_tool_calls_are_parsed_and_broken_ones_kept():
    message = out(
        "assistant",
        Text("wait"),
        ToolCall("1", "a", '{"x": 1}'),
        ToolCall("2", "b", ""),
        ToolCall("3", "c", '{"x'),
        ToolCall("4", "d", "[1]"),
    )
    assert message.content == "wait"
    assert [(c["id"], c["name"], c["args"]) for c in message.tool_calls] == [("1", "a", {"x": 1}), ("2", "b", {})]
    assert [(c["id"], c["args"]) for c in message.invalid_tool_calls] == [("3", '{"x'), ("4", "[1]")]


def test_an_assistant_that_said_nothing_is_empty():
    assert out("assistant").content == ""
    assert out("assistant", ToolCall("1", "a", "{}")).content == ""


def test_a_refusal_goes_back_as_text():
    assert out("assistant", Refusal("no")).content == "no"


def test_reasoning_goes_back_with_its_signature_and_the_classs_own_word():
    call = ToolCall("1", "a", "{}")
    message = out("assistant", Reasoning("hm", "sig"), Text("so"), call, provider="acme")
    assert message.content == [
        {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "sig"}},
        {"type": "text", "text": "so"},
        {"type": "tool_call", "id": "1", "name": "a", "args": {}},
    ]
    assert message.response_metadata == {"output_version": "v1", "model_provider": "acme"}
    assert len(message.tool_calls) == 1
    assert "model_provider" not in out("assistant", Reasoning("hm")).response_metadata


def test_sealed_reasoning_is_left_out_and_reported():
    message = Message("assistant", (Reasoning(redacted="sealed"), Text("so")))
    assert messages_out([message], None)[0].content == "so"
    assert [report.code for report in left_out([message])] == ["reasoning_not_sent"]
    assert left_out([Message("assistant", (Reasoning("open"),))]) == ()


def test_tool_results_are_a_message_each():
    parts = (
        ToolResult("1", (Text("ok"),), name="a"),
        ToolResult("2", (Text("failed"),), is_error=True),
        ToolResult("3", (Text("see"), Image(url="https://h/a.png"))),
        ToolResult("4", ()),
    )
    found = messages_out([Message("tool", parts)], None)
    assert [(m.tool_call_id, m.status, m.name) for m in found] == [
        ("1", "success", "a"), ("2", "error", None), ("3", "success", None), ("4", "success", None),
    ]  # fmt: skip
    assert [m.content for m in found] == [
        "ok", "failed", [{"type": "text", "text": "see"}, {"type": "image", "url": "https://h/a.png"}], "",
    ]  # fmt: skip
