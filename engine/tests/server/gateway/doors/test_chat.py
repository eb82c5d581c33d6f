"""Chat through OpenAI's own client: whole answers and streams, tools, structured output, usage, what is left out."""

import json
from decimal import Decimal

import openai
import pytest

ASK = [{"role": "user", "content": "hello there"}]


def say(text):
    return [{"role": "user", "content": text}]


@pytest.fixture
def gateway(serve):
    return serve()


@pytest.fixture
def client(gateway):
    with gateway.openai(gateway.key()) as client:
        yield client


@pytest.fixture
def developer(gateway):
    with gateway.openai(gateway.key("dev", "developer")) as client:
        yield client


def streamed(client, text, **rest):
    return list(client.chat.completions.create(model="model", messages=say(text), stream=True, **rest))


# --- whole answers -----------------------------------------------------------------------------------------------


def test_a_whole_answer(client):
    answer = client.chat.completions.create(model="model", messages=ASK)
    assert answer.choices[0].message.content == "hello there "
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "model"
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (7, 5, 12)
    assert usage.prompt_tokens_details.cached_tokens == 3
    assert usage.completion_tokens_details.reasoning_tokens == 1


def test_an_alias_is_a_name(client):
    assert client.chat.completions.create(model="a/b", messages=ASK).model == "model"


def test_tools_travel_there_and_back(client):
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    answer = client.chat.completions.create(
        model="model", messages=say('!call:weather:{"city":"Rome"}'), tools=[tool], parallel_tool_calls=False
    )
    (call,) = answer.choices[0].message.tool_calls
    assert (call.id, call.function.name, json.loads(call.function.arguments)) == ("call-0", "weather", {"city": "Rome"})
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content is None
    again = [
        *say("what is the weather"),
        answer.choices[0].message.model_dump(),  # with all the members that are null
        {"role": "tool", "tool_call_id": call.id, "content": "fine"},
        {"role": "user", "content": "!asked"},
    ]
    shown = client.chat.completions.create(
        model="model", messages=again, tools=[tool], tool_choice="required", parallel_tool_calls=False
    )
    asked = json.loads(shown.choices[0].message.content)
    assert asked["roles"] == ["user", "assistant", "tool", "user"]
    assert asked["tools"] == ["weather"]
    assert asked["choice"] == ["required", None, False]


def test_openai_fields_become_settings(client):
    answer = client.chat.completions.create(
        model="model", messages=say("!settings"), temperature=0, top_p=0.5, max_completion_tokens=9, stop="END", seed=1,
        presence_penalty=0.5, frequency_penalty=0.25, reasoning_effort="low", logprobs=True, user="me", n=1,
        response_format={"type": "json_object"},
    )  # fmt: skip
    assert json.loads(answer.choices[0].message.content) == {
        "temperature": 0, "top_p": 0.5, "max_tokens": 9, "stop_sequences": ["END"], "seed": 1,
        "presence_penalty": 0.5, "frequency_penalty": 0.25, "reasoning": {"effort": "low"}, "logprobs": True,
        "user": "me", "response_format": {"type": "json_object"},
    }  # fmt: skip


def test_structured_output_keeps_its_schema(client):
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"], "default": None}}}
    answer = client.chat.completions.create(
        model="model",
        messages=say("!settings"),
        response_format={"type": "json_schema", "json_schema": {"name": "it", "schema": schema, "strict": True}},
    )
    shown = json.loads(answer.choices[0].message.content)["response_format"]["json_schema"]
    assert shown["name"] == "it"
    assert shown.get("schema", shown.get("schema_")) == schema


def test_images_travel(client):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    content = [{"type": "text", "text": "!asked"}, image]
    answer = client.chat.completions.create(model="model", messages=[{"role": "user", "content": content}])
    assert json.loads(answer.choices[0].message.content)["parts"] == ["Text", "Image"]


SIGNED = {"type": "thinking", "thinking": "hm", "signature": "s1"}
SEALED = {"type": "redacted_thinking", "data": "r1"}


def test_signed_and_sealed_reasoning_goes_there_and_back(client):
    ask = say('!think:hm !sign:s1 !seal:r1 !call:weather:{"city":"Rome"}')
    answer = client.chat.completions.create(model="model", messages=ask).choices[0].message
    assert answer.thinking_blocks == [SIGNED, SEALED]
    chunks = client.chat.completions.create(model="model", messages=ask, stream=True)
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert [block for delta in deltas for block in getattr(delta, "thinking_blocks", ())] == [SIGNED, SEALED]
    result = {"role": "tool", "tool_call_id": answer.tool_calls[0].id, "content": "sunny"}
    again = client.chat.completions.with_raw_response.create(
        model="model", messages=[*ask, answer.to_dict(), result, *say("!thought")]
    )
    assert json.loads(again.parse().choices[0].message.content) == [["hm", "s1", None], ["", None, "r1"]]
    assert "x-dragoman-left-out" not in again.headers


def test_unsigned_reasoning_needs_no_blocks(client):
    answer = client.chat.completions.create(model="model", messages=say("!think:hm yes")).choices[0].message
    assert not hasattr(answer, "thinking_blocks")
    back = {**answer.to_dict(), "thinking_blocks": []}
    again = client.chat.completions.create(model="model", messages=[*ASK, back, *say("!thought")])
    assert json.loads(again.choices[0].message.content) == [["hm", None, None]]


@pytest.mark.parametrize("blocks", ["text", [1], [{"type": "other"}], [{"type": "redacted_thinking"}]])
def test_blocks_that_are_none_are_refused(client, blocks):
    message = {"role": "assistant", "content": "x", "thinking_blocks": blocks}
    with pytest.raises(openai.BadRequestError, match="thinking_blocks"):
        client.chat.completions.create(model="model", messages=[*ASK, message, *ASK])


def test_reasoning_refusal_and_log_probabilities_have_their_places(client):
    answer = client.chat.completions.create(model="model", messages=say("!think:hmm !fields yes"))
    assert answer.choices[0].message.reasoning_content == "hmm"
    assert answer.choices[0].logprobs.content[0].token == "a"
    refused = client.chat.completions.create(model="model", messages=say("!refuse"))
    assert refused.choices[0].message.refusal == "I would rather not."
    assert refused.choices[0].message.content is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("length", "length"), ("stop_sequence", "stop"), ("content_filter", "content_filter"), ("unknown", "stop")],
)
def test_the_end_is_told_in_openais_words(client, ours, theirs):
    text = f"hi !end:{ours}"
    assert client.chat.completions.create(model="model", messages=say(text)).choices[0].finish_reason == theirs
    assert streamed(client, text)[-1].choices[0].finish_reason == theirs


def test_what_the_provider_adds_is_shown_to_developers_and_reports_to_all(client, developer):
    shown = developer.chat.completions.create(model="model", messages=say("!fields !report yes")).model_extra
    assert shown["dragoman"]["extra"] == {"trace": "t-1"}
    less = client.chat.completions.create(model="model", messages=say("!fields !report yes")).model_extra
    assert "extra" not in less["dragoman"]
    assert less["dragoman"]["reports"][0]["path"] == "inference.seed"


# --- streams -----------------------------------------------------------------------------------------------------


def test_a_stream(client):
    chunks = streamed(client, "hello there")
    assert [c.choices[0].delta.content for c in chunks] == ["", "hello ", "there ", None]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks] == [None, None, None, "stop"]
    assert {c.model for c in chunks} == {"model"}
    assert len({c.id for c in chunks}) == 1


def test_a_stream_ends_with_its_usage_where_that_is_asked_for(client):
    *chunks, last = streamed(client, "hello", stream_options={"include_usage": True})
    assert last.choices == []
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (7, 5)
    assert all(c.usage is None for c in chunks)


def test_a_stream_of_tool_calls_reasoning_and_log_probabilities(client):
    chunks = streamed(client, '!think:hmm !call:one:{"a":1} !call:two:{} !fields')
    pieces = [piece for c in chunks for piece in c.choices[0].delta.tool_calls or ()]
    assert [(p.index, p.id, p.function.name) for p in pieces if p.id] == [(0, "call-0", "one"), (1, "call-1", "two")]
    assert "".join(p.function.arguments for p in pieces if p.index == 0) == '{"a":1}'
    assert chunks[1].choices[0].delta.reasoning_content == "hmm"
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert chunks[-1].choices[0].logprobs.content[0].logprob == -1.0


def test_the_clients_own_stream_helper_reads_it(client):
    with client.chat.completions.stream(model="model", messages=say("hello there")) as stream:
        stream.until_done()
        assert stream.get_final_completion().choices[0].message.content == "hello there "


# --- unknown fields ----------------------------------------------------------------------------------------------


def test_an_unknown_field_is_left_out_and_named(client):
    raw = client.chat.completions.with_raw_response.create(
        model="model",
        messages=say("!kwargs"),
        extra_body={"min_p": 0.1, "bad name\r\n": 1, "store": True, "top_a": None},
    )
    assert json.loads(raw.parse().choices[0].message.content) == {}
    assert raw.headers["x-dragoman-left-out"].split(", ") == ["store", "min_p", "?"] or set(
        raw.headers["x-dragoman-left-out"].split(", ")
    ) == {"store", "min_p", "?"}


def test_a_developers_unknown_field_is_passed_on(developer):
    raw = developer.chat.completions.with_raw_response.create(
        model="model", messages=say("!kwargs"), extra_body={"min_p": 0.1, "store": True}
    )
    assert json.loads(raw.parse().choices[0].message.content) == {"min_p": 0.1}
    assert raw.headers["x-dragoman-left-out"] == "store"


def test_a_setting_of_the_providers_own_is_open_to_everybody(client):
    answer = client.chat.completions.create(model="model", messages=say("!settings"), extra_body={"volume": 3})
    assert json.loads(answer.choices[0].message.content) == {"temperature": 0.5, "volume": 3}


# --- the ledger --------------------------------------------------------------------------------------------------


def test_every_call_is_booked_once_with_its_cost(gateway, client):
    client.chat.completions.create(model="model", messages=ASK)
    streamed(client, "hello")
    whole, stream = gateway.calls()
    for call in (whole, stream):
        assert (call["principal"], call["project"], call["adapter"]) == ("somebody", "shop", "model")
        assert (call["input_tokens"], call["output_tokens"], call["cached_input_tokens"]) == (7, 5, 3)
        assert (call["status"], call["attempts"], call["usage_source"]) == (200, 1, "provider")
        assert Decimal(call["cost_picos"]) / 10**12 == 17
        assert call["adapter_digest"]
        assert call["duration_s"] > 0
        assert call["bytes_in"] > 0
    assert whole["bytes_out"] > 0
    assert stream["first_token_s"] > 0
