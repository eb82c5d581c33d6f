"""One call: attempts, deadlines, cancellation, concurrency, constraints, capabilities, observation."""

import asyncio
import gc
import logging
import pickle
from contextlib import aclosing

import pytest
from dragoman import Engine, Settings
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConstraintError,
    DocumentError,
    InvalidRequestError,
    PluginError,
    ProtocolError,
    RateLimitedError,
    ServerError,
    SettingsError,
    UnsupportedError,
)
from dragoman.events import Finished, Reported, Started, TextDelta, Usage, UsageReported
from dragoman.messages import Image
from dragoman.plugins import load_plugins

SCRIPTED_PLUGIN = '''
"""A provider that does what the test's script says, one step per attempt."""
from dragoman.plugin import *

PLUGIN_API = (1, 0)
steps = []      # one list of events, errors and awaitables per attempt
requests = []   # what the sessions were asked
observed = []
closed = []

class ScriptedSession(Session):
    def __init__(self, context):
        self.context = context

    async def stream(self, request):
        requests.append(request)
        try:
            for step in steps.pop(0):
                if isinstance(step, BaseException):
                    raise step
                if callable(step):
                    await step(self.context)
                else:
                    yield step
        finally:
            closed.append("stream")

    async def count_tokens(self, request):
        from dragoman.events import Usage
        text = request.messages[-1].text
        return Usage(input_tokens=len(text.split()), source="provider") if "counted" in text else None

    async def aclose(self):
        closed.append("session")

class ScriptedProvider(Provider):
    def open(self, target, context):
        return ScriptedSession(context)

class Broken:
    pass

@hookimpl
def dragoman_providers():
    return [
        ProviderDescription(kind="scripted", title="Scripted", factory=f"{__name__}:ScriptedProvider",
                            credentials={"api_key": "SCRIPTED_KEY"}),
        ProviderDescription(kind="absent", title="Absent", factory="no_such_module:Thing"),
        ProviderDescription(kind="odd", title="Odd", factory=f"{__name__}:Broken"),
    ]

@hookimpl
def dragoman_observe(call):
    observed.append(call)
    if call.phase == "start":
        raise RuntimeError("an observer may fail")
'''

ADAPTER = {"name": "s", "provider": "scripted", "model": "m"}
ANSWER = [
    Started("id", "m1"),
    TextDelta("hello"),
    UsageReported(Usage(1, 1, 2, source="provider")),
    Finished("stop", "end"),
]


@pytest.fixture
def script(plugin_module):
    import sys

    entry = plugin_module(SCRIPTED_PLUGIN, "scripted")
    module = sys.modules[entry.value]
    module.entry = entry
    return module


@pytest.fixture
async def engine(script):
    async with Engine(plugins=load_plugins(found=[script.entry])) as engine:
        yield engine


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Record the pauses between attempts instead of sitting through them."""
    pauses = []
    real = asyncio.sleep

    async def sleep(delay, *rest):
        if delay:
            pauses.append(delay)
        await real(0, *rest)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return pauses


async def test_an_answer_is_the_collected_stream(engine, script):
    script.steps += [ANSWER, ANSWER]
    response = await engine.chat(ADAPTER, "hi")
    async with engine.stream(ADAPTER, "hi") as stream:
        events = [event async for event in stream]
    assert events == ANSWER
    assert stream.response == response
    assert (response.text, response.adapter, response.provider, response.model) == ("hello", "s", "scripted", "m1")
    assert pickle.loads(pickle.dumps(response)) == response  # noqa: S301


async def test_an_adapter_that_declares_no_streaming_is_asked_for_the_whole(engine, script):
    script.steps += [ANSWER]
    async with engine.stream({**ADAPTER, "capabilities": {"streaming": False}}, "hi") as stream:
        assert [piece async for piece in stream.text()] == ["hello"]
    assert [request.stream for request in script.requests] == [False]
    assert stream.response.model == "m1"
    assert [(r.code, r.path) for r in stream.response.reports] == [("not_streamed", "capabilities.streaming")]


async def test_who_asks_for_the_whole_is_told_nothing_of_streams(engine, script):
    script.steps += [ANSWER]
    response = await engine.chat({**ADAPTER, "capabilities": {"streaming": False}}, "hi")
    assert not response.reports


async def test_a_whole_answer_for_a_stream_is_tried_again_like_any_other(engine, script):
    script.steps += [[ServerError("busy", retry_after_s=0)], ANSWER]
    async with engine.stream({**ADAPTER, "capabilities": {"streaming": False}}, "hi") as stream:
        assert [piece async for piece in stream.text()] == ["hello"]


async def test_the_text_alone(engine, script):
    script.steps.append(ANSWER)
    async with engine.stream(ADAPTER, "hi") as stream:
        assert [piece async for piece in stream.text()] == ["hello"]


async def test_a_retryable_failure_is_tried_again(engine, script, no_waiting):
    script.steps += [[RateLimitedError("slow down", retry_after_s=2)], [ServerError("oops")], ANSWER]
    response = await engine.chat(ADAPTER, "hi")
    assert response.text == "hello"
    assert 2 <= no_waiting[0] < 3
    assert len(no_waiting) == 2
    assert [c.phase for c in script.observed] == ["start", "end"]
    assert script.observed[-1].attempts == 3


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (ServerError("oops"), 3),
        (InvalidRequestError("no"), 1),
        (RateLimitedError("quota", retryable=False), 1),
        (RateLimitedError("tomorrow", retry_after_s=86400), 1),
    ],
)
@pytest.mark.parametrize("how", ["chat", "stream"])
async def test_attempts_end(engine, script, error, attempts, how):
    script.steps += [[error] for _ in range(5)]
    with pytest.raises(type(error)) as caught:
        await _call(engine, how)
    assert len(script.requests) == attempts
    assert (caught.value.provider, caught.value.model) == ("scripted", "m")
    assert script.observed[-1]._replace(call_id="", duration_s=None) == script.observed[0]._replace(
        phase="error", call_id="", attempts=attempts, error_code=error.code
    )


async def _call(engine, how, adapter=ADAPTER, **rest):
    if how == "chat":
        return await engine.chat(adapter, "hi", **rest)
    async with engine.stream(adapter, "hi", **rest) as stream:
        async for _ in stream:
            pass
    return stream.response


async def test_nothing_is_tried_again_once_an_event_was_handed_out(engine, script):
    script.steps += [[TextDelta("half"), ServerError("cut")], ANSWER]
    stream = engine.stream(ADAPTER, "hi")
    events = aiter(stream)
    assert await anext(events) == TextDelta("half")
    with pytest.raises(ServerError):
        await anext(events)
    assert len(script.requests) == 1
    assert stream.response.text == "half"
    assert stream.response.finish_reason == "unknown"


@pytest.mark.parametrize("how", ["chat", "stream"])
async def test_the_total_deadline_covers_all_attempts(engine, script, how):
    async def for_ever(_):
        await asyncio.Event().wait()

    script.steps += [[RateLimitedError("slow down", retry_after_s=0)], [for_ever]]
    with pytest.raises(CallTimeoutError) as caught:
        await _call(engine, how, {**ADAPTER, "limits": {"timeout_s": 0.3}})
    assert caught.value.phase == "total"
    assert "0.3 s" in str(caught.value)
    assert script.closed == ["stream", "stream"]


async def test_the_deadline_never_interrupts_the_consumers_own_work(engine, script):
    script.steps.append([TextDelta("a"), TextDelta("b"), Finished("stop")])
    events = aiter(engine.stream({**ADAPTER, "limits": {"timeout_s": 0.02}}, "hi"))
    assert await anext(events) == TextDelta("a")
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, passed.set)
    await passed.wait()  # the consumer's own work outlasts the deadline and is left alone
    with pytest.raises(CallTimeoutError):
        await anext(events)


@pytest.mark.parametrize("how", ["chat", "stream"])
async def test_cancelling_a_call_ends_the_providers_work(engine, script, how):
    begun = asyncio.Event()

    async def hang(_):
        begun.set()
        await asyncio.Event().wait()

    script.steps.append([hang])
    call = asyncio.create_task(_call(engine, how))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert script.closed == ["stream"]
    assert [c.phase for c in script.observed] == ["start", "cancelled"]


async def test_leaving_a_stream_early_ends_the_providers_work(engine, script):
    script.steps.append([TextDelta("a"), TextDelta("b"), Finished("stop")])
    async with engine.stream(ADAPTER, "hi") as stream:
        async for _ in stream:
            break
    assert script.closed == ["stream"]
    assert script.observed[-1].phase == "cancelled"


async def test_an_answer_without_its_end_is_an_error(engine, script):
    script.steps.append([TextDelta("half")])
    with pytest.raises(ProtocolError, match="without saying that it is complete"):
        await _call(engine, "stream")


async def test_usage_that_the_provider_does_not_report_is_estimated(engine, script):
    script.steps += [[TextDelta("hello"), Finished("stop")]] * 2
    response = await engine.chat(ADAPTER, "hi")
    assert response.usage.source == "estimated"
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    async with engine.stream(ADAPTER, "hi") as stream:
        events = [event async for event in stream]
    assert events[-1] == UsageReported(response.usage)


async def test_an_observers_failure_does_not_touch_the_call(engine, script, caplog):
    script.steps.append(ANSWER)
    with caplog.at_level(logging.ERROR, "dragoman"):
        assert (await engine.chat(ADAPTER, "hi")).text == "hello"
    assert "dragoman_observe failed" in caplog.text
    end = script.observed[-1]
    assert (end.usage.total_tokens, end.finish_reason, end.adapter) == (2, "stop", "s")
    assert end.duration_s > 0


async def test_concurrency_is_bounded_per_target(engine, script):
    running, most = 0, 0
    released = asyncio.Event()

    async def hold(_):
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            released.set()
        await released.wait()
        running -= 1

    script.steps += [[hold, *ANSWER] for _ in range(6)]
    adapter = {**ADAPTER, "limits": {"max_concurrency": 2}}
    await asyncio.gather(*(engine.chat(adapter, "hi") for _ in range(6)))
    assert most == 2


async def test_too_long_an_input_is_refused_before_it_is_sent(engine, script):
    adapter = {**ADAPTER, "constraints": {"max_input_tokens": 3}}
    with pytest.raises(ConstraintError, match=r"constraints.max_input_tokens: the input has 4 tokens \(counted\)"):
        await engine.chat(adapter, "these four counted words")
    with pytest.raises(ConstraintError, match=r"\(estimated\)"):
        await engine.chat(adapter, "x" * 100)
    assert script.requests == []


@pytest.mark.parametrize(("asked", "sent", "reports"), [(None, 7, 1), (100, 7, 1), (5, 5, 0)])
async def test_max_tokens_is_capped_to_what_the_total_leaves(engine, script, asked, sent, reports):
    script.steps.append(ANSWER)
    adapter = {**ADAPTER, "constraints": {"max_total_tokens": 10}}
    response = await engine.chat(adapter, "three counted words", max_tokens=asked)
    assert script.requests[0].settings.inference.max_tokens == sent
    assert [r.code for r in response.reports] == ["max_tokens_capped"] * reports


@pytest.mark.parametrize(
    ("capability", "call"),
    [
        ("tools", {"tools": [{"name": "f"}]}),
        ("structured_output", {"response_format": {"type": "json_object"}}),
        ("reasoning", {"reasoning": {"effort": "low"}}),
        ("images", {}),
        ("system", {}),
    ],
)
async def test_what_the_adapter_declares_false_is_refused(engine, script, capability, call):
    from dragoman.messages import Message, Text

    conversation = {
        "images": [Message("user", (Image(url="https://example.org/a.png"),))],
        "system": [Message("system", (Text("be terse"),)), Message("user", (Text("hi"),))],
    }
    with pytest.raises(UnsupportedError, match=rf"^capabilities.{capability}: the adapter s declares"):
        await engine.chat({**ADAPTER, "capabilities": {capability: False}}, conversation.get(capability, "hi"), **call)
    assert script.requests == []


async def test_reports_come_first_in_a_stream(engine, script):
    script.steps.append(ANSWER)
    adapter = {**ADAPTER, "upstreams": {"only": {"model": "m2"}}}
    async with engine.stream(adapter, "hi") as stream:
        events = [event async for event in stream]
    assert isinstance(events[0], Reported)
    assert stream.response.upstream == "only"
    assert [r.code for r in stream.response.reports] == ["upstream"]


async def test_a_forced_tool_needs_tools(engine):
    with pytest.raises(UnsupportedError, match="tool_choice: a tool call is demanded and no tool is given"):
        await engine.chat(ADAPTER, "hi", tool_choice="required")


async def test_a_call_that_names_no_adapter_needs_a_default(engine, script):
    with pytest.raises(SettingsError, match="no default_adapter"):
        await engine.chat(None, "hi")


async def test_a_misspelt_setting_of_a_call_is_refused(engine):
    with pytest.raises(DocumentError, match=r"inference.temprature: is not an inference setting"):
        await engine.chat(ADAPTER, "hi", temprature=1)


@pytest.mark.parametrize(
    ("kind", "says"), [("absent", "No module named 'no_such_module'"), ("odd", "made no dragoman.plugin.Provider")]
)
async def test_a_providers_factory_that_fails_is_named(engine, kind, says):
    with pytest.raises(PluginError, match=says):
        await engine.chat({"provider": kind, "model": "m"}, "hi")


async def test_calls_with_equal_targets_share_a_session(engine, script):
    script.steps += [ANSWER] * 3
    await engine.chat(ADAPTER, "hi", temperature=0)
    await engine.chat(ADAPTER, "hi", temperature=1)
    await engine.chat({**ADAPTER, "model": "other"}, "hi")
    await engine.aclose()
    assert script.closed.count("session") == 2


async def test_a_refused_key_is_read_anew_once(script, tmp_path):
    """Rotation needs no restart: the provider refuses, the secrets are read once more, the call succeeds."""
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"SCRIPTED_KEY": "old-key-value"}')
    used = []

    async def use(context):
        used.append((await context.secret("SCRIPTED_KEY")).reveal())
        if used[-1] == "old-key-value":
            secrets.write_text('{"SCRIPTED_KEY": "new-key-value"}')
            raise AuthenticationError("key old-key-value is expired", status=401)

    script.steps += [[use, *ANSWER] for _ in range(4)]
    settings = Settings(secrets={"sources": [{"kind": "file", "path": str(secrets)}]})
    async with Engine(settings, plugins=load_plugins(found=[script.entry])) as engine:
        assert (await engine.chat(ADAPTER, "hi")).text == "hello"
        assert used == ["old-key-value", "new-key-value"]


@pytest.mark.parametrize("how", ["chat", "stream"])
async def test_a_key_that_stays_refused_is_an_error_without_the_key(script, tmp_path, how):
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"SCRIPTED_KEY": "canary-key-value"}')
    script.steps += [[AuthenticationError("bad key canary-key-value", status=401)] for _ in range(4)]
    settings = Settings(secrets={"sources": [{"kind": "file", "path": str(secrets)}]})
    async with Engine(settings, plugins=load_plugins(found=[script.entry])) as engine:
        with pytest.raises(AuthenticationError) as caught:
            await _call(engine, how)
    assert len(script.requests) == 1
    assert "canary" not in f"{caught.value} {caught.value!r} {caught.value.as_dict()} {pickle.dumps(caught.value)!r}"
    assert "bad key ***" in str(caught.value)


async def test_nothing_is_left_behind(engine, script):
    script.steps += [ANSWER, [TextDelta("a"), ServerError("x")], ANSWER]
    before = asyncio.all_tasks()
    await _call(engine, "stream")
    with pytest.raises(ServerError):
        await _call(engine, "stream")
    async with aclosing(engine.stream(ADAPTER, "hi")) as stream:
        async for _ in stream:
            break
    gc.collect()
    assert asyncio.all_tasks() == before


def test_two_event_loops_one_after_the_other(script):
    engine = Engine(plugins=load_plugins(found=[script.entry]))
    script.steps += [ANSWER, ANSWER]
    for _ in range(2):
        assert asyncio.run(engine.chat(ADAPTER, "hi")).text == "hello"


def test_the_synchronous_face(script):
    from dragoman import SyncEngine

    script.steps += [ANSWER, ANSWER, ANSWER]
    with SyncEngine(Engine(plugins=load_plugins(found=[script.entry]))) as engine:
        assert engine.chat(ADAPTER, "hi").text == "hello"
        assert list(engine.stream(ADAPTER, "hi")) == ANSWER
        events = engine.stream(ADAPTER, "hi")
        assert next(events) == ANSWER[0]
        events.close()
        assert engine.resolve(ADAPTER).document == ADAPTER
    assert script.closed.count("stream") == 3
    assert script.closed[-1] == "session"
