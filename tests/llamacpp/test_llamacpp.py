"""What a user of an OpenAI-compatible server is promised, against llama.cpp's own."""

from __future__ import annotations

from typing import Any

import pytest
from dragoman import Engine
from dragoman.errors import AuthenticationError, ContextOverflowError, ProtocolError, ProviderError, ServerError
from dragoman.events import Finished, TextDelta

QUESTION = [
    {"role": "system", "content": "Answer briefly."},
    {"role": "user", "content": "Tell me about iterators."},
]
TOO_LONG = "word " * 600

Document = dict[str, Any]


async def test_chat_answers(engine: Engine, adapter: Document) -> None:
    answer = await engine.chat(adapter, QUESTION, max_tokens=12)
    assert answer.text
    assert answer.model == adapter["model"]
    assert answer.usage.source == "provider"
    assert answer.usage.total_tokens == (answer.usage.input_tokens or 0) + 12


async def test_stream_comes_in_pieces_and_amounts_to_the_same_answer(engine: Engine, adapter: Document) -> None:
    whole = await engine.chat(adapter, QUESTION, max_tokens=20)
    async with engine.stream(adapter, QUESTION, max_tokens=20) as stream:
        events = [event async for event in stream]
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 5
    assert "".join(pieces) == whole.text == stream.response.text
    assert [event.reason for event in events if isinstance(event, Finished)] == ["length"]
    assert stream.response.usage.output_tokens


async def test_temperature_0_and_a_seed_repeat_an_answer(engine: Engine, adapter: Document) -> None:
    async def answers(**inference: Any) -> set[str]:
        return {(await engine.chat(adapter, QUESTION, max_tokens=12, **inference)).text for _ in range(2)}

    assert len(await answers(temperature=0)) == 1
    assert len(await answers(temperature=1, seed=11)) == 1
    assert await answers(temperature=1, seed=11) != await answers(temperature=1, seed=12)


async def test_top_k_reaches_the_server(engine: Engine, adapter: Document) -> None:
    greedy = await engine.chat(adapter, QUESTION, max_tokens=12)
    narrow = await engine.chat(adapter, QUESTION, max_tokens=12, temperature=1, top_k=1)
    assert narrow.text == greedy.text


@pytest.mark.parametrize("max_tokens", [1, 7])
async def test_max_tokens_ends_the_answer(engine: Engine, adapter: Document, max_tokens: int) -> None:
    answer = await engine.chat(adapter, QUESTION, max_tokens=max_tokens)
    assert answer.finish_reason == "length"
    assert answer.usage.output_tokens == max_tokens


@pytest.mark.parametrize("streamed", [False, True], ids=["chat", "stream"])
async def test_a_stop_sequence_ends_the_answer_and_is_not_part_of_it(
    engine: Engine, adapter: Document, streamed: bool
) -> None:
    whole = (await engine.chat(adapter, QUESTION, max_tokens=30)).text
    stop = whole[10:13]
    inference: Document = {"max_tokens": 30, "stop_sequences": [stop]}
    if streamed:
        async with engine.stream(adapter, QUESTION, **inference) as stream:
            text = "".join([piece async for piece in stream.text()])
        answer = stream.response
        assert text == answer.text
    else:
        answer = await engine.chat(adapter, QUESTION, **inference)
    assert answer.text == whole[: whole.index(stop)]
    assert answer.finish_reason == "stop"


async def test_a_stream_that_is_left_early_does_not_occupy_the_server(engine: Engine, adapter: Document) -> None:
    async with engine.stream(adapter, QUESTION, max_tokens=400) as stream:
        async for event in stream:
            if isinstance(event, TextDelta):
                break
    assert (await engine.chat(adapter, QUESTION, max_tokens=1)).text


# --- errors ------------------------------------------------------------------------------------------------------


async def consume(engine: Engine, adapter: Document, messages: Any, streamed: bool) -> None:
    if not streamed:
        await engine.chat(adapter, messages)
        return
    async with engine.stream(adapter, messages) as stream:
        async for _ in stream:
            pass


async def test_too_long_a_conversation_is_named_as_such(engine: Engine, adapter: Document) -> None:
    with pytest.raises(ContextOverflowError) as caught:
        await engine.chat(adapter, TOO_LONG)
    assert caught.value.status == 400
    assert not caught.value.retryable


async def test_a_stream_without_a_word_is_no_answer(engine: Engine, adapter: Document) -> None:
    with pytest.raises(ProtocolError):  # to the same conversation as a stream this server answers 200 and nothing more
        await consume(engine, adapter, TOO_LONG, streamed=True)


@pytest.mark.parametrize("streamed", [False, True], ids=["chat", "stream"])
async def test_a_wrong_key_is_an_authentication_error_without_the_key(
    engine: Engine, adapter: Document, streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_CPP_API_KEY", "sk-canary-1234")
    with pytest.raises(AuthenticationError) as caught:
        await consume(engine, adapter, QUESTION, streamed)
    assert "canary" not in f"{caught.value!r} {caught.value} {caught.value.as_dict()}"


async def test_a_member_that_the_server_refuses_is_its_error(engine: Engine, adapter: Document) -> None:
    with pytest.raises(ServerError) as caught:  # it answers a request that it cannot validate with status 500
        await consume(engine, {**adapter, "model_kwargs": {"mirostat_mode": 9}}, QUESTION, streamed=False)
    assert caught.value.provider == "openai-compatible"


async def test_the_server_still_answers_after_every_error(engine: Engine, adapter: Document) -> None:
    with pytest.raises(ProviderError):
        await engine.chat(adapter, TOO_LONG)
    assert (await engine.chat(adapter, QUESTION, max_tokens=1)).text
