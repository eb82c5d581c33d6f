"""Real chat models of LangChain, small ones, behind a plugin that builds what the test says."""

import sys
import threading
from types import SimpleNamespace

import pytest
from dragoman import Engine, Settings
from dragoman.plugins import load_plugins

PLUGIN = '''
"""A provider that is a LangChain class only."""
from dragoman.plugin import *

PLUGIN_API = (1, 0)

class OwnInference(Inference):
    volume: int | None = None

class ClassProvider(Provider):
    def langchain(self, target, settings, context):
        return build(target, settings, context)

@hookimpl
def dragoman_providers():
    return [ProviderDescription(
        kind="classes", title="Classes", factory=f"{__name__}:ClassProvider", inference=OwnInference, native=False,
        credentials={"api_key": "CLASS_KEY"},
    )]
'''

ADAPTER = {
    "name": "classy",
    "provider": "classes",
    "model": "m",
    "runtime": "langchain",
    "limits": {"max_attempts": 1, "timeout_s": 30},
}


@pytest.fixture
def adapter():
    return ADAPTER


@pytest.fixture
def engine_of(plugin_module):
    """Return an engine whose one provider builds its model with ``build(target, settings, context)``."""

    def make(build, settings=None):
        entry = plugin_module(PLUGIN, "classes")
        sys.modules[entry.value].build = build
        return Engine(settings or Settings(), plugins=load_plugins(found=[entry]))

    return make


@pytest.fixture
async def driving(engine_of):
    """Return such an engine, closed after the test."""
    engines = []

    def make(build, settings=None):
        engines.append(engine_of(build, settings))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.aclose()


# --- the chat models ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def models():
    """The chat models, or a skip where LangChain is not installed."""
    pytest.importorskip("langchain_core", reason="langchain-core is not installed")
    from langchain_core.messages import AIMessageChunk

    scripted = scripted_class()
    blocking, asynchronous = blocking_classes(scripted), asynchronous_classes(scripted)

    class Mixed(asynchronous.AsyncWhole, blocking.Blocking):
        """Answers whole on the loop, and streams in blocking pieces, as several classes do."""

    own = {"Mixed": Mixed, "Simple": simple_class(), "AIMessageChunk": AIMessageChunk}
    return SimpleNamespace(**vars(blocking), **vars(asynchronous), **own)


def scripted_class():
    """Return a base that takes ``steps`` (chunks, errors to raise, functions to call) and keeps what was ``asked``."""
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration, ChatResult
    from pydantic import Field

    class Scripted(BaseChatModel):
        steps: list = Field(default_factory=list)
        asked: list = Field(default_factory=list)

        @property
        def _llm_type(self):
            return "scripted"

        def note(self, method, messages, options):
            thread = threading.current_thread().name
            self.asked.append(SimpleNamespace(method=method, messages=messages, options=options, thread=thread))

        def whole(self, chunks):
            whole = chunks[0]
            for chunk in chunks[1:]:
                whole += chunk
            message = AIMessage(
                whole.content,
                tool_calls=whole.tool_calls,
                invalid_tool_calls=whole.invalid_tool_calls,
                usage_metadata=whole.usage_metadata,
                response_metadata=whole.response_metadata,
                additional_kwargs=whole.additional_kwargs,
                id=whole.id,
            )
            return ChatResult(generations=[ChatGeneration(message=message)])

        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            raise AssertionError("not this way")

    return Scripted


def blocking_classes(scripted):
    from langchain_core.outputs import ChatGenerationChunk

    class Whole(scripted):
        def play(self):
            for step in self.steps:
                if isinstance(step, BaseException):
                    raise step
                if callable(step):
                    step()
                else:
                    yield step

        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            self.note("_generate", messages, kwargs)
            return self.whole(list(self.play()))

    class Blocking(Whole):
        def _stream(self, messages, stop=None, run_manager=None, **kwargs):
            self.note("_stream", messages, kwargs)
            for chunk in self.play():
                yield ChatGenerationChunk(message=chunk)

    class Tooled(Blocking):
        def bind_tools(self, tools, *, tool_choice=None, parallel_tool_calls=None, **kwargs):
            said = {"tools": tools, "tool_choice": tool_choice, "parallel": parallel_tool_calls}
            return self.bind(**{name: value for name, value in said.items() if value is not None})

    return SimpleNamespace(Whole=Whole, Blocking=Blocking, Tooled=Tooled)


def asynchronous_classes(scripted):
    from langchain_core.outputs import ChatGenerationChunk

    class Playing(scripted):
        async def aplay(self):
            for step in self.steps:
                if isinstance(step, BaseException):
                    raise step
                if callable(step):
                    await step()
                else:
                    yield step

    class AsyncWhole(Playing):
        async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
            self.note("_agenerate", messages, kwargs)
            return self.whole([chunk async for chunk in self.aplay()])

    class AsyncStream(Playing):
        async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
            self.note("_astream", messages, kwargs)
            async for chunk in self.aplay():
                yield ChatGenerationChunk(message=chunk)

    class Async(AsyncWhole, AsyncStream):
        pass

    return SimpleNamespace(AsyncWhole=AsyncWhole, AsyncStream=AsyncStream, Async=Async)


def simple_class():
    from langchain_core.language_models import SimpleChatModel
    from pydantic import Field

    class Simple(SimpleChatModel):
        """What LangChain offers for the simplest of classes."""

        threads: list = Field(default_factory=list)

        @property
        def _llm_type(self):
            return "simple"

        def _call(self, messages, stop=None, run_manager=None, **kwargs):
            self.threads.append(threading.current_thread().name)
            return f"you said {messages[-1].text}"

    return Simple


@pytest.fixture
def say(models):
    """Return a chunk."""

    def chunk(content="", **rest):
        return models.AIMessageChunk(content=content, **rest)

    return chunk
