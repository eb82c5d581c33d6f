"""What the command's tests share: a scripted plugin in a distribution of its own, and ways to run the command."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

# A provider that does what the last message says, word by word.
SCRIPTED_PLUGIN = """
import asyncio, json, os, pathlib
from dragoman.errors import RateLimitedError
from dragoman.events import *
from dragoman.plugin import *
from dragoman.secret import MASK

PLUGIN_API = (1, 0)

class ScriptedConnection(Connection):
    host: str = "scripted.test"

class Scripted(Session):
    def __init__(self, target, context):
        self.target, self.context = target, context

    async def stream(self, request):
        yield Started(response_id="answer-1", request_id="request-1")
        reason, word, calls = "stop", None, 0
        try:
            for step in request.messages[-1].text.split():
                name, _, rest = step.partition(":")
                if name == "!think":
                    yield ReasoningDelta(rest)
                elif name == "!refuse":
                    yield RefusalDelta("I would rather not.")
                    reason = "refusal"
                elif name == "!call":
                    tool, _, arguments = rest.partition(":")
                    yield ToolCallDelta(calls, f"call-{calls}", tool, arguments)
                    calls, reason = calls + 1, "tool_calls"
                elif name == "!end":
                    reason, word = rest.split("/") if "/" in rest else (rest, None)
                elif name == "!report":
                    yield Reported(Report("scripted", "something was left out", "inference.seed"))
                elif name == "!fields":
                    yield ProviderFields({"fingerprint": "fp-1"})
                elif name == "!hang":
                    await asyncio.Event().wait()
                elif name == "!flood":
                    while True:
                        yield TextDelta("x" * 1000)
                        await asyncio.sleep(0)
                elif name == "!limited":
                    raise RateLimitedError("slow down", status=429, request_id="request-1", retry_after_s=3600)
                elif name == "!crash":
                    raise RuntimeError("the plugin broke")
                elif name == "!leak":
                    raise RuntimeError("sent " + (await self.context.secret("SCRIPTED_KEY")).reveal())
                elif name == "!history":
                    yield TextDelta(json.dumps([[m.role, m.text] for m in request.messages[:-1]]))
                elif name == "!parts":
                    yield TextDelta(repr([type(p).__name__ for p in request.messages[-1].parts]))
                elif name == "!settings":
                    shown = request.settings.inference.model_dump(exclude_unset=True)
                    yield TextDelta(json.dumps(shown))
                elif name == "!escape":
                    yield TextDelta(chr(27) + "[31m" + chr(7))
                elif name == "!surrogate":
                    yield TextDelta(chr(0xD800))
                else:
                    yield TextDelta(step + " ")
            if "!unusual" not in request.messages[-1].text:
                yield UsageReported(Usage(7, 5, 12, 3, None, 1, "provider"))
            yield Finished(reason, word)
        finally:
            if marker := os.environ.get("SCRIPTED_CLOSED"):
                pathlib.Path(marker).write_text("closed")

    async def dry_run(self, request):
        body = {"model": self.target.model, "said": [m.text for m in request.messages], "stream": request.stream,
                "tools": [t.name for t in request.tools]}
        headers = {"content-type": "application/json", "authorization": f"Bearer {MASK}"}
        return WireRequest("POST", f"https://{self.target.connection.host}/chat", headers, json.dumps(body).encode())

class ScriptedProvider(Provider):
    def open(self, target, context):
        return Scripted(target, context)

@hookimpl
def dragoman_providers():
    return [ProviderDescription(kind="scripted", title="Scripted", factory=f"{__name__}:ScriptedProvider",
                                connection=ScriptedConnection, credentials={"key": "SCRIPTED_KEY"})]

@hookimpl
def dragoman_adapters():
    return [PredefinedAdapter("scripted", {"provider": "scripted", "model": "script-1", "aliases": ["a/b"],
                                           "title": "Scripted", "inference": {"temperature": 0.5}})]
"""

# A provider that embeds a text as its length, and ranks a document by the number that it begins with.
MEASURING_PLUGIN = """
import json, os
from dragoman.errors import InvalidRequestError, RateLimitedError
from dragoman.events import *
from dragoman.plugin import *
from dragoman.secret import MASK

PLUGIN_API = (1, 0)

class Measuring(Session):
    max_batch_size = 2

    async def embed(self, request):
        if "!limited" in request.texts:
            raise RateLimitedError("slow down", status=429, retry_after_s=3600)
        failures = {i: InvalidRequestError("it is odd") for i, t in enumerate(request.texts) if t == "!odd"}
        vectors = [None if i in failures else self._vector(request, t) for i, t in enumerate(request.texts)]
        return EmbedResponse(vectors, Usage(len(vectors), 0, len(vectors), source="provider"), "measuring-1",
                             failures=failures, reports=(Report("measured", "lengths are no meaning"),))

    def _vector(self, request, text):
        size = request.settings.inference.dimensions or 2
        return [float(len(text)), {None: 0.0, "document": 1.0, "query": 2.0}[request.purpose]] * (size // 2)

    async def rerank(self, request):
        if "!limited" in request.documents:
            raise RateLimitedError("slow down", status=429, retry_after_s=3600)
        found = [Ranked(i, float(d.split()[0])) for i, d in enumerate(request.documents)]
        found.sort(key=lambda ranked: -ranked.score)
        return RerankResponse(found[:request.top_n], model="measuring-1")

    async def dry_run(self, request):
        said = request.texts if isinstance(request, EmbedRequest) else [request.query, *request.documents]
        headers = {"authorization": f"Bearer {MASK}"}
        return WireRequest("POST", "https://measuring.test/", headers, json.dumps({"said": list(said)}).encode())

class MeasuringProvider(Provider):
    def open(self, target, context):
        return Measuring()

@hookimpl
def dragoman_providers():
    return [ProviderDescription(kind="measuring", title="Measuring", factory=f"{__name__}:MeasuringProvider",
                                operations=("embed", "rerank"))]

@hookimpl
def dragoman_adapters():
    document = {"provider": "measuring", "model": "measuring-1", "limits": {"max_attempts": 1}}
    notice = {"text": "Measured with care."}
    return [PredefinedAdapter("lengths", {**document, "operation": "embed", "notice": notice}),
            PredefinedAdapter("numbers", {**document, "operation": "rerank"})]
"""


@dataclass
class Done:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture(autouse=True, scope="session")
def interruptible():
    """Let commands be interrupted even where the tests run in the background of a shell, which ignores Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def script():
    """Return how the installed command is called."""
    installed = Path(sys.executable).with_name("dragoman")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "dragoman.cli.main"]


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder of distributions, on the path of this process and of those that it starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.fixture
def install(site, monkeypatch):
    """Install a distribution: one module and its entry points, by group."""
    installed = []

    def add(name, source, **groups):
        module = name.replace("-", "_")
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        lines = []
        for group, entries in groups.items():
            lines.append(f"[dragoman.{group}]")
            lines += [f"{entry} = {module}{value}" for entry, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        installed.append(module)

    yield add
    for module in installed:
        sys.modules.pop(module, None)


@pytest.fixture
def deployment(tmp_path, monkeypatch, install):
    """Return a working directory with settings and adapters, beside the scripted plugin."""
    for name in [
        n for n in os.environ if n.upper().startswith(("DRAGOMAN_", "SCRIPTED_", "NO_COLOR", "PYTHONUNBUFFERED"))
    ]:
        monkeypatch.delenv(name)
    install("dragoman-scripted", SCRIPTED_PLUGIN, plugins={"scripted": ""})
    folder = tmp_path / "deployment"
    (folder / "adapters").mkdir(parents=True)
    (folder / "dragoman.toml").write_text('default_adapter = "scripted"\n', encoding="utf-8")
    (folder / "adapters" / "warm.yaml").write_text(
        "base: scripted\ntitle: Warm\ninference: {temperature: 0.9, seed: 7}\n", encoding="utf-8"
    )
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def measuring(deployment, install):
    """Install a provider that embeds and ranks; return the working directory."""
    install("dragoman-measuring", MEASURING_PLUGIN, plugins={"measuring": ""})
    return deployment


@pytest.fixture
def command(deployment, script):
    """Run the installed command in a process of its own."""

    def call(*arguments, stdin=None, timeout_s=60, **environment):
        done = subprocess.run(
            [*script, *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            env={**os.environ, **environment},
            timeout=timeout_s,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture
def run(deployment, capsys, monkeypatch):
    """Run the command in this process; standard input is empty unless it is given."""
    import io

    from dragoman.cli.main import main

    def call(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        code = main(arguments)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return call
