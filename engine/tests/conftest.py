"""What the engine's tests share: a real, tiny plugin, and hypothesis without a clock."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from hypothesis import settings

settings.register_profile("engine", deadline=None)  # two shared cores: a slow example is no finding
settings.load_profile("engine")

ECHO_PLUGIN = '''
"""A plugin whose provider says what it was told, word by word."""
from dragoman.plugin import *
from dragoman.events import Finished, Started, TextDelta, Usage, UsageReported

PLUGIN_API = (1, 0)

class EchoConnection(Connection):
    host: str | None = None

class EchoInference(Inference):
    volume: int | None = None

class EchoSession(Session):
    async def stream(self, request):
        yield Started(model="echo")
        for word in request.messages[-1].text.split():
            yield TextDelta(word + " ")
        yield Finished("stop", "done")

class EchoProvider(Provider):
    def open(self, target, context):
        return EchoSession()

@hookimpl
def dragoman_providers():
    return [ProviderDescription(
        kind="echo", title="Echo", factory=f"{__name__}:EchoProvider",
        connection=EchoConnection, inference=EchoInference,
    )]

@hookimpl
def dragoman_adapters():
    return [PredefinedAdapter("echo", {"title": "Loud", "provider": "echo", "model": "loud"})]
'''


@pytest.fixture
def plugin_module(monkeypatch):
    """Make an entry point out of a plugin's source."""

    def make(source, name="echo"):
        module = ModuleType(f"plugin_under_test_{name.replace('-', '_')}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(source, module.__name__, "exec"), module.__dict__)  # noqa: S102  (the test's own text)
        return EntryPoint(name, module.__name__, "dragoman.plugins")

    return make


@pytest.fixture
def echo_plugin(plugin_module):
    """An entry point of a plugin that works."""
    return plugin_module(ECHO_PLUGIN)
