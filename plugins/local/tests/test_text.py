"""What a text from the toy model promises: every setting is visibly obeyed."""

import asyncio
from collections import Counter

import pytest
from dragoman import Engine, Settings
from dragoman.errors import UnsupportedError
from dragoman.events import Finished, Started, TextDelta, UsageReported
from dragoman_local.tokens import count

PROMPT = "Tell me about iterators"
PROMPTS = [PROMPT, "What is a class?", "Hello", "Say hi to Zork!", "2 + 2?", "…", "Qu'est-ce que c'est ?", "", "你好"]


async def texts(engine, seeds, **inference):
    return [(await engine.chat("local", PROMPT, seed=seed, **inference)).text for seed in seeds]


@pytest.mark.parametrize("prompt", PROMPTS)
async def test_temperature_0_always_says_the_same(engine, prompt):
    answers = {(await engine.chat("local", prompt, temperature=0)).text for _ in range(3)}
    assert len(answers) == 1
    assert answers.pop()


@pytest.mark.parametrize("greedy", [{"top_k": 1}, {"top_p": 0}])
@pytest.mark.parametrize("prompt", PROMPTS)
async def test_the_narrowest_sampling_is_temperature_0(engine, prompt, greedy):
    coldest = await engine.chat("local", prompt, temperature=0)
    narrow = await engine.chat("local", prompt, seed=5, **greedy)
    assert narrow.text == coldest.text


async def test_a_seed_repeats_a_text_and_seeds_differ(engine):
    first = await texts(engine, range(20))
    assert first == await texts(engine, range(20))
    assert len(set(first)) == 20


async def test_a_negative_seed_is_a_seed_of_its_own(engine):
    assert len(set(await texts(engine, [7, -7]))) == 2


async def test_without_a_seed_texts_differ(engine):
    assert len({(await engine.chat("local", PROMPT)).text for _ in range(5)}) > 1


@pytest.mark.parametrize("narrow", [{"temperature": 0.1}, {"top_p": 0.1}, {"top_k": 2, "temperature": 0.3}])
async def test_narrower_sampling_says_fewer_different_things(engine, narrow):
    wide = await texts(engine, range(20), max_tokens=12)
    assert len(set(await texts(engine, range(20), max_tokens=12, **narrow))) < len(set(wide))


async def test_a_higher_temperature_uses_more_different_words(engine):
    cold, hot = [len(set(" ".join(await texts(engine, range(5), temperature=t)).split())) for t in (0.2, 5)]
    assert cold < hot


@pytest.mark.parametrize("absent", [{"top_k": 0}, {"top_p": 1}, {"temperature": 1}, {"presence_penalty": 0}])
async def test_a_setting_at_its_neutral_value_changes_nothing(engine, absent):
    assert await texts(engine, [3], **absent) == await texts(engine, [3])


async def test_different_prompts_give_different_texts(engine):
    assert len({(await engine.chat("local", prompt, temperature=0)).text for prompt in PROMPTS}) >= len(PROMPTS) - 1


async def test_a_text_takes_up_a_word_of_the_prompt(engine):
    response = await engine.chat("local", "Do you know Kowalski?", temperature=0)
    assert response.text.startswith("Kowalski")


@pytest.mark.parametrize("most", [1, 2, 7, 39])
async def test_max_tokens_cuts_the_same_text(engine, most):
    whole = await engine.chat("local", PROMPT, seed=1)
    cut = await engine.chat("local", PROMPT, seed=1, max_tokens=most)
    assert cut.finish_reason == "length"
    assert cut.usage.output_tokens == count(cut.text) == most
    assert whole.text.startswith(cut.text)


async def test_a_text_that_just_fits_ends_of_itself(engine):
    whole = await engine.chat("local", PROMPT, seed=1)
    same = await engine.chat("local", PROMPT, seed=1, max_tokens=whole.usage.output_tokens)
    assert (same.text, same.finish_reason) == (whole.text, "stop")


@pytest.mark.parametrize("seed", range(10))
async def test_a_text_ends_of_itself_with_a_sentence(engine, seed):
    response = await engine.chat("local", PROMPT, seed=seed)
    assert response.finish_reason == "stop"
    assert response.text[-1] in ".!?"
    assert 40 <= response.usage.output_tokens <= 161


@pytest.mark.parametrize("least", [1, 150])
async def test_min_tokens_moves_the_natural_end(engine, least):
    response = await engine.chat("local", PROMPT, seed=2, min_tokens=least)
    assert least <= response.usage.output_tokens <= least + 121


async def test_max_tokens_wins_over_min_tokens(engine):
    response = await engine.chat("local", PROMPT, min_tokens=100, max_tokens=10)
    assert response.usage.output_tokens == 10


async def test_a_stop_sequence_ends_the_text_wherever_it_begins(engine):
    whole = (await engine.chat("local", PROMPT, temperature=0)).text
    for start in range(0, len(whole) - 9, 7):
        stop = whole[start : start + 9]
        cut = await engine.chat("local", PROMPT, temperature=0, stop_sequences=["never there", stop])
        assert cut.finish_reason == "stop_sequence"
        assert cut.text == whole[: whole.index(stop)]


async def test_a_stop_sequence_that_does_not_come_takes_nothing(engine):
    whole = await engine.chat("local", PROMPT, temperature=0)
    other = await engine.chat("local", PROMPT, temperature=0, stop_sequences=[whole.text + "!", "\x00"])
    assert (other.text, other.finish_reason) == (whole.text, "stop")


async def test_a_half_stop_sequence_survives_the_limit(engine):
    cut = (await engine.chat("local", PROMPT, temperature=0, max_tokens=5)).text
    held = await engine.chat("local", PROMPT, temperature=0, max_tokens=5, stop_sequences=[cut[-4:] + "#"])
    assert (held.text, held.finish_reason) == (cut, "length")


def repeated(text):
    return sum(n - 1 for n in Counter(text.split()).values())


@pytest.mark.parametrize("penalty", ["frequency_penalty", "presence_penalty"])
async def test_a_penalty_avoids_repetition_and_a_bonus_seeks_it(engine, penalty):
    async def repetitions(value):
        return sum(map(repeated, await texts(engine, range(10), max_tokens=40, **{penalty: value})))

    assert await repetitions(2) < await repetitions(0) < await repetitions(-2)


async def test_usage_counts_the_tokens_of_the_model(engine):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a class?"}]
    response = await engine.chat("local", messages, temperature=0)
    usage = response.usage
    assert usage.source == "provider"
    assert usage.input_tokens == 3 + 5
    assert usage.output_tokens == count(response.text)
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


@pytest.mark.parametrize("seed", [0, 1])
async def test_the_stream_adds_up_to_the_answer(engine, seed):
    whole = await engine.chat("local", PROMPT, seed=seed)
    events = [event async for event in engine.stream("local", PROMPT, seed=seed)]
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(pieces) == whole.text
    assert len(pieces) == whole.usage.output_tokens
    assert events[0] == Started(model="ngram")
    assert events[-2:] == [UsageReported(whole.usage), Finished("stop")]


async def test_contexts_of_another_length_give_another_text(engine):
    answers = [
        (await engine.chat("local", PROMPT, seed=1, override={"connection": {"order": order}})).text
        for order in range(1, 6)
    ]
    assert len(set(answers)) >= 4


async def test_a_slower_model_writes_the_same(engine):
    slow = await engine.chat("local", PROMPT, seed=1, override={"connection": {"tokens_per_second": 100_000}})
    assert [slow.text] == await texts(engine, [1])


async def test_the_loop_is_free_between_tokens(engine):
    turns = 0

    async def count_turns():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    response = await engine.chat("local", PROMPT, min_tokens=100)
    counting.cancel()
    assert turns >= response.usage.output_tokens


async def test_closing_a_stream_ends_its_work(engine):
    before = asyncio.all_tasks()
    async with engine.stream("local", PROMPT, min_tokens=1_000_000) as stream:
        async for event in stream:
            if isinstance(event, TextDelta):
                break
    assert asyncio.all_tasks() == before


async def test_a_cancelled_call_ends(engine):
    call = asyncio.create_task(engine.chat("local", PROMPT, min_tokens=1_000_000))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_calls_at_the_same_time_do_not_touch_each_other(engine):
    alone = {prompt: (await engine.chat("local", prompt, temperature=0)).text for prompt in PROMPTS}
    together = await asyncio.gather(*(engine.chat("local", prompt, temperature=0) for prompt in PROMPTS * 3))
    assert [response.text for response in together] == [alone[prompt] for prompt in PROMPTS * 3]


def test_one_engine_serves_one_loop_after_the_other():
    engine = Engine(Settings(plugins={"allow": ["local"]}))

    async def ask():
        async with engine:
            return (await engine.chat("local", PROMPT, temperature=0)).text

    assert asyncio.run(ask()) == asyncio.run(ask())


async def test_a_very_long_conversation_is_read(engine):
    response = await engine.chat("local", "word " * 100_000 + "the end", max_tokens=3)
    assert response.usage.input_tokens == 100_002


async def test_the_dry_run_shows_what_the_model_is_given(engine):
    shown = await engine.dry_run("local", "Hello", temperature=0, stop_sequences=["x"])
    assert (shown.method, shown.url, shown.headers) == ("CALL", "local:ngram", {})
    assert shown.body == {
        "order": 4,
        "messages": [{"role": "user", "content": "Hello"}],
        "inference": {"temperature": 0.0, "stop_sequences": ["x"]},
        "stream": False,
    }


async def test_the_input_is_counted_exactly_for_constraints(engine):
    constraints = {"constraints": {"max_total_tokens": 10}}
    response = await engine.chat("local", "one two three", override=constraints)
    assert response.usage.output_tokens == 7
    assert [report.code for report in response.reports] == ["max_tokens_capped"]


@pytest.mark.parametrize("runs", [Engine.chat, Engine.dry_run])
@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"reasoning": {"effort": "low"}}, "inference.reasoning"),
        ({"stop_sequences": ["a", ""]}, "inference.stop_sequences"),
        ({"response_format": {"type": "json_schema"}}, "inference.response_format.json_schema"),
        ({"override": {"model_kwargs": {"mirostat": 2}}}, "model_kwargs.mirostat"),
        ({"override": {"endpoint_kwargs": {"X-A": "b"}}}, "endpoint_kwargs.X-A"),
    ],
)
async def test_what_cannot_be_obeyed_is_refused(engine, runs, asked, path):
    override = {"capabilities": {"reasoning": None}, **asked.get("override", {})}
    with pytest.raises(UnsupportedError) as refusal:
        await runs(engine, "local", "Hello", **{**asked, "override": override})
    assert refusal.value.path == path


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, "image"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, "audio"),
        ({"type": "file", "file": {"file_id": "f1"}}, "document"),
    ],
)
async def test_parts_that_are_no_text_are_refused_by_place(engine, part, kind):
    content = [{"type": "text", "text": "What is this?"}, part]
    with pytest.raises(UnsupportedError, match=kind) as refusal:
        await engine.chat(
            "local",
            [{"role": "user", "content": content}],
            override={"capabilities": dict.fromkeys(("images", "audio", "documents"))},
        )
    assert refusal.value.path == "messages[0].content[1]"
