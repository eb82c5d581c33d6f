from __future__ import annotations

import base64

import pytest
from dragoman.errors import UnsupportedError
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
)

CALL = ToolCall("c1", "weather", '{"city": "Paris"}')
WIRE_CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


def said(*parts, role="user", **rest):
    return [Message(role, parts, **rest)]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (said(Text("héllo 😄")), {"role": "user", "content": "héllo 😄"}),
        (
            said(Text("a"), Text("b")),
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ),
        (said(Text("be brief"), role="system"), {"role": "system", "content": "be brief"}),
        (said(Text("be brief"), role="developer"), {"role": "system", "content": "be brief"}),
        (
            said(Image(url="https://h/a.png", detail="low")),
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "https://h/a.png", "detail": "low"}}],
            },
        ),
        (
            said(Image(data=b"x", media_type="image/png")),
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}],
            },
        ),
        (said(Text("yes"), role="assistant"), {"role": "assistant", "content": "yes"}),
        (said(role="assistant"), {"role": "assistant", "content": ""}),
        (said(Refusal("no"), role="assistant"), {"role": "assistant", "content": "no"}),
        (said(CALL, role="assistant"), {"role": "assistant", "tool_calls": [WIRE_CALL]}),
        (
            said(Text("wait"), CALL, role="assistant"),
            {"role": "assistant", "content": "wait", "tool_calls": [WIRE_CALL]},
        ),
        (
            said(Reasoning("I will look", signature="tool_plan"), CALL, role="assistant"),
            {"role": "assistant", "tool_plan": "I will look", "tool_calls": [WIRE_CALL]},
        ),
        (
            said(Reasoning("hm"), CALL, role="assistant"),
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}], "tool_calls": [WIRE_CALL]},
        ),
        (
            said(Reasoning("hm", signature="thinking"), Text("yes"), role="assistant"),
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}],
            },
        ),
        (
            said(Text("yes"), role="assistant", extra={"citations": [{"start": 0}], "other": 1}),
            {"role": "assistant", "content": "yes", "citations": [{"start": 0}]},
        ),
        (
            said(ToolCall("c1", "now", "  "), role="assistant"),
            {
                "role": "assistant",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}],
            },
        ),
        (
            said(ToolResult("c1", (Text("rain"),)), role="tool"),
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        ),
        (said(ToolResult("c1", ()), role="tool"), {"role": "tool", "tool_call_id": "c1", "content": ""}),
        (
            said(ToolResult("c1", (Document(text="rain", name="d1"), Text("and"))), role="tool"),
            {
                "role": "tool",
                "tool_call_id": "c1",
                "content": [
                    {"type": "document", "document": {"id": "d1", "data": {"text": "rain"}}},
                    {"type": "text", "text": "and"},
                ],
            },
        ),
        (
            said(ToolResult("c1", (Document(text='{"mm": 3}', media_type="application/json"),)), role="tool"),
            {
                "role": "tool",
                "tool_call_id": "c1",
                "content": [{"type": "document", "document": {"data": {"mm": 3}}}],
            },
        ),
    ],
)
def test_a_message_is_written(speak, messages, expected):
    assert speak().body(messages)["messages"] == [expected]


def test_several_results_are_messages_of_their_own(speak):
    messages = said(ToolResult("a", (Text("1"),)), ToolResult("b", (Text("2"),)), role="tool")
    assert [m["tool_call_id"] for m in speak().body(messages)["messages"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("messages", "path"),
    [
        (said(Text("a"), Audio(b"x", "wav")), r"messages\[0\]\.content\[1\]"),
        (said(Document(data=b"x", media_type="application/pdf")), r"messages\[0\]\.content\[0\].*inference\.documents"),
        (said(Text("a"), CachePoint()), r"messages\[0\]\.content\[1\]"),
        (said(Image(data=b"x")), "media_type"),
        (said(Image()), "neither bytes nor an address"),
        (said(Image(url="https://h/a.png"), role="system"), r"messages\[0\]\.content\[0\]"),
        (said(Image(url="https://h/a.png"), role="assistant"), r"messages\[0\]\.content\[0\]"),
        (said(Text("a"), role="tool"), r"messages\[0\]\.content\[0\]"),
        (said(ToolResult("c", (Image(url="https://h/a.png"),)), role="tool"), r"content\[0\]\.parts\[0\]"),
        (said(ToolResult("c", (Document(data=b"x"),)), role="tool"), "goes as text"),
        (said(ToolResult("c", (Document(text="[1]", media_type="application/json"),)), role="tool"), "JSON object"),
        (said(ToolResult("c", (Document(text="{", media_type="application/json"),)), role="tool"), "JSON object"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(speak, messages, path):
    with pytest.raises(UnsupportedError, match=path):
        speak().body(messages)


PLAN = said(Reasoning("I will look", signature="tool_plan"), CALL, role="assistant")


def test_a_tool_plan_stays_away_where_the_model_refuses_it(speak, make_request):
    silent = speak(send_tool_plan=False)
    assert silent.body(PLAN)["messages"] == [{"role": "assistant", "tool_calls": [WIRE_CALL]}]
    reply = answer_to(silent, make_request(PLAN))
    assert [report.code for report in reply.reports] == ["reasoning_not_sent"]
    assert not answer_to(speak(), make_request(PLAN)).reports


@pytest.mark.parametrize(
    ("messages", "code", "path"),
    [
        (said(Text("a"), name="ann"), "name_not_sent", "messages[0].name"),
        (said(ToolResult("c", (Text("x"),), is_error=True), role="tool"), "tool_error_not_marked", "messages"),
        (said(Reasoning("", redacted="…"), role="assistant"), "reasoning_not_sent", "messages"),
    ],
)
def test_what_is_left_out_is_reported_once(speak, make_request, messages, code, path):
    reports = answer_to(speak(), make_request([*messages, *messages])).reports
    assert [(report.code, report.path) for report in reports] == [(code, path)]


def answer_to(speaker, request):
    from dragoman.plugin import WireReply

    body = b'{"id": "1", "finish_reason": "COMPLETE", "message": {"content": "ok"}}'
    return speaker.codec.decode(request, WireReply(200, {}, body))


def test_pictures_are_not_altered(speak):
    data = bytes(range(256))
    (message,) = speak().body(said(Image(data=data, media_type="image/webp")))["messages"]
    head, _, body = message["content"][0]["image_url"]["url"].partition(",")
    assert (head, base64.b64decode(body)) == ("data:image/webp;base64", data)
