"""The deployment's secrets: read when first needed, kept for a while, read again when they may have changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from types import MappingProxyType

from dragoman.provider import SecretSourceDescription
from dragoman.secret import Secret
from dragoman.secrets.document import SecretDocument
from dragoman.secrets.redaction import Redactor
from dragoman.secrets.snapshot import Layer, Snapshot
from dragoman.secrets.sources import ConfiguredSource, configured_sources
from dragoman.settings import Settings

logger = logging.getLogger("dragoman.secrets")

#: Seconds that a caller waits for secrets to be read again before it goes on with those that were read last. A source
#: that hangs delays calls by this much, once for each reading.
PATIENCE_S = 2.0
#: Seconds after which the sources are read again, however long the TTL, because one failed or a name is missing.
RETRY_S = 10.0

_NONE: Mapping[str, SecretSourceDescription] = MappingProxyType({})


class SecretStore:
    """Secrets by name, from the configured sources in order, then from the process environment.

    One store serves any number of event loops and threads. The sources are read in a thread that lives for one
    reading, and there is one reading at a time, whoever asks: no loop's own pool is used, and a source that hangs
    does not keep the process from ending.

    Args:
        settings: Which sources there are, how long a reading holds, and what is exported.
        descriptions: Kind -> a source that a plugin brings. The engine's own kinds are not replaced.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        settings: Settings,
        descriptions: Mapping[str, SecretSourceDescription] = _NONE,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = configured_sources(settings, descriptions)
        self._ttl_s = settings.secrets.ttl_s
        self._exports = _Exports(settings.secrets.export_environment)
        self._clock = clock
        self._redactor = Redactor()
        self._lock = threading.Lock()
        self._reading: _Reading | None = None
        self._layers: tuple[Layer, ...] = ()
        self._snapshot: Snapshot | None = None
        self._read_at_s = 0.0

    @property
    def snapshot(self) -> Snapshot | None:
        """The secrets as they were read last; ``None`` before the first reading."""
        return self._snapshot

    @property
    def revision(self) -> int:
        """Grows whenever what the sources bring has changed; 0 before the first reading."""
        return self._snapshot.revision if self._snapshot else 0

    def redact(self, text: str) -> str:
        """Return the text with ``***`` wherever a value stood that this store knows or has known."""
        return self._redactor.redact(text)

    async def get(self, name: str) -> Secret:
        """Return a secret.

        Raises:
            SecretError: It is absent; the error says where it was looked for, what failed there, and what to do.
        """
        snapshot = await self.load()
        secret = snapshot.get(name)
        if secret is not None:
            return secret
        if self._clock() - self._read_at_s >= RETRY_S:  # somebody may have added it by now
            snapshot = await self._join_or_start().landed()
        return snapshot.require(name)

    async def load(self) -> Snapshot:
        """Return the secrets, read again where the last reading is older than ``secrets.ttl_s``.

        A source that fails then keeps what it had; the failure is among the snapshot's problems.
        """
        snapshot = self._snapshot
        if snapshot is None:
            return await self._join_or_start().landed()
        holds_s = min(self._ttl_s, RETRY_S) if snapshot.has_failures else self._ttl_s
        if self._clock() - self._read_at_s < holds_s:
            return snapshot
        reading = self._join_or_start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, reading.started_s + PATIENCE_S - self._clock())):
                return await reading.landed()
        return snapshot

    async def reread(self, since: int | None = None) -> bool:
        """Read the sources now and return whether anything has changed; for when a provider refuses a credential.

        Args:
            since: The revision that the refused credential is from. Where the contents have changed since, the answer
                is true without another reading. ``None`` means the present one.
        """
        since = self.revision if since is None else since
        if (running := self._reading) is not None:
            await running.landed()  # it may have been past the source that has changed, so one more follows
        if self.revision == since:
            await self._join_or_start().landed()
        return self.revision != since

    # --- reading, in a thread of its own -------------------------------------------------------------------------

    def _join_or_start(self) -> _Reading:
        with self._lock:
            if self._reading is None:
                reading = _Reading(self._clock())
                threading.Thread(target=self._read, args=(reading,), name="dragoman-secrets", daemon=True).start()
                self._reading = reading
            return self._reading

    def _read(self, reading: _Reading) -> None:
        crash: BaseException | None = None
        try:
            documents = [source.read() for source in self._sources]
            with self._lock:
                self._take(documents, reading.started_s)
        except BaseException as error:  # noqa: BLE001  (those who wait must hear of it)
            crash = error
        with self._lock:
            self._reading = None
            snapshot = self._snapshot
        reading.land(snapshot, crash)

    def _take(self, documents: Sequence[SecretDocument], started_s: float) -> None:
        before = self._layers or [None] * len(documents)
        layers = tuple(map(_layer, self._sources, documents, before))
        changed = self._snapshot is None or _contents(layers) != _contents(self._layers)
        self._redactor.remember(secret.reveal() for layer in layers for secret in layer.values.values())
        snapshot = Snapshot(layers, self.revision + changed, self._redactor, self._exports.names)
        self._exports.write(snapshot)
        if self._snapshot is not None:
            _log_new_failures(self._snapshot, snapshot)
        self._layers, self._snapshot, self._read_at_s = layers, snapshot, started_s


class _Reading:
    """One reading of all sources, which any number of tasks on any loops wait for."""

    def __init__(self, started_s: float) -> None:
        self.started_s = started_s
        self._future: Future[Snapshot] = Future()

    def land(self, snapshot: Snapshot | None, crash: BaseException | None) -> None:
        if crash is not None or snapshot is None:
            self._future.set_exception(crash or RuntimeError("the secrets were not read"))
        else:
            self._future.set_result(snapshot)

    async def landed(self) -> Snapshot:
        """Wait for the end of the reading. Cancelling the wait leaves the reading alone."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def wake(_: Future[Snapshot]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop that waited was closed meanwhile
                loop.call_soon_threadsafe(_settle, waiter)

        self._future.add_done_callback(wake)
        await waiter
        return self._future.result()


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _layer(source: ConfiguredSource, document: SecretDocument, before: Layer | None) -> Layer:
    if document.failure is None:
        return Layer(source.label, document.values, document.notes)
    kept = before.values if before else {}
    failure = f"{document.failure}; what was read before stays in use" if kept else document.failure
    return Layer(source.label, kept, failure=failure)


def _contents(layers: Sequence[Layer]) -> list[dict[str, str]]:
    return [{name: secret.reveal() for name, secret in layer.values.items()} for layer in layers]


def _log_new_failures(before: Snapshot, now: Snapshot) -> None:
    for problem in now.problems:
        if problem.name is None and problem not in before.problems:
            logger.warning("secrets: %s", problem)


class _Exports:
    """The names that ``export_environment`` lists; nothing else is ever written to the process environment."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._replaced: dict[str, str | None] = {}

    def write(self, snapshot: Snapshot) -> None:
        """Write what the sources bring, and take back what they bring no longer."""
        brought = set(snapshot.names())
        for name in self.names:
            if name in brought:
                self._set(name, snapshot.require(name))
            elif name in self._replaced:
                self._restore(name, self._replaced.pop(name))

    def _set(self, name: str, secret: Secret) -> None:
        self._replaced.setdefault(name, os.environ.get(name))
        try:
            os.environ[name] = secret.reveal()
        except ValueError:  # it does not fit the environment's encoding
            logger.warning("secrets: %s cannot be written to the process environment", name)

    @staticmethod
    def _restore(name: str, value: str | None) -> None:
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
