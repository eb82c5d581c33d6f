"""A LangChain class as a session: the answer, the way it takes, threads, deadlines, cancellation, isolation."""

import asyncio
import concurrent.futures
import contextlib
import threading

import pytest
from dragoman.errors import CallTimeoutError, ProtocolError, ProviderError, RateLimitedError, UnsupportedError
from dragoman.events import Finished, Reported, Started, TextDelta
from dragoman.langchain_driver.threads import MAX_THREADS, THREAD_NAME

WAYS = {  # class -> the method that a whole answer takes, and a stream
    "Whole": ("_generate", "_generate"),
    "Blocking": ("_generate", "_stream"),
    "AsyncWhole": ("_agenerate", "_agenerate"),
    "AsyncStream": ("_astream", "_astream"),
    "Async": ("_agenerate", "_astream"),
    "Mixed": ("_agenerate", "_stream"),
}


async def answer(engine, document, streamed, message="hi", **rest):
    if not streamed:
        return await engine.chat(document, message, **rest)
    async with engine.stream(document, message, **rest) as stream:
        async for _ in stream:
            pass
        return stream.response


# --- the answer, and the way it takes ----------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("kind", WAYS)
async def test_every_class_answers_by_a_method_that_it_wrote_itself(driving, adapter, models, say, kind, streamed):
    model = getattr(models, kind)(
        steps=[
            say("Hel", id="answer-1", response_metadata={"model_name": "m-1"}),
            say("lo"),
            say(usage_metadata={"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}),
            say(response_metadata={"finish_reason": "stop", "fingerprint": "f"}),
        ]
    )
    response = await answer(driving(lambda *_: model), adapter, streamed)
    assert (response.text, response.finish_reason, response.provider_finish_reason) == ("Hello", "stop", "stop")
    assert (response.model, response.response_id, response.extra) == ("m-1", "answer-1", {"fingerprint": "f"})
    assert (*response.usage[:3], response.usage.source) == (5, 2, 7, "provider")
    assert (response.adapter, response.provider) == ("classy", "classes")
    method = WAYS[kind][streamed]
    assert [asked.method for asked in model.asked] == [method]
    in_thread = model.asked[0].thread.startswith(THREAD_NAME)
    assert in_thread == (method in ("_generate", "_stream"))


async def test_a_stream_arrives_piece_by_piece(driving, adapter, models, say):
    read = threading.Event()
    model = models.Blocking(steps=[say("one"), lambda: read.wait(30), say("two")])
    texts = []
    async for event in driving(lambda *_: model).stream(adapter, "hi"):
        if isinstance(event, TextDelta):
            texts.append(event.text)
            read.set()
    assert texts == ["one", "two"]


async def test_events_keep_their_order(driving, adapter, models, say):
    model = models.Async(steps=[say("a"), say("b")])
    events = [event async for event in driving(lambda *_: model).stream(adapter, "hi")]
    kinds = [type(event) for event in events]
    assert (kinds[0], kinds.count(Started), kinds.count(Finished)) == (Started, 1, 1)


async def test_the_simplest_class_of_langchain_answers(driving, adapter, models):
    model = models.Simple()
    for streamed in (False, True):
        response = await answer(driving(lambda *_: model), adapter, streamed)
        assert (response.text, response.finish_reason) == ("you said hi", "unknown")
        assert response.usage.source == "estimated"
    assert all(name.startswith(THREAD_NAME) for name in model.threads)


@pytest.mark.parametrize("switch", [{"disable_streaming": True}, {"streaming": False}])
async def test_a_class_with_its_streaming_off_says_so(driving, adapter, models, say, switch):
    class Switchable(models.Blocking):
        streaming: bool = True

    model = Switchable(steps=[say("whole")], **switch)
    response = await answer(driving(lambda *_: model), adapter, streamed=True)
    assert [asked.method for asked in model.asked] == ["_generate"]
    assert (response.text, [r.code for r in response.reports]) == ("whole", ["not_streamed"])
    assert not (await answer(driving(lambda *_: model), adapter, streamed=False)).reports


@pytest.mark.parametrize("kind", ["Blocking", "Async"])
async def test_an_answer_without_a_chunk_is_none(driving, adapter, models, kind):
    model = getattr(models, kind)(steps=[])
    with pytest.raises(ProtocolError, match="no answer"):
        await answer(driving(lambda *_: model), adapter, streamed=True)


async def test_arguments_that_the_plugin_bound_are_passed(driving, adapter, models, say):
    model = models.Blocking(steps=[say("ok")])
    await answer(driving(lambda *_: model.bind(top=1).bind(low=2)), adapter, streamed=True)
    assert model.asked[0].options == {"top": 1, "low": 2}


async def test_a_method_that_relies_on_a_callback_manager_gets_one(driving, adapter, models, say):
    class Reliant(models.Whole):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            run_manager.on_text("working")
            return super()._generate(messages)

    assert (await driving(lambda *_: Reliant(steps=[say("ok")])).chat(adapter, "hi")).text == "ok"


async def test_the_classs_own_rate_limiter_is_asked(driving, adapter, models, say):
    from langchain_core.rate_limiters import BaseRateLimiter

    asked = []

    class Limiter(BaseRateLimiter):
        def acquire(self, *, blocking=True):
            asked.append(("acquire", blocking))
            return True

        async def aacquire(self, *, blocking=True):
            asked.append(("aacquire", blocking))
            return True

    for kind in ("Blocking", "Async"):
        model = getattr(models, kind)(steps=[say("ok")], rate_limiter=Limiter())
        for streamed in (False, True):
            await answer(driving(lambda *_, model=model: model), adapter, streamed)
    assert asked == [("acquire", True)] * 2 + [("aacquire", True)] * 2


# --- threads -----------------------------------------------------------------------------------------------------


class Recorded(concurrent.futures.ThreadPoolExecutor):
    """Keeps which functions it was given."""

    def __init__(self):
        super().__init__(1)
        self.given = []

    def submit(self, function, /, *args, **kwargs):
        self.given.append(function)
        return super().submit(function, *args, **kwargs)


@pytest.mark.parametrize("streamed", [False, True])
async def test_fifty_blocked_calls_leave_the_loops_default_executor_alone(driving, adapter, models, say, streamed):
    default = Recorded()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(default)
    all_blocked, may_go = threading.Barrier(51), threading.Event()

    def block():
        all_blocked.wait(30)
        may_go.wait(30)

    model = models.Blocking(steps=[block, say("late")])
    engine = driving(lambda *_: model)
    calls = [asyncio.create_task(answer(engine, adapter, streamed)) for _ in range(50)]
    await engine.run_blocking(all_blocked.wait, 30)  # fifty at a time, in threads
    assert await loop.run_in_executor(None, threading.current_thread) is not None
    may_go.set()
    assert [response.text for response in await asyncio.gather(*calls)] == ["late"] * 50
    assert default.given == [threading.current_thread]
    names = {asked.thread for asked in model.asked}
    assert len(names) == 50
    assert all(name.startswith(THREAD_NAME) for name in names)


async def test_calls_at_a_time_are_bounded(driving, adapter, models, say):
    inside, most, lock, may_go = [], [], threading.Lock(), threading.Event()

    def count():
        with lock:
            inside.append(1)
            most.append(len(inside))
            if len(inside) == MAX_THREADS:
                may_go.set()
        may_go.wait(30)
        with lock:
            inside.pop()

    model = models.Blocking(steps=[count, say("ok")])
    engine = driving(lambda *_: model)
    responses = await asyncio.gather(*[engine.chat(adapter, "hi") for _ in range(MAX_THREADS + 8)])
    assert len(responses) == MAX_THREADS + 8
    assert max(most) == MAX_THREADS


@pytest.mark.parametrize("streamed", [False, True])
async def test_cancelling_frees_the_caller_while_the_thread_runs_on(driving, adapter, models, say, streamed):
    blocked, may_go, ran_on = threading.Event(), threading.Event(), threading.Event()

    def block():
        blocked.set()
        may_go.wait(30)

    model = models.Blocking(steps=[block, say("unread"), ran_on.set])
    engine = driving(lambda *_: model)
    call = asyncio.create_task(answer(engine, adapter, streamed))
    await engine.run_blocking(blocked.wait, 30)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not may_go.is_set()
    assert all(t.daemon for t in threading.enumerate() if t.name.startswith(THREAD_NAME))  # nor is the process held up
    may_go.set()
    if not streamed:
        assert await engine.run_blocking(ran_on.wait, 30)


async def test_the_total_deadline_frees_the_caller(driving, adapter, models):
    may_go = threading.Event()
    model = models.Blocking(steps=[lambda: may_go.wait(30)])
    document = {**adapter, "limits": {"timeout_s": 0.01, "max_attempts": 1}}
    with pytest.raises(CallTimeoutError) as caught:
        await driving(lambda *_: model).chat(document, "hi")
    may_go.set()
    assert caught.value.phase == "total"


async def test_leaving_a_blocking_stream_closes_it_at_its_next_chunk(driving, adapter, models, say):
    closed = threading.Event()

    class Endless(models.Blocking):
        def _stream(self, messages, stop=None, run_manager=None, **kwargs):
            try:
                while True:
                    yield from super()._stream(messages)
            finally:
                closed.set()

    engine = driving(lambda *_: Endless(steps=[say("more")]))
    async with engine.stream(adapter, "hi") as stream:
        async for event in stream:
            if isinstance(event, TextDelta):
                break
    assert await engine.run_blocking(closed.wait, 30)


async def test_leaving_an_asynchronous_stream_closes_it_at_once(driving, adapter, models, say):
    closed = []

    class Watched(models.Async):
        async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
            try:
                async for chunk in super()._astream(messages):
                    yield chunk
            finally:
                closed.append(True)

    engine = driving(lambda *_: Watched(steps=[say("one"), say("two")]))
    async with engine.stream(adapter, "hi") as stream:
        async for event in stream:
            if isinstance(event, TextDelta):
                break
    assert closed == [True]


async def test_a_thread_that_is_far_ahead_waits_for_its_reader(driving, adapter, models, say):
    said = []
    model = models.Blocking(steps=[step for i in range(500) for step in (lambda: said.append(1), say(f"{i} "))])
    ahead = []
    async with driving(lambda *_: model).stream(adapter, "hi") as stream:
        read = 0
        async for event in stream:
            if isinstance(event, TextDelta):
                read += 1
                ahead.append(len(said) - read)
        assert stream.response.text == "".join(f"{i} " for i in range(500))
    assert max(ahead) <= 2 + 64


# --- deadlines, errors, attempts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "phase"), [((), "first_byte"), (("said",), "between_chunks")])
async def test_a_stream_that_stalls_is_given_up(driving, adapter, models, say, before, phase):
    async def stall():
        await asyncio.Event().wait()

    model = models.Async(steps=[*map(say, before), stall])
    limits = {"max_attempts": 1, "first_byte_timeout_s": 0.01, "chunk_timeout_s": 0.01}
    with pytest.raises(CallTimeoutError) as caught:
        await answer(driving(lambda *_: model), {**adapter, "limits": limits}, streamed=True)
    assert caught.value.phase == phase


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("kind", ["Blocking", "Async"])
async def test_an_error_comes_as_one_of_ours_without_the_prompt(driving, adapter, models, kind, streamed):
    model = getattr(models, kind)(steps=[ValueError("cannot read 'the prompt'")])
    with pytest.raises(ProviderError) as caught:
        await answer(driving(lambda *_: model), adapter, streamed, message="the prompt")
    assert type(caught.value) is ProviderError
    assert f"the LangChain class {kind} failed: ValueError at " in caught.value.message
    assert "prompt" not in str(caught.value)
    assert (caught.value.provider, caught.value.model) == ("classes", "m")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_what_came_before_an_error_is_delivered(driving, adapter, models, say):
    for kind in ("Blocking", "Async"):
        model = getattr(models, kind)(steps=[say("half"), OSError("broken")])
        stream = driving(lambda *_, model=model: model).stream(adapter, "hi")
        with pytest.raises(ProviderError):
            async for _ in stream:
                pass
        assert stream.response.text == "half"


class LimitedError(Exception):
    """What an SDK's error of status 429 looks like."""

    status_code = 429
    response = type("Reply", (), {"headers": {"Retry-After": "0"}})


async def test_the_engine_makes_the_next_attempt(driving, adapter, models, say):
    model = models.Blocking(steps=[LimitedError("later")])

    def recover():
        model.steps = [say("at last")]

    document = {**adapter, "limits": {"max_attempts": 2}}
    model.steps = [recover, LimitedError("later")]
    assert (await driving(lambda *_: model).chat(document, "hi")).text == "at last"
    model.steps = [LimitedError("later")]
    with pytest.raises(RateLimitedError):
        await driving(lambda *_: model).chat(document, "hi")


async def test_a_call_that_ends_the_thread_in_an_odd_way_still_ends(driving, adapter, models):
    for odd in (StopIteration("odd"), concurrent.futures.CancelledError()):
        with pytest.raises((ProviderError, asyncio.CancelledError)):
            await driving(lambda *_, odd=odd: models.Whole(steps=[odd])).chat(adapter, "hi")


# --- what it promises less ---------------------------------------------------------------------------------------


async def test_a_dry_run_is_refused_with_the_reason(driving, adapter, models):
    with pytest.raises(UnsupportedError, match=r"LangChain class cannot show its request.*use runtime: native"):
        await driving(lambda *_: models.Whole()).dry_run(adapter, "hi")


async def test_the_adapter_says_what_it_gives_up_and_the_answers_do_not(driving, adapter, models, say):
    engine = driving(lambda *_: models.Whole(steps=[say("ok")]))
    assert [note.code for note in (await engine.adapters.effective(adapter)).notes] == ["langchain_runtime"]
    assert (await engine.chat(adapter, "hi")).reports == ()


# --- tools -------------------------------------------------------------------------------------------------------

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    ("choice", "options"),
    [
        (None, {"tools": [TOOL]}),
        ("auto", {"tools": [TOOL]}),
        ("required", {"tools": [TOOL], "tool_choice": "any"}),
        ("weather", {"tools": [TOOL], "tool_choice": "weather"}),
        ("none", {}),
    ],
)
async def test_tools_and_their_choice_are_bound(driving, adapter, models, say, choice, options):
    model = models.Tooled(steps=[say("ok")])
    response = await driving(lambda *_: model).chat(adapter, "hi", tools=[TOOL], tool_choice=choice)
    assert model.asked[0].options == options
    assert [r.code for r in response.reports] == (["tools_not_offered"] if choice == "none" else [])


async def test_parallel_calls_are_asked_for_where_the_class_can_say_so(driving, adapter, models, say):
    from dragoman.messages import ToolChoice

    model = models.Tooled(steps=[say("ok")])
    choice = ToolChoice("auto", parallel=False)
    await driving(lambda *_: model).chat(adapter, "hi", tools=[TOOL], tool_choice=choice)
    assert model.asked[0].options["parallel"] is False
    with pytest.raises(UnsupportedError, match=r"tool_choice\.parallel"):
        await driving(lambda *_: models.Blocking()).chat(adapter, "hi", tools=[TOOL], tool_choice=choice)


async def test_a_class_without_tools_refuses_them(driving, adapter, models):
    model = models.Blocking()
    with pytest.raises(UnsupportedError, match=r"tools: the LangChain class Blocking takes no tools"):
        await driving(lambda *_: model).chat(adapter, "hi", tools=[TOOL])
    assert not model.asked


async def test_a_class_that_objects_to_the_tools_is_heard_without_its_words(driving, adapter, models):
    class Picky(models.Blocking):
        def bind_tools(self, tools, **kwargs):
            raise ValueError(f"bad: {tools}")

    with pytest.raises(UnsupportedError, match=r"tools: .*does not take these tools.*\(ValueError\)") as caught:
        await driving(lambda *_: Picky()).chat(adapter, "hi", tools=[TOOL])
    assert "weather" not in str(caught.value)


@pytest.mark.parametrize("streamed", [False, True])
async def test_tool_calls_come_back(driving, adapter, models, say, streamed):
    pieces = [
        {"name": "weather", "args": '{"ci', "id": "c1", "index": 0},
        {"name": None, "args": 'ty": "Paris"}', "id": None, "index": 0},
        {"name": "weather", "args": "{}", "id": "c2", "index": 1},
    ]
    model = models.Tooled(steps=[say(tool_call_chunks=[piece]) for piece in pieces])
    response = await answer(driving(lambda *_: model), adapter, streamed, tools=[TOOL])
    calls = [(call.id, call.name, call.arguments) for call in response.tool_calls]
    assert calls == [("c1", "weather", '{"city": "Paris"}'), ("c2", "weather", "{}")]
    assert response.finish_reason == "tool_calls"


# --- isolation ---------------------------------------------------------------------------------------------------


async def test_a_process_wide_cache_does_not_answer(driving, adapter, models, say):
    from langchain_core.caches import InMemoryCache
    from langchain_core.globals import set_llm_cache

    model = models.Blocking(steps=[say("fresh")])
    engine = driving(lambda *_: model)
    set_llm_cache(InMemoryCache())
    try:
        for _ in range(2):
            await engine.chat(adapter, "hi")
    finally:
        set_llm_cache(None)
    assert len(model.asked) == 2


async def test_a_context_of_the_caller_reaches_the_class(driving, adapter, models, say):
    import contextvars

    tenant = contextvars.ContextVar("tenant", default="nobody")
    found = []

    async def look():
        found.append(tenant.get())

    for kind, step in (("Blocking", lambda: found.append(tenant.get())), ("Async", look)):
        model = getattr(models, kind)(steps=[step, say("ok")])
        token = tenant.set(kind)
        await answer(driving(lambda *_, model=model: model), adapter, streamed=True)
        tenant.reset(token)
    assert found == ["Blocking", "Async"]


async def test_the_engine_reports_nothing_of_its_own_in_a_stream(driving, adapter, models, say):
    events = [e async for e in driving(lambda *_: models.Async(steps=[say("ok")])).stream(adapter, "hi")]
    assert not [e for e in events if isinstance(e, Reported)]


def test_two_loops_have_a_model_each(engine_of, adapter, models, say):
    built = []

    def build(*_):
        built.append(models.Async(steps=[say("ok")]))
        return built[-1]

    engine = engine_of(build)

    async def twice():
        for _ in range(2):
            await engine.chat(adapter, "hi")
        await engine.aclose()

    for _ in range(2):
        asyncio.run(twice())
    assert [len(model.asked) for model in built] == [2, 2]


async def test_the_thread_of_a_call_that_nobody_awaits_ends_quietly(driving, adapter, models, caplog):
    blocked, may_go = threading.Event(), threading.Event()

    def block():
        blocked.set()
        may_go.wait(30)
        raise ValueError("late")

    engine = driving(lambda *_: models.Blocking(steps=[block]))
    call = asyncio.create_task(engine.chat(adapter, "hi"))
    await engine.run_blocking(blocked.wait, 30)
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call
    may_go.set()
    thread = next(t for t in threading.enumerate() if t.name.startswith(THREAD_NAME))
    await engine.run_blocking(thread.join, 30)
    await asyncio.sleep(0)
    assert not caplog.records
