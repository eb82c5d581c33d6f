"""What the contract's tests are given."""

from __future__ import annotations

import functools
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from dragoman.calls import ChatStream
from dragoman.engine import DryRun, Engine
from dragoman.events import Response
from dragoman.hookspecs import hookimpl
from dragoman.messages import Message
from dragoman.plugins import LoadedPlugin, Plugins, load_plugins
from dragoman.provider import CallObservation, ProviderDescription
from dragoman.settings import Settings
from dragoman.testing.case import Answer, ProviderCase, ProviderSide, Wire
from dragoman.testing.features import QUESTION
from dragoman.testing.upstream import Received, Reply, Upstream


@dataclass(frozen=True, slots=True)
class Subject:
    """The provider under test, behind an engine, with the upstream that it talks to."""

    case: ProviderCase
    engine: Engine
    upstream: Upstream

    @property
    def document(self) -> dict[str, Any]:
        """The adapter document, addressed to the upstream."""
        return dict(self.case.document)

    @property
    def is_langchain(self) -> bool:
        """Whether a LangChain class makes the calls."""
        native = self.engine.plugins.provider(self.case.kind).native
        return str(self.case.document.get("runtime", "native" if native else "langchain")) == "langchain"

    def prepare(self, answer: Answer, *, streamed: bool) -> None:
        """Let the upstream give this answer to calls; a provider without a wire needs none."""
        if self.case.wire is not None:
            self.upstream.answer(lambda sent: self.reply(sent, answer, streamed=streamed))

    def reply(self, sent: Received, answer: Answer, *, streamed: bool) -> Reply:
        """Return the answer to the request of a call."""
        wire = self.case.wire
        assert isinstance(wire, Wire)
        return wire.streamed(answer) if streamed else wire.whole(answer)

    def prepare_all(self, *, streamed: bool) -> None:
        """Let the upstream answer what is asked beside calls as well; it has nothing at its root."""

        def script(sent: Received) -> Reply:
            if self.case.beside is not None and (reply := self.case.beside(sent)) is not None:
                return reply
            return Reply.text("", 404) if sent.method == "GET" else self.reply(sent, Answer(), streamed=streamed)

        self.upstream.answer(script)

    async def ask(self, *, streamed: bool = False) -> Any:
        """Make the plainest call of the case's operation; return its answer."""
        return await self.call(streamed=streamed)

    async def show(self, *, streamed: bool = False, **rest: Any) -> DryRun:
        """Return the request that :meth:`ask` would send."""
        return await self.dry_run(stream=streamed, **rest)

    async def call(self, messages: Sequence[Message] = (QUESTION,), *, streamed: bool = False, **rest: Any) -> Response:
        """Call the provider and return the whole answer, however it came."""
        if not streamed:
            return await self.engine.chat(self.document, messages, **rest)
        async with self.stream(messages, **rest) as stream:
            async for _ in stream:
                pass
            return stream.response

    def stream(self, messages: Sequence[Message] = (QUESTION,), **rest: Any) -> ChatStream:
        """Call the provider and return the stream."""
        return self.engine.stream(self.document, messages, **rest)

    async def dry_run(self, messages: Sequence[Message] = (QUESTION,), **rest: Any) -> DryRun:
        """Return the request that a call would send."""
        return await self.engine.dry_run(self.document, messages, **rest)


class Watcher:
    """A plugin that keeps what observers are told."""

    def __init__(self) -> None:
        self.seen: list[CallObservation] = []

    @hookimpl
    def dragoman_observe(self, call: CallObservation) -> None:
        self.seen.append(call)


@functools.cache
def installed() -> tuple[Plugins, Watcher]:
    """Return the installed plugins, loaded once, and what watches their calls."""
    plugins, watcher = load_plugins(), Watcher()
    plugins.manager.register(watcher, name="the contract's own observer")
    return plugins, watcher


class ContractFixtures:
    """The fixtures of the contract; an author gives ``case`` and may refine the others."""

    #: How an answer comes; a test that takes ``streamed`` runs once for each.
    ways: ClassVar[Sequence[str]] = ("whole", "streamed")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test that takes ``streamed`` in each way."""
        if "streamed" in metafunc.fixturenames:
            metafunc.parametrize("streamed", [way == "streamed" for way in self.ways], ids=self.ways)

    @pytest.fixture
    def case(self) -> ProviderCase:
        """Return the case; the author's part."""
        raise NotImplementedError("the subclass of ProviderContract lacks the fixture `case`")

    @pytest.fixture
    def upstream(self) -> Iterator[Upstream]:
        """Return the scripted upstream."""
        with Upstream() as upstream:
            yield upstream

    @pytest.fixture
    def plugins(self) -> Plugins:
        """Return the installed plugins."""
        return installed()[0]

    @pytest.fixture
    def watcher(self) -> Watcher:
        """Return what keeps the observations of this test's calls."""
        watcher = installed()[1]
        watcher.seen.clear()
        return watcher

    @pytest.fixture
    def plugin(self, case: ProviderCase, plugins: Plugins) -> LoadedPlugin:
        """Return the plugin that brings the provider."""
        found = [plugin for plugin in plugins.loaded if case.kind in [d.kind for d in plugin.providers]]
        assert found, f"no installed plugin brings {case.kind!r}; failed: {plugins.failed}"
        return found[0]

    @pytest.fixture
    def description(self, case: ProviderCase, plugin: LoadedPlugin) -> ProviderDescription:
        """Return the provider's description."""
        return next(d for d in plugin.providers if d.kind == case.kind)

    @pytest.fixture
    def canaries(
        self, case: ProviderCase, description: ProviderDescription, monkeypatch: pytest.MonkeyPatch
    ) -> dict[str, str]:
        """Set each of the provider's secrets to a value that is searched for later; name -> value."""
        named = {**description.credentials, **case.document.get("credentials", {})}
        values = {name: f"canary-{secrets.token_hex(12)}" for name in named.values() if name is not None}
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        return values

    @pytest_asyncio.fixture
    async def subject(
        self, case: ProviderCase, upstream: Upstream, plugins: Plugins, canaries: dict[str, str]
    ) -> AsyncIterator[Subject]:
        """Return the provider behind an engine without configuration, whose secrets are the canaries."""
        async with Engine(Settings(), plugins=plugins) as engine:
            yield self.subject_of(case.at(upstream.url), engine, upstream)

    #: What drives the case, by its operation.
    subject_of: ClassVar[type[Subject]] = Subject

    #: What the case's wire is.
    wire_of: ClassVar[type[ProviderSide]] = Wire

    @pytest.fixture
    def wire(self, case: ProviderCase) -> ProviderSide:
        """Return the provider's side of the wire; a provider that sends nothing has no such test."""
        if case.wire is None:
            pytest.skip("this provider sends nothing")
        assert isinstance(case.wire, self.wire_of), f"the case's wire must be a {self.wire_of.__name__}"
        return case.wire

    @pytest.fixture
    def codec_wire(self, subject: Subject, wire: ProviderSide) -> ProviderSide:
        """Return the wire of a provider that reads and writes it by itself, not through a LangChain class."""
        if subject.is_langchain:
            pytest.skip("a LangChain class writes, reads and leaves the wire in its own way")
        return wire
