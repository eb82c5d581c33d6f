"""No environment variable makes a driven call send its prompt anywhere else, or fail."""

import pytest
from dragoman.testing.upstream import Reply, Upstream

PROMPT = "the-prompt-that-nobody-else-may-see"


@pytest.fixture
def collector():
    """A server in LangSmith's place."""
    with Upstream() as server:
        server.answer(lambda _: Reply.json({}))
        yield server


@pytest.fixture
def traced_environment(models, collector, monkeypatch):
    from langsmith import utils

    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    for prefix in ("LANGSMITH", "LANGCHAIN"):
        monkeypatch.setenv(f"{prefix}_TRACING_V2", "true")
        monkeypatch.setenv(f"{prefix}_ENDPOINT", collector.url)
        monkeypatch.setenv(f"{prefix}_API_KEY", "lsv2_canary")
    utils.get_env_var.cache_clear()
    yield
    flush()
    utils.get_env_var.cache_clear()


def flush():
    from langchain_core.tracers.langchain import wait_for_all_tracers

    wait_for_all_tracers()


def nesting(models):
    """Return classes that call another LangChain model inside, as some that wrap a pipeline do."""

    class Nested(models.Blocking):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            models.Blocking(steps=self.steps).invoke(messages)
            return super()._generate(messages)

        def _stream(self, messages, stop=None, run_manager=None, **kwargs):
            for _ in models.Blocking(steps=self.steps).stream(messages):
                pass
            yield from super()._stream(messages)

    class AsyncNested(models.Async):
        async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
            await models.Async(steps=self.steps).ainvoke(messages)
            return await super()._agenerate(messages)

        async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
            async for _ in models.Async(steps=self.steps).astream(messages):
                pass
            async for chunk in super()._astream(messages):
                yield chunk

    return Nested, AsyncNested


async def test_langsmiths_variables_send_no_prompt(traced_environment, collector, driving, adapter, models, say):
    steps = [say("one"), say("two")]
    plain = (models.Blocking, models.Async)
    for kind in (*plain, *nesting(models)):
        model = kind(steps=steps)
        engine = driving(lambda *_, model=model: model)
        assert (await engine.chat(adapter, PROMPT)).text == "onetwo"
        async with engine.stream(adapter, PROMPT) as stream:
            async for _ in stream:
                pass
    flush()
    assert collector.received == []
    # The same variables do make the same class, called by anybody else, send its prompt: the collector works.
    await models.Async(steps=steps).ainvoke(PROMPT)
    flush()
    assert any(PROMPT in str(request.body) or request.method == "POST" for request in collector.received)


async def test_a_variable_of_old_tracing_breaks_no_call(driving, adapter, models, say, monkeypatch):
    monkeypatch.setenv("LANGCHAIN_TRACING", "true")
    for kind in (models.Blocking, models.Async):
        model = kind(steps=[say("ok")])
        assert (await driving(lambda *_, model=model: model).chat(adapter, "hi")).text == "ok"


async def test_the_caller_goes_on_tracing_as_it_did(traced_environment, driving, adapter, models, say):
    from langsmith.utils import tracing_is_enabled

    model = models.Async(steps=[say("one"), say("two")])
    async for _ in driving(lambda *_: model).stream(adapter, "hi"):
        assert tracing_is_enabled()
    assert tracing_is_enabled()
