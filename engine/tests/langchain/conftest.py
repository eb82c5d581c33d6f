"""A provider that answers with the events a test lists, and keeps what it was asked; the face on top of it."""

import sys

import pytest
from dragoman import Engine, Settings, SyncEngine
from dragoman.plugins import load_plugins

PLUGIN = '''
"""A provider that does what the test says."""
from dragoman.plugin import *
from dragoman.events import *

PLUGIN_API = (1, 0)

events, asked = [], []

class OwnInference(Inference):
    volume: int | None = None

class ScriptedSession(Session):
    async def stream(self, request):
        asked.append(request)
        for event in events:
            if isinstance(event, BaseException):
                raise event
            yield event

    async def embed(self, request):
        asked.append(request)
        vectors = [[float(len(text)), 0.5] for text in request.texts]
        return EmbedResponse(vectors, Usage(input_tokens=3, total_tokens=3, source="provider"))

    async def rerank(self, request):
        asked.append(request)
        ranked = sorted((Ranked(i, float(len(d))) for i, d in enumerate(request.documents)), key=lambda r: -r.score)
        return RerankResponse(ranked[:request.top_n])

class ScriptedProvider(Provider):
    def open(self, target, context):
        return ScriptedSession()

@hookimpl
def dragoman_providers():
    return [ProviderDescription(
        kind="scripted", title="Scripted", factory=f"{__name__}:ScriptedProvider", inference=OwnInference,
        operations=("chat", "embed", "rerank"),
    )]

@hookimpl
def dragoman_adapters():
    return [
        PredefinedAdapter("chatty", {"provider": "scripted", "model": "m-1", "limits": {"max_attempts": 1}}),
        PredefinedAdapter("vectors", {"provider": "scripted", "model": "e-1", "operation": "embed"}),
        PredefinedAdapter("ranks", {"provider": "scripted", "model": "r-1", "operation": "rerank"}),
    ]
'''


@pytest.fixture
def script(plugin_module):
    """The plugin's module: ``events`` are its answer, ``asked`` what it was asked."""
    return sys.modules[plugin_module(PLUGIN, "scripted").value]


@pytest.fixture
def engine(plugin_module, script):
    """An engine whose one provider is the script."""
    from importlib.metadata import EntryPoint

    entry = EntryPoint("scripted", script.__name__, "dragoman.plugins")
    with SyncEngine(Engine(Settings(), plugins=load_plugins(found=[entry]))) as engine:
        yield engine


@pytest.fixture
def face(engine):
    """Make a ``ChatDragoman`` on the script."""
    from dragoman.langchain import ChatDragoman

    def make(**arguments):
        return ChatDragoman(**{"adapter": "chatty", "engine": engine, **arguments})

    return make
