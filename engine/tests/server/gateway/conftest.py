"""A gateway on loopback, driven by real clients; its models are an upstream that the test scripts, and a plugin."""

import asyncio
import contextlib
import io
import json
import logging
import os
import re
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import types
from concurrent.futures import Future
from importlib.metadata import EntryPoint

import httpx
import openai
import pytest
import uvicorn
from dragoman.plugins import load_plugins
from dragoman.server.application import Application
from dragoman.server.serving import _config, _listen
from dragoman.settings import Settings
from dragoman.testing.upstream import Upstream

PATIENCE_S = 30
#: The gateway speaks no TLS here; a client that has no context reads all authorities that the machine trusts.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
#: The doors that calls come in by.
CALL = re.compile(r"/v1/(chat/completions|embeddings|rerank)|/openai/deployments/.+/(chat/completions|embeddings)")
DRAGOMAN = (sys.executable, "-m", "dragoman.cli.main")

SCRIPTED_PLUGIN = '''
"""A provider that does what the last message says, word by word."""
import asyncio, json
from dragoman.errors import *
from dragoman.events import *
from dragoman.plugin import *

PLUGIN_API = (1, 0)
state = {"waiting": 0, "closed": 0}

class ScriptedConnection(Connection):
    identities = (Identity("roles.*.arn", ("external_id",)),)
    region: str | None = None
    roles: list[dict] = []

class ScriptedInference(Inference):
    volume: int | None = None
    logprobs: bool | None = None
    user: str | None = None

ERRORS = {
    "limited": RateLimitedError("slow down", status=429, retry_after_s=7),
    "key": AuthenticationError("arn:aws:iam::1:role/x may not", status=401),
    "gone": ConnectionFailedError("cannot connect to secret-host:443"),
    "filter": ContentFilteredError("filtered", status=400),
    "long": ContextOverflowError("too many tokens", status=400),
    "late": CallTimeoutError("took too long"),
    "broken": ServerError("it broke", status=500),
    "bug": RuntimeError("the plugin broke"),
}

class Scripted(Session):
    def __init__(self, target):
        self.target = target

    async def stream(self, request):
        yield Started("resp-1", "the-provider's-name", "upstream-1")
        reason, calls = "stop", 0
        for word in request.messages[-1].text.split():
            name, _, rest = word.partition(":")
            if name == "!think":
                yield ReasoningDelta(rest)
            elif name == "!sign":
                yield ReasoningDelta("", rest)
            elif name == "!seal":
                yield ReasoningDelta("", None, rest)
            elif name == "!thought":
                thought = [p for m in request.messages for p in m.parts if type(p).__name__ == "Reasoning"]
                yield TextDelta(json.dumps([[p.text, p.signature, p.redacted] for p in thought]))
            elif name == "!refuse":
                yield RefusalDelta("I would rather not.")
                reason = "refusal"
            elif name == "!call":
                tool, _, arguments = rest.partition(":")
                yield ToolCallDelta(calls, f"call-{calls}", tool, arguments[:3])
                yield ToolCallDelta(calls, arguments=arguments[3:])
                calls, reason = calls + 1, "tool_calls"
            elif name == "!end":
                reason = rest
            elif name == "!fields":
                yield ProviderFields({"logprobs": {"content": [{"token": "a", "logprob": -1.0}]}, "trace": "t-1"})
            elif name == "!report":
                yield Reported(Report("scripted", "something was left out", "inference.seed"))
            elif name == "!error":
                raise ERRORS[rest]
            elif name == "!hang":
                state["waiting"] += 1
                try:
                    await asyncio.Event().wait()
                finally:
                    state["closed"] += 1
            elif name == "!flood":
                for _ in range(int(rest)):
                    yield TextDelta("x" * 1000)
            elif name == "!settings":
                shown = request.settings.inference.model_dump(exclude_unset=True)
                yield TextDelta(json.dumps(shown))
            elif name == "!kwargs":
                yield TextDelta(json.dumps(dict(request.settings.model_kwargs)))
            elif name == "!model":
                yield TextDelta(self.target.model)
            elif name == "!asked":
                choice = request.tool_choice
                yield TextDelta(json.dumps({
                    "roles": [m.role for m in request.messages], "tools": [t.name for t in request.tools],
                    "parts": [type(p).__name__ for p in request.messages[-1].parts],
                    "choice": choice and [choice.mode, choice.name, choice.parallel],
                }))
            else:
                yield TextDelta(word + " ")
        yield UsageReported(Usage(7, 5, 12, 3, None, 1, "provider"))
        yield Finished(reason)

    async def embed(self, request):
        return EmbedResponse([[float(len(text)), 0.5] for text in request.texts], Usage(4, None, 4, source="provider"))

    async def rerank(self, request):
        ranked = [Ranked(i, 1.0 / (i + 1)) for i, _ in enumerate(request.documents)]
        return RerankResponse(ranked[: request.top_n], Usage(9, None, 9, source="provider"))

class ScriptedProvider(Provider):
    def open(self, target, context):
        return Scripted(target)

@hookimpl
def dragoman_providers():
    return [ProviderDescription(
        kind="scripted", title="Scripted", factory=f"{__name__}:ScriptedProvider", connection=ScriptedConnection,
        inference=ScriptedInference, operations=("chat", "embed", "rerank"), credentials={"key": "SCRIPTED_KEY"},
    )]
'''

ADAPTERS = {
    "model": """
        title: A model
        aliases: [a/b]
        provider: scripted
        model: secret-endpoint
        connection: {region: secret-region}
        inference: {temperature: 0.5}
        rules: [{range: inference.temperature, minimum: 0, maximum: 1}]
        pricing: {currency: USD, input_per_million: "1000000", output_per_million: "2000000"}
        """,
    "other": "{provider: scripted, model: m-2}",
    "vectors": "{provider: scripted, model: m-3, operation: embed}",
    "ranks": "{provider: scripted, model: m-4, operation: rerank}",
    "faulty": "{provider: scripted, model: m, connection: {unknown_secret_member: 1}}",
}


class Server(uvicorn.Server):
    """Tells another thread when it listens, or does not."""

    def __init__(self, config):
        super().__init__(config)
        self.has_started = threading.Event()

    async def startup(self, sockets=None):
        try:
            await super().startup(sockets)
        finally:
            self.has_started.set()


class Served:
    """A gateway that runs in a thread of its own, on a loop of its own, as a process would."""

    def __init__(self, settings, plugins, *, no_auth=False):
        self.requests = io.BytesIO()
        #: False in a test that loses rows on purpose.
        self.checks_rows = True
        self.application = Application(settings, no_auth=no_auth, plugins=plugins, requests_to=self.requests)
        self._socket = _listen(settings.server.host, 0)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = Server(_config(self.application, settings))
        self._loop = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="gateway", daemon=True)

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._socket])

    def start(self):
        self._thread.start()
        assert self._server.has_started.wait(PATIENCE_S)
        assert self._server.started

    def stop(self):
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)
        self._socket.close()
        assert not self._thread.is_alive()

    def check_rows(self):
        """Hold the ledger to one row for each call that a known caller made, whatever the test was about.

        A call that begins nowhere because it could not be booked (503, unavailable) has none.
        """
        database = self.application.state.database
        if not database.is_sqlite or not self.checks_rows:
            return
        with contextlib.closing(sqlite3.connect(database.place)) as opened:
            booked = [call_id for (call_id,) in opened.execute("SELECT call_id FROM dragoman_calls")]
        lines = [json.loads(line) for line in self.requests.getvalue().splitlines()]
        called = [line for line in lines if line["principal"] and CALL.fullmatch(line["path"])]
        asked = [line["request_id"] for line in called if line["error_code"] != "unavailable"]
        inner = {line["request_id"] for line in lines if line["path"].startswith("/api/")}  # which may make several
        assert sorted(booked) == sorted([*asked, *(one for one in booked if one.partition(".")[0] in inner)])

    def run(self, work):
        """Run a coroutine on the gateway's loop."""
        future: Future = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(PATIENCE_S)

    def key(self, name="somebody", *roles, project="shop", **rest):
        """Make a key and return its text."""
        keys = self.application.state.keys
        return self.run(
            keys.create(name=name, project=project, roles=roles or ["user"], by="a test", **rest)
        ).secret.reveal()

    def calls(self):
        """Return what the ledger holds, oldest first."""

        async def read():
            from dragoman.server.state import tables
            from sqlalchemy import select

            state = self.application.state
            await state.ledger.flush()
            async with state.database.reading() as connection:
                found = await connection.execute(select(tables.calls).order_by(tables.calls.c.at))
                return [dict(row) for row in found.mappings()]

        return self.run(read())

    def logged(self):
        """Return the lines of the requests that are over, oldest first."""

        async def flush():
            self.application._log.flush()

        self.run(flush())
        return [json.loads(line) for line in self.requests.getvalue().splitlines()]

    def audited(self):
        """Return the audit log, newest first."""
        return self.run(self.application.state.audit.query()).entries

    def openai(self, key, **rest):
        client = openai.DefaultHttpxClient(verify=NO_TLS)
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, http_client=client, **rest)

    def client(self, key=None, **headers):
        named = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers={**named, **headers}, timeout=PATIENCE_S, verify=NO_TLS)


@pytest.fixture
def module_of_plugin():
    """The scripted plugin's module, for what it counts."""
    return lambda: sys.modules["plugin_under_test_scripted"]


@pytest.fixture
def until():
    """Wait for a condition of another thread: ``until(lambda: …)``."""

    def wait(condition):
        ends = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < ends
            time.sleep(0.01)

    return wait


@pytest.fixture
def serve(tmp_path, plugin_module):
    """Start a gateway: ``serve(stage="dev", server={…}, adapters={…})``."""
    with serving(tmp_path, plugin_module(SCRIPTED_PLUGIN, "scripted")) as start:
        yield start


@pytest.fixture(scope="module")
def serve_once(tmp_path_factory):
    """Start a gateway that a module's tests share, likewise."""
    module = types.ModuleType("plugin_under_test_scripted")
    exec(SCRIPTED_PLUGIN, module.__dict__)  # noqa: S102  (the tests' own text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        entry_point = EntryPoint("scripted", module.__name__, "dragoman.plugins")
        with serving(tmp_path_factory.mktemp("gateway"), entry_point) as start:
            yield start


@contextlib.contextmanager
def serving(parent, scripted):
    running = []
    for name in ("uvicorn.error", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)

    def start(*, adapters=None, no_auth=False, found=(), server=None, **settings):
        folder = parent / f"deployment-{len(running)}"
        (folder / "adapters").mkdir(parents=True)
        (folder / "inference").mkdir()
        for name, text in {**ADAPTERS, **(adapters or {})}.items():
            (folder / "adapters" / f"{name}.yaml").write_text(text)
        (folder / "dragoman.toml").write_text("")
        loaded = Settings.load(folder, server={"grace_s": 2, **(server or {})}, **settings)
        served = Served(loaded, load_plugins(found=[scripted, *found]), no_auth=no_auth)
        served.start()
        running.append(served)
        return served

    try:
        yield start
    finally:
        for served in running:
            served.stop()
    for served in running:
        served.check_rows()


class Process:
    """`dragoman serve` as a process of its own; ``api`` asks it as administrator."""

    def __init__(self, folder, key, environment, log):
        self.key = key
        self.log = log
        self.api = None
        self.calls = 0
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*DRAGOMAN, "serve", "--port", "0", "--config", str(folder)],
                stdout=output, stderr=output, env=environment,
            )  # fmt: skip

    def ready(self):
        """Wait until it says where it is."""
        ends = time.monotonic() + PATIENCE_S
        while not (found := re.search(r"listens on (http://\S+)", self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < ends
            time.sleep(0.02)
        headers = {"authorization": f"Bearer {self.key}"}
        self.api = httpx.Client(base_url=found[1], headers=headers, timeout=PATIENCE_S, verify=NO_TLS)
        return self

    def ask(self, key=None, model="mine", **headers):
        """Return the status of a call; one that was let in is counted."""
        headers = {"authorization": f"Bearer {key or self.key}", **headers}
        ask = {"model": model, "messages": [{"role": "user", "content": "Tell me about iterators"}]}
        status = self.api.post("/v1/chat/completions", headers=headers, json=ask).status_code
        self.calls += status != 401
        return status

    def close(self):
        if self.api is not None:
            self.api.close()
        self.process.kill()
        self.process.wait(PATIENCE_S)


@pytest.fixture
def serve_process():
    """Start `dragoman serve` on a deployment's folder, with an administrator's key; ``.ready()`` waits for it."""
    running, keys = [], {}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DRAGOMAN_", "OTEL_"))}

    def start(folder, **variables):
        if folder not in keys:
            asked = ["--name", "boss", "--project", "p", "--role", "admin", "--json", "--config", str(folder)]
            made = subprocess.run(
                [*DRAGOMAN, "keys", "create", *asked], env=environment, capture_output=True, check=True,
                timeout=PATIENCE_S,
            )  # fmt: skip
            keys[folder] = json.loads(made.stdout)["secret"]
        log = folder / f"log-{len(running)}"
        running.append(Process(folder, keys[folder], {**environment, **variables}, log))
        return running[-1]

    yield start
    for process in running:
        process.close()


@pytest.fixture
def upstream():
    with Upstream() as server:
        yield server
