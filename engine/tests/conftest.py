"""What the engine's tests share: a real, tiny plugin, and hypothesis without a clock."""

import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
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


def _leave_installed(created: Path) -> Path:
    project = tomllib.loads((created / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = project["name"].replace("-", "_")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    info = created / "src" / f"{package}-{project['version']}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
    (info / "top_level.txt").write_text(f"{package}\n", encoding="utf-8")
    return created / "src"


@pytest.fixture(scope="session")
def leave_installed():
    """Write beside a plugin's package what an editable installation leaves, and return the folder for the path."""
    return _leave_installed
