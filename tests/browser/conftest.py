"""The page in Debian's Chromium, against a gateway on loopback with the example deployment and a third-party plugin."""

import asyncio
import importlib.util
import logging
import os
import shutil
import sys
import threading
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30
CHROMIUM = shutil.which("chromium")
#: Where the pictures of each view go.
PICTURES = Path(os.environ.get("DRAGOMAN_SCREENSHOTS", ROOT / ".screenshots"))

ADAPTERS = {
    "acme-voice": """
        title: The voice of Acme
        provider: acme
        model: voice-1
        connection: {site: north}
        inference: {volume: 4}
        pricing: {currency: USD, input_per_million: "1000", output_per_million: "2000"}
        """,
    "acme-terms": """
        title: With terms
        provider: acme
        model: voice-2
        connection: {site: south}
        notice: {text: "Be <b>kind</b> to it.", terms_url: "https://example.com/terms"}
        """,
    "acme-strict": """
        title: With terms for every door
        provider: acme
        model: voice-3
        connection: {site: south}
        notice: {text: "<img src=x onerror=alert(1)> Be quiet.", required: true}
        """,
    "acme-rows": """
        title: With lists and maps
        provider: acme
        model: voice-4
        connection:
          site: east
          passes: [{gate: outer, code: a}, {gate: inner}]
          mirrors: {far: {share: 2}}
        """,
    "markup": """
        title: "<img src=x onerror=alert(1)><b>bold</b>"
        aliases: ["<b>alias</b>"]
        provider: acme
        model: "<script>alert(1)</script>"
        connection: {site: "<i>here</i>"}
        """,
    "broken": "{provider: acme, model: m, connection: {nowhere: 1}}",
}


class Served:
    """A gateway in a thread of its own, on a loop of its own."""

    def __init__(self, settings, *, no_auth):
        from dragoman.plugins import load_plugins
        from dragoman.server.application import Application
        from dragoman.server.serving import _config, _listen

        acme = EntryPoint("acme", "acme_of_the_browser_tests", "dragoman.plugins")
        plugins = load_plugins(found=[*entry_points(group="dragoman.plugins"), acme])
        self.application = Application(settings, no_auth=no_auth, plugins=plugins)
        self._socket = _listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = self._made(_config(self.application, settings))
        self._loop = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="gateway", daemon=True)

    def _made(self, config):
        import uvicorn

        started = self._started = threading.Event()

        class Server(uvicorn.Server):
            async def startup(self, sockets=None):
                try:
                    await super().startup(sockets)
                finally:
                    started.set()

        return Server(config)

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._socket])

    def __enter__(self):
        self._thread.start()
        assert self._started.wait(PATIENCE_S)
        assert self._server.started
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)
        self._socket.close()
        assert not self._thread.is_alive()

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def key(self, name, role, **rest):
        keys = self.application.state.keys
        return self.run(keys.create(name=name, project="tests", roles=[role], by="a test", **rest)).secret.reveal()

    def saved_by_somebody_else(self, name, document):
        return self.run(self.application.state.store.save("adapter", name, document, by="somebody else"))

    def audited(self):
        return self.run(self.application.state.audit.query()).entries


@pytest.fixture(scope="package")
def acme():
    """The third-party plugin's module."""
    spec = importlib.util.spec_from_file_location("acme_of_the_browser_tests", Path(__file__).with_name("acme.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def _folder(made):
    shutil.copytree(ROOT / "config", made, ignore=shutil.ignore_patterns("secrets.json", "*.db", "journal"))
    for name, text in ADAPTERS.items():
        (made / "adapters" / f"{name}.yaml").write_text(text)
    return made


@pytest.fixture(scope="package")
def serve(tmp_path_factory, acme):
    """Start gateways: ``serve(stage="prod")``; the example deployment with a few adapters more."""
    pytest.importorskip("uvicorn", reason="the gateway is not installed: dragoman[server]")
    from contextlib import ExitStack

    from dragoman.settings import Settings

    for name in ("uvicorn.error", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with ExitStack() as running:

        def start(*, no_auth=False, server=None, **settings):
            folder = _folder(tmp_path_factory.mktemp("deployment") / "config")
            loaded = Settings.load(folder, server={"grace_s": 2, **(server or {})}, **settings)
            return running.enter_context(Served(loaded, no_auth=no_auth))

        yield start


@pytest.fixture(scope="package")
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: nox -s browser")
    playwright.expect.set_options(timeout=PATIENCE_S * 1000)
    arguments = ["--disable-dev-shm-usage", "--disable-gpu"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")
    with playwright.sync_playwright() as started:  # ends with this folder: a running loop would stop async tests
        made = started.chromium.launch(executable_path=CHROMIUM, headless=True, args=arguments)
        yield made
        made.close()


@pytest.fixture(scope="package")
def gateway(serve, browser):
    """One gateway for all: administrator, stage dev."""
    return serve(no_auth=True, stage="dev")


class Tab:
    """A page, and everything that it said and asked for."""

    def __init__(self, context, url):
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE_S * 1000)
        self.url = url
        self.said, self.asked, self.refused = [], [], []
        self.page.on("console", lambda message: message.type in ("error", "warning") and self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("dialog", lambda dialog: self.said.append(f"dialog {dialog.message}") or dialog.dismiss())

    def open(self, view):
        self.page.goto(f"{self.url}/#/{view}")
        self.page.locator(f'main[data-view="{view}"] h1').wait_for()
        return self.page

    def sign_in(self, credential):
        """Sign in with a key or a token, and see that it is left nowhere."""
        page = self.page
        if not page.url.startswith(self.url):
            page.goto(self.url)
        page.get_by_label("Key or token").fill(credential)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()
        assert credential not in page.url
        assert credential not in page.evaluate("JSON.stringify(localStorage)")
        assert not any(credential in url for url in self.asked)
        return page

    def outside(self):
        return [url for url in self.asked if not url.startswith((self.url, "data:", "blob:"))]


@pytest.fixture
def new_tab(browser):
    """Open a tab: ``new_tab(gateway)``. At the end: no error was logged, and nothing was asked of another host."""
    contexts, tabs = [], []

    def make(served, *, refusals=False, **options):
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        tab = Tab(context, served.url)
        tab.allows_refusals = refusals
        tabs.append(tab)
        return tab

    yield make
    for context in contexts:
        context.close()
    for tab in tabs:
        # Chromium itself logs each answer of 400 and above; a test that provokes one says so.
        said = [text for text in tab.said if not (tab.allows_refusals and "Failed to load resource" in text)]
        assert said == []
        assert tab.outside() == []


@pytest.fixture(scope="package")
def stages(serve, browser):
    """A gateway in each stage, started when it is asked for."""
    started = {}

    def at(stage):
        if stage not in started:
            started[stage] = serve(stage=stage)
        return started[stage]

    return at


@pytest.fixture
def keyed(new_tab, stages):
    """Sign in with a key of a role at the gateway of a stage."""

    def sign_in(stage, role, **options):
        tab = new_tab(stages(stage), refusals=True, **options)
        tab.sign_in(stages(stage).key(f"{role} at {stage}", role))
        return tab

    return sign_in


@pytest.fixture
def tab(new_tab, gateway):
    return new_tab(gateway)
