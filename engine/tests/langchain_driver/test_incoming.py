"""What LangChain classes answer, as our events."""

import pytest
from dragoman.events import collect
from dragoman.langchain_driver.incoming import AnswerDecoder
from dragoman.messages import Reasoning, Refusal, Text, ToolCall

pytest.importorskip("langchain_core", reason="langchain-core is not installed")


def read(*chunks, info=None):
    from langchain_core.outputs import ChatGenerationChunk

    decoder = AnswerDecoder()
    events = []
    for chunk in chunks:
        events += decoder.feed(ChatGenerationChunk(message=chunk, generation_info=info))
    return collect([*events, *decoder.end()])


def read_whole(message, llm_output=None, **info):
    from langchain_core.outputs import ChatGeneration, ChatResult

    result = ChatResult(
        generations=[ChatGeneration(message=message, generation_info=info or None)], llm_output=llm_output
    )
    return collect(AnswerDecoder().result(result))


@pytest.fixture
def message():
    from langchain_core.messages import AIMessage

    return AIMessage


# --- content -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contents", "parts"),
    [
        (["a", "b"], (Text("ab"),)),
        ([[{"type": "text", "text": "a"}], ["b"]], (Text("ab"),)),
        (
            [[{"type": "reasoning", "reasoning": "hm"}], [{"type": "text", "text": "so"}]],
            (Reasoning("hm"), Text("so")),
        ),
        (
            [
                [{"type": "reasoning", "reasoning": "h"}],
                [{"type": "reasoning", "reasoning": "m"}],
                [{"type": "reasoning", "extras": {"signature": "s"}}],
            ],
            (Reasoning("hm", "s"),),
        ),
        ([[{"type": "redacted_thinking", "data": "sealed"}]], (Reasoning(redacted="sealed"),)),
        ([[{"type": "reasoning", "extras": {"redacted_content": b"\x00"}}]], (Reasoning(redacted="AA=="),)),
        ([[{"type": "refusal", "refusal": "no"}]], (Refusal("no"),)),
        ([""], ()),
        ([[]], ()),
    ],
)
def test_content_of_every_shape_is_read(say, contents, parts):
    assert read(*map(say, contents)).message.parts == parts


@pytest.mark.parametrize(
    ("provider", "blocks"),
    [
        ("anthropic", [{"type": "thinking", "thinking": "hm", "index": 0}, {"type": "thinking", "signature": "s"}]),
        (
            "bedrock_converse",
            [
                {"type": "reasoning_content", "reasoning_content": {"text": "hm"}, "index": 0},
                {"type": "reasoning_content", "reasoning_content": {"signature": "s"}, "index": 0},
            ],
        ),
    ],
)
def test_a_providers_own_reasoning_blocks_are_read(say, provider, blocks):
    marks = {"model_provider": provider}
    response = read(*[say([block], response_metadata=marks) for block in blocks])
    assert response.message.parts == (Reasoning("hm", "s"),)


def test_reasoning_beside_the_content_comes_first(say):
    response = read(say("so", additional_kwargs={"reasoning_content": "hm"}))
    assert response.message.parts == (Reasoning("hm"), Text("so"))
    blocks = say([{"type": "text", "text": "so"}], additional_kwargs={"reasoning_content": "hm"})
    assert read(blocks).message.parts == (Reasoning("hm"), Text("so"))


def test_a_refusal_beside_the_content_is_read(message):
    response = read_whole(message("", additional_kwargs={"refusal": "no"}), finish_reason="stop")
    assert (response.message.refusal, response.finish_reason) == ("no", "refusal")


def test_what_has_no_place_is_kept(say):
    image = {"type": "image", "base64": "AA==", "mime_type": "image/png"}
    response = read(
        say([image, {"type": "text", "text": "see", "annotations": [{"type": "citation", "url": "u"}]}]),
        say("", additional_kwargs={"audio": {"id": "a"}}, response_metadata={"logprobs": {"content": [1]}}),
        say("", response_metadata={"logprobs": {"content": [2]}, "fingerprint": "f", "empty": None}),
    )
    assert response.text == "see"
    assert response.extra == {
        "content": [image],
        "annotations": [{"type": "citation", "url": "u"}],
        "audio": {"id": "a"},
        "logprobs": {"content": [1, 2]},
        "fingerprint": "f",
    }


def test_objects_of_an_sdk_are_kept_as_json(say):
    from pydantic import BaseModel

    class Trace(BaseModel):
        step: int

    class Odd:
        def __str__(self):
            return "odd"

    metadata = {"trace": {"steps": (Trace(step=1),)}, "odd": Odd()}
    assert read(say("a", response_metadata=metadata)).extra == {"trace": {"steps": [{"step": 1}]}, "odd": "odd"}


def test_what_the_chunks_call_generation_info_counts(say):
    response = read(say("a"), info={"finish_reason": "length", "model_name": "m-1"})
    assert (response.finish_reason, response.model) == ("length", "m-1")


# --- tool calls --------------------------------------------------------------------------------------------------


def piece(index, call_id, name, arguments):
    return {"index": index, "id": call_id, "name": name, "args": arguments}


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        ([piece(0, "1", "f", '{"a"'), piece(0, None, None, ":1}")], [("1", "f", '{"a":1}')]),
        ([piece(0, "1", "f", ""), piece(0, "1", None, "{}")], [("1", "f", "{}")]),
        ([piece(1, "1", "f", "{}"), piece(3, "2", "g", "{}")], [("1", "f", "{}"), ("2", "g", "{}")]),
        (
            [piece(0, "1", "f", "{"), piece(1, "2", "g", "{"), piece(0, None, None, "}"), piece(1, None, None, "}")],
            [("1", "f", "{}"), ("2", "g", "{}")],
        ),
        ([piece(0, "1", "f", "{}"), piece(0, "2", "g", "{}")], [("1", "f", "{}"), ("2", "g", "{}")]),
        ([piece(None, "1", "f", "{"), piece(None, None, None, "}")], [("1", "f", "{}")]),
        ([piece(None, "1", "f", "{}"), piece(None, "2", "f", "{}")], [("1", "f", "{}"), ("2", "f", "{}")]),
        ([piece(0, None, "f", "{}")], [("call_0", "f", "{}")]),
        ([piece(0, None, "f", "{"), piece(0, "late", None, "}")], [("late", "f", "{}")]),
        ([piece(0, "1", "f", '{"a"')], [("1", "f", '{"a"')]),
        ([piece(0, "1", "f", None)], [("1", "f", "")]),
    ],
)
def test_pieces_of_tool_calls_are_put_together(say, pieces, calls):
    response = read(*[say(tool_call_chunks=[one]) for one in pieces])
    assert [(c.id, c.name, c.arguments) for c in response.tool_calls] == calls
    assert response.finish_reason == "tool_calls"


def test_whole_tool_calls_are_written_as_json(message):
    response = read_whole(
        message(
            "wait",
            tool_calls=[{"id": "1", "name": "f", "args": {"city": "Besançon"}}],
            invalid_tool_calls=[{"id": "2", "name": "g", "args": '{"x', "error": "cut"}],
            additional_kwargs={"tool_calls": [{"raw": True}]},
        ),
        finish_reason="tool_calls",
    )
    assert response.message.parts == (
        Text("wait"), ToolCall("1", "f", '{"city": "Besançon"}'), ToolCall("2", "g", '{"x'),
    )  # fmt: skip
    assert response.extra == {}


def test_calls_among_the_blocks_are_read_once(message):
    content = [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "1", "name": "f", "input": {}}]
    response = read_whole(message(content, tool_calls=[{"id": "1", "name": "f", "args": {}}]))
    assert response.message.parts == (Text("a"), ToolCall("1", "f", "{}"))
    assert response.extra == {}


# --- usage -------------------------------------------------------------------------------------------------------


def test_usage_of_several_chunks_is_added(say):
    response = read(
        say(usage_metadata={"input_tokens": 9, "output_tokens": 0, "total_tokens": 9}),
        say("a", usage_metadata={"input_tokens": 0, "output_tokens": 4, "total_tokens": 4}),
    )
    assert (*response.usage[:3], response.usage.source) == (9, 4, 13, "provider")


@pytest.mark.parametrize("tier", ["", "flex_"])
def test_the_details_of_usage_are_read(say, tier):
    usage = {
        "input_tokens": 9, "output_tokens": 4, "total_tokens": 13,
        "input_token_details": {f"{tier}cache_read": 5, f"{tier}cache_creation": 2},
        "output_token_details": {f"{tier}reasoning": 3},
    }  # fmt: skip
    found = read(say("a", usage_metadata=usage)).usage
    assert (found.cached_input_tokens, found.cache_write_input_tokens, found.reasoning_tokens) == (5, 2, 3)
    assert found.detail == usage


def test_older_classes_report_their_usage_beside_the_answer(message):
    own = {"prompt_tokens": 9, "completion_tokens": 4}
    response = read_whole(message("a"), llm_output={"token_usage": own})
    assert (*response.usage[:3], response.usage.detail) == (9, 4, 13, own)
    assert response.extra == {}


def test_no_usage_is_absent(message):
    assert read_whole(message("a")).usage.source == "absent"
    assert read_whole(message("a"), llm_output={"token_usage": {}}).usage.source == "absent"


# --- the end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "word", "reason"),
    [
        ("finish_reason", "stop", "stop"),
        ("finish_reason", "length", "length"),
        ("finish_reason", "content_filter", "content_filter"),
        ("stop_reason", "end_turn", "stop"),
        ("stop_reason", "stop_sequence", "stop_sequence"),
        ("stop_reason", "refusal", "refusal"),
        ("stopReason", "max_tokens", "length"),
        ("stopReason", "guardrail_intervened", "content_filter"),
        ("finish_reason", "COMPLETE", "stop"),
        ("finish_reason", "MAX_TOKENS", "length"),
        ("finish_reason", "TOOL_CALL", "tool_calls"),
        ("finish_reason", "SAFETY", "content_filter"),
        ("done_reason", "stop", "stop"),
        ("finish_reason", "new_word", "unknown"),
    ],
)
def test_the_providers_word_is_translated_and_kept(message, say, place, word, reason):
    for response in (
        read_whole(message("a"), **{place: word}),
        read_whole(message("a", response_metadata={place: word})),
        read(say("a"), say("", response_metadata={place: word})),
    ):
        assert (response.finish_reason, response.provider_finish_reason) == (reason, word)
        assert response.extra == {}


def test_stop_with_a_call_is_a_call(message):
    called = message("", tool_calls=[{"id": "1", "name": "f", "args": {}}])
    assert read_whole(called, finish_reason="stop").finish_reason == "tool_calls"


def test_no_word_is_unknown(message):
    assert (read_whole(message("a")).finish_reason, read_whole(message("a")).provider_finish_reason) == (
        "unknown", None,
    )  # fmt: skip


# --- whose answer it is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"model_name": "m", "id": "r", "request_id": "q"}, ("m", "r", "q")),
        ({"model": "m", "headers": {"x-request-id": "q"}}, ("m", "own", "q")),
        ({"model_id": "m", "ResponseMetadata": {"RequestId": "q"}}, ("m", "own", "q")),
        ({}, (None, "own", None)),
    ],
)
def test_the_providers_names_for_the_answer_are_found(message, metadata, expected):
    response = read_whole(message("a", id="own", response_metadata=metadata))
    assert (response.model, response.response_id, response.request_id) == expected


@pytest.mark.parametrize("made_up", ["run-1", "lc_run--1", "lc_1"])
def test_an_id_that_langchain_made_up_is_none(message, made_up):
    assert read_whole(message("a", id=made_up)).response_id is None
