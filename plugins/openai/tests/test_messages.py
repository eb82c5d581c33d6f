from __future__ import annotations

import base64

import pytest
from dragoman.errors import MessageError, UnsupportedError
from dragoman.messages import Audio, Document, Image, Message, Reasoning, Refusal, Text, ToolCall, ToolResult

PNG = b"\x89PNG-bytes"
PNG_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def test_a_single_text_is_written_as_a_string(speak):
    assert speak().body("hi")["messages"] == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("part", "wire"),
    [
        (Text("x"), {"type": "text", "text": "x"}),
        (Image(data=PNG, media_type="image/png"), {"type": "image_url", "image_url": {"url": PNG_URL}}),
        (
            Image(url="https://e.org/a.png", detail="low"),
            {"type": "image_url", "image_url": {"url": "https://e.org/a.png", "detail": "low"}},
        ),
        (Audio(b"abc", "wav"), {"type": "input_audio", "input_audio": {"data": "YWJj", "format": "wav"}}),
        (
            Document(data=b"abc", media_type="application/pdf", name="a.pdf"),
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,YWJj"}},
        ),
        (
            Document(data=b"abc", media_type="application/pdf"),
            {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,YWJj"}},
        ),
        (
            Document(data=b"abc", name="b.pdf"),
            {"type": "file", "file": {"filename": "b.pdf", "file_data": "data:application/pdf;base64,YWJj"}},
        ),
        (Document(file_id="file-1"), {"type": "file", "file": {"file_id": "file-1"}}),
    ],
)
def test_each_kind_of_part_is_written(speak, part, wire):
    body = speak().body([Message("user", (Text("look"), part))])
    assert body["messages"][0]["content"] == [{"type": "text", "text": "look"}, wire]


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (Message("user", (Text("a"), ToolCall("1", "f", "{}"))), "messages[0].content[1]"),
        (Message("user", (Text("a"), Reasoning("r"))), "messages[0].content[1]"),
        (Message("user", (Image(data=PNG), Text("a"))), "messages[0].content[0]"),
        (Message("user", (Image(), Text("a"))), "messages[0].content[0]"),
        (Message("user", (Document(text="plain"), Text("a"))), "messages[0].content[0]"),
        (Message("user", (Document(url="https://e.org/a.pdf"), Text("a"))), "messages[0].content[0]"),
        (Message("user", (Document(data=b"x"), Text("a"))), "messages[0].content[0]"),
        (Message("system", (Image(url="https://e.org/a.png"),)), "messages[0].content[0]"),
        (Message("assistant", (Image(url="https://e.org/a.png"),)), "messages[0].content[0]"),
        (Message("tool", (Text("loose"),)), "messages[0].content[0]"),
        (
            Message("tool", (ToolResult("1", (Text("a"), Image(url="https://e.org/a.png"))),)),
            "messages[0].content[1]",
        ),
    ],
)
def test_what_the_protocol_cannot_say_is_refused_with_its_place(speak, message, path):
    with pytest.raises(UnsupportedError) as refused:
        speak().wire([message])
    assert refused.value.path == path


def test_a_tool_loop_is_written_in_full(speak):
    said = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "weather?", "name": "ann"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get", "arguments": '{"a":1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]
    assert speak().body(said)["messages"] == said


def test_several_results_in_one_message_become_several_messages(speak):
    message = Message("tool", (ToolResult("1", (Text("a"),)), ToolResult("2", (Text("b"), Text("c")))))
    assert speak().body([message])["messages"] == [
        {"role": "tool", "tool_call_id": "1", "content": "a"},
        {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": t} for t in "bc"]},
    ]


def test_several_texts_are_joined_for_servers_that_take_one(speak):
    said = [
        Message("system", (Text("a"), Text("b"))),
        Message("user", (Text("x"), Text("y"))),
        Message("assistant", (Text("c"), Text("d"))),
        Message("tool", (ToolResult("1", (Text("e"), Text("f"))),)),
    ]
    contents = [m["content"] for m in speak("openai-compatible", server="vllm").body(said)["messages"]]
    assert contents == ["ab", [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}], "cd", "ef"]


@pytest.mark.parametrize(
    ("provider", "connection", "roles"),
    [
        ("openai", {}, ["system", "developer"]),
        ("openai", {"system_role": "developer"}, ["developer", "developer"]),
        ("openai-compatible", {"server": "ollama"}, ["system", "system"]),
        ("openai-compatible", {"server": "ollama", "system_role": "as_given"}, ["system", "developer"]),
    ],
)
def test_the_role_of_system_messages_is_declared(speak, provider, connection, roles):
    body = speak(provider, **connection).body([Message("system", (Text("a"),)), Message("developer", (Text("b"),))])
    assert [m["role"] for m in body["messages"]] == roles


def test_a_call_without_arguments_is_sent_back_as_an_object(speak):
    body = speak().body([Message("assistant", (ToolCall("1", "now", ""),))])
    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert body["messages"][0]["content"] is None


def test_arguments_that_are_no_json_are_sent_back_as_they_were(speak):
    body = speak().body([Message("assistant", (ToolCall("1", "f", '{"a": '),))])
    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == '{"a": '


def test_an_assistant_that_said_nothing_is_an_empty_text(speak):
    assert speak().body([Message("assistant", ())])["messages"] == [{"role": "assistant", "content": ""}]


def test_a_refusal_keeps_its_member_where_there_is_one_and_is_text_elsewhere(speak):
    said = [Message("assistant", (Refusal("no"),))]
    assert speak().body(said)["messages"] == [{"role": "assistant", "content": None, "refusal": "no"}]
    compatible = speak("openai-compatible", server="vllm")
    assert compatible.body(said)["messages"] == [{"role": "assistant", "content": "no"}]


class TestEarlierReasoning:
    SAID = (Message("user", (Text("q"),)), Message("assistant", (Reasoning("hm"), Text("a"))))

    def test_is_not_sent_back_and_the_caller_is_told(self, speak, make_request):
        speaker = speak("openai-compatible", server="vllm")
        assert speaker.body(self.SAID)["messages"][1] == {"role": "assistant", "content": "a"}
        request = make_request("openai-compatible", self.SAID)
        assert [r.code for r in _decoded(speaker, request).reports] == ["reasoning_not_sent"]

    def test_is_sent_back_where_the_server_wants_it(self, speak, make_request):
        speaker = speak("openai-compatible", server="deepseek")
        assert speaker.body(self.SAID)["messages"][1]["reasoning_content"] == "hm"
        assert _decoded(speaker, make_request("openai-compatible", self.SAID)).reports == ()

    def test_is_sent_back_where_the_adapter_says_so(self, speak):
        speaker = speak("openai-compatible", server="vllm", send_reasoning="reasoning")
        assert speaker.body(self.SAID)["messages"][1]["reasoning"] == "hm"


def test_a_failed_tool_result_is_sent_and_the_caller_is_told(speak, make_request):
    said = [Message("tool", (ToolResult("1", (Text("boom"),), is_error=True),))]
    assert speak().body(said)["messages"][0]["content"] == "boom"
    assert [r.code for r in _decoded(speak(), make_request("openai", said)).reports] == ["tool_error_not_marked"]


def test_text_that_is_no_unicode_is_refused_without_being_quoted(speak):
    with pytest.raises(MessageError) as refused:
        speak().wire("half a pair: \ud83d and my secret thought")
    assert "thought" not in str(refused.value)


def _decoded(speaker, request):
    from dragoman.plugin import WireReply

    body = b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}'
    return speaker.codec.decode(request, WireReply(200, {}, body))


TOOL = {
    "type": "function",
    "function": {
        "name": "f",
        "description": "d",
        "parameters": {"type": "object", "properties": {"x": {"default": None}}},
        "strict": True,
    },
}


class TestTools:
    def test_are_written_as_they_are(self, speak):
        assert speak().body(tools=[TOOL])["tools"] == [TOOL]

    def test_without_parameters_get_an_empty_object(self, speak):
        body = speak().body(tools=[{"type": "function", "function": {"name": "now"}}])
        assert body["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}

    @pytest.mark.parametrize(
        ("choice", "wire"),
        [
            ("auto", "auto"),
            ("none", "none"),
            ("required", "required"),
            ("f", {"type": "function", "function": {"name": "f"}}),
        ],
    )
    def test_choice(self, speak, choice, wire):
        assert speak().body(tools=[TOOL], tool_choice=choice)["tool_choice"] == wire

    def test_parallel_calls_are_said_by_the_choice_before_the_setting(self, speak):
        from dragoman.messages import ToolChoice

        body = speak().body(tools=[TOOL], parallel_tool_calls=True)
        assert body["parallel_tool_calls"] is True
        body = speak().body(tools=[TOOL], parallel_tool_calls=True, tool_choice=ToolChoice("auto", parallel=False))
        assert body["parallel_tool_calls"] is False

    def test_nothing_about_tools_is_sent_without_tools(self, speak):
        body = speak().body(parallel_tool_calls=True, tool_choice="auto")
        assert set(body) == {"model", "messages"}
