"""Values: what callers may write as messages and tools, how a stream is collected, how errors travel."""

import pickle

import pytest
from dragoman import errors, events
from dragoman.errors import DragomanError, MessageError, ProviderError
from dragoman.events import Collector, Finished, ReasoningDelta, Started, TextDelta, ToolCallDelta, Usage, UsageReported
from dragoman.messages import (
    Audio,
    CachePoint,
    Document,
    Image,
    Message,
    ProviderPart,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Video,
    messages_from,
    tool_choice_from,
    tools_from,
)
from dragoman.secret import Secret


def test_a_string_is_one_user_message():
    assert messages_from("hi") == (Message("user", (Text("hi"),)),)


def test_openai_shaped_messages_become_values():
    messages = messages_from(
        [
            {"role": "system", "content": "be terse"},
            {
                "role": "user",
                "name": "ann",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}},
                    {"type": "image_url", "image_url": "https://example.org/a.png"},
                    {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
                    {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}},
                    {"type": "file", "file": {"file_data": "s3://b/a.pdf", "context": "old", "citations": True}},
                    {"type": "file", "file": {"passages": ["a", "b"]}},
                    {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,aGk="}},
                    {"type": "video_url", "video_url": "s3://b/a.mp4"},
                    {"type": "provider_part", "provider": "p", "value": {"a": 1}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "hm",
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "1", "content": "sunny"},
            {"role": "assistant", "refusal": "no"},
        ]
    )
    assert messages == (
        Message("system", (Text("be terse"),)),
        Message(
            "user",
            (
                Text("look"),
                Image(data=b"hi", media_type="image/png", detail="low"),
                Image(url="https://example.org/a.png"),
                Audio(b"hi", "wav"),
                Document(data=b"hi", media_type="application/pdf", name="a.pdf"),
                Document(url="s3://b/a.pdf", context="old", citations=True),
                Document(passages=("a", "b")),
                Video(data=b"hi", media_type="video/mp4"),
                Video(url="s3://b/a.mp4"),
                ProviderPart("p", {"a": 1}),
            ),
            name="ann",
        ),
        Message("assistant", (Reasoning("hm"), ToolCall("1", "f", "{}"))),
        Message("tool", (ToolResult("1", (Text("sunny"),)),)),
        Message("assistant", (Refusal("no"),)),
    )


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([], "messages: at least one"),
        ([{"role": "robot", "content": "x"}], "messages[0].role: is 'robot'; one of system"),
        ([{"role": "user"}], "messages[0].content: is missing"),
        ([{"role": "user", "content": 3}], "messages[0].content: is int"),
        ([{"role": "user", "content": [{"type": "film"}]}], "messages[0].content[0].type: is 'film'"),
        ([{"role": "user", "content": "x", "contents": "y"}], "messages[0].contents: is not a member"),
        ([{"role": "user", "content": "x"}, {"role": "tool", "content": "x"}], "messages[1].tool_call_id: is missing"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x,y"}}]}],
            "not a base64 data: URL",
        ),
        (["x"], "messages[0]: is str"),
    ],
)
def test_messages_that_cannot_be_read_name_the_member(messages, says):
    with pytest.raises(MessageError) as caught:
        messages_from(messages)
    assert says in str(caught.value)


def test_cache_points_are_parts():
    content = [{"type": "text", "text": "long"}, {"type": "cache_point"}, {"type": "cache_point", "ttl": "1h"}]
    assert messages_from({"role": "user", "content": content})[0].parts == (
        Text("long"),
        CachePoint(),
        CachePoint("1h"),
    )


def test_tools_come_as_openai_dicts_or_their_inside():
    schema = {"type": "object"}
    expected = (Tool("f", "does", schema, True),)
    inside = {"name": "f", "description": "does", "parameters": schema, "strict": True}
    assert tools_from([inside]) == tools_from([{"type": "function", "function": inside}]) == expected
    with pytest.raises(MessageError, match=r"tools\[0\].params: is not a member"):
        tools_from([{"name": "f", "params": {}}])


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("required", ToolChoice("required")),
        ("get_weather", ToolChoice("tool", "get_weather")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", "f")),
    ],
)
def test_tool_choice_is_a_mode_or_a_tools_name(given, choice):
    assert tool_choice_from(given) == choice


def test_a_stream_is_collected_in_order():
    collector = Collector()
    for event in (
        Started("id-1", "model-1", "req-1"),
        ReasoningDelta("one"),
        ReasoningDelta(signature="s1"),
        ReasoningDelta("two", signature="s2"),
        TextDelta("a"),
        TextDelta("b"),
        ToolCallDelta(0, "c0", "f"),
        ToolCallDelta(1, "c1", "g", "{"),
        ToolCallDelta(0, arguments='{"x":1}'),
        ToolCallDelta(1, arguments="}"),
        UsageReported(Usage(1, 2, 3, source="provider")),
        Finished("tool_calls", "tool_calls"),
    ):
        collector.add(event)
    response = collector.response()
    assert response.message.parts == (
        Reasoning("one", "s1"),
        Reasoning("two", "s2"),
        Text("ab"),
        ToolCall("c0", "f", '{"x":1}'),
        ToolCall("c1", "g", "{}"),
    )
    assert (response.response_id, response.model, response.request_id) == ("id-1", "model-1", "req-1")
    assert (response.finish_reason, response.usage.total_tokens) == ("tool_calls", 3)


def test_sealed_reasoning_stays_apart():
    collector = Collector()
    for event in (
        ReasoningDelta(redacted="r1"),
        ReasoningDelta(redacted="r2"),
        ReasoningDelta("open", redacted=None),
        ReasoningDelta(signature="s"),
        ReasoningDelta(redacted="r3"),
    ):
        collector.add(event)
    assert collector.response().message.parts == (
        Reasoning(redacted="r1"),
        Reasoning(redacted="r2"),
        Reasoning("open", "s", "r3"),
    )


def test_a_response_replayed_is_the_same_response():
    message = Message("assistant", (Reasoning("r", "s"), Text("t"), Refusal("no"), ToolCall("1", "f", "{}")))
    response = events.Response(message, "refusal", "refusal", Usage(1, 2, 3), "m", "id", "req", extra={"x": 1})
    assert events.collect(events.replay(response)) == response


def _error_classes(root=DragomanError):
    yield root
    for child in root.__subclasses__():
        yield from _error_classes(child)


@pytest.mark.parametrize("kind", sorted(_error_classes(), key=lambda k: k.__name__), ids=lambda k: k.__name__)
def test_every_error_survives_pickling(kind):
    error = (
        kind("subject", [errors.Problem("inference.top_p", "is odd", "fix it")])
        if issubclass(kind, errors.ProblemsError)
        else kind("went wrong", hint="do this")
    )
    if isinstance(error, ProviderError):
        error.provider, error.retry_after_s, error.request_id = "p", 2.5, "r"
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert again.as_dict() == error.as_dict()


def test_error_codes_are_unique():
    classes = [k for k in _error_classes() if k.__module__ == "dragoman.errors"]
    codes = [k.code for k in classes]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (301, errors.ProtocolError, False),
        (400, errors.InvalidRequestError, False),
        (401, errors.AuthenticationError, False),
        (403, errors.PermissionDeniedError, False),
        (404, errors.ModelNotFoundError, False),
        (408, errors.CallTimeoutError, True),
        (409, errors.ConflictError, True),
        (413, errors.InvalidRequestError, False),
        (418, errors.InvalidRequestError, False),
        (422, errors.InvalidRequestError, False),
        (429, errors.RateLimitedError, True),
        (500, errors.ServerError, True),
        (529, errors.ServerError, True),
    ],
)
def test_statuses_have_their_class(status, kind, retryable):
    found = errors.error_class_for_status(status)
    assert found is kind
    assert found("x").retryable is retryable


def test_a_providers_long_message_is_cut():
    assert len(ProviderError("x" * 5000).message) == errors.MAX_PROVIDER_MESSAGE_CHARS


def test_a_secret_shows_itself_nowhere():
    secret = Secret("canary-value")
    assert "canary" not in f"{secret!r} {secret} {secret:>20} {[secret]}"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)
    assert secret.reveal() == "canary-value"
