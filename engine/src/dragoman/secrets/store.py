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
from typing import NamedTuple, NoReturn

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
        self._started = 0
        self._latest: _Reading | None = None
        self._state: _State | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets cannot be pickled or copied; open a store on the settings where it is used")

    @property
    def snapshot(self) -> Snapshot | None:
        """The secrets as they were read last; ``None`` before the first reading."""
        return self._state.snapshot if self._state else None

    @property
    def revision(self) -> int:
        """Grows whenever what the sources bring has changed; 0 before the first reading."""
        return self._state.snapshot.revision if self._state else 0

    @property
    def readings(self) -> int:
        """How often the sources were read."""
        return self._state.number if self._state else 0

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
        state = self._state
        if state is not None and self._clock() - state.started_s >= RETRY_S:  # somebody may have added it by now
            snapshot = await self._reading(state.number + 1).landed()
        return snapshot.require(name)

    async def load(self) -> Snapshot:
        """Return the secrets, read again where the last reading is older than ``secrets.ttl_s``.

        A source that fails then keeps what it had; the failure is among the snapshot's problems.
        """
        state = self._state
        if state is None:
            return await self._reading(1).landed()
        snapshot = state.snapshot
        holds_s = min(self._ttl_s, RETRY_S) if snapshot.has_failures else self._ttl_s
        if self._clock() - state.started_s < holds_s:
            return snapshot
        reading = self._reading(state.number + 1)
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
        # A reading that is under way may be past the source that has changed; only one that starts from now on counts.
        needed = self._started + 1
        while self.revision == since:
            reading = self._reading(needed)
            await reading.landed()
            if reading.number >= needed:
                break
        return self.revision != since

    # --- reading, in a thread of its own -------------------------------------------------------------------------

    def _reading(self, number: int) -> _Reading:
        """Return the latest reading if it is under way or has this number at least; else start the next."""
        with self._lock:
            latest = self._latest
            if latest is None or (latest.has_landed and latest.number < number):
                latest = _Reading(self._started + 1, self._clock())
                threading.Thread(target=self._read, args=(latest,), name="dragoman-secrets", daemon=True).start()
                self._latest, self._started = latest, latest.number
            return latest

    def _read(self, reading: _Reading) -> None:
        try:
            documents = [source.read() for source in self._sources]
            with self._lock:
                snapshot = self._take(documents, reading)
        except BaseException as error:  # noqa: BLE001  (those who wait must hear of it)
            with self._lock:
                self._latest = None
            reading.crash(error)
        else:
            reading.land(snapshot)

    def _take(self, documents: Sequence[SecretDocument], reading: _Reading) -> Snapshot:
        before = self._state
        layers = tuple(map(_layer, self._sources, documents, before.layers if before else [None] * len(documents)))
        changed = before is None or _contents(layers) != _contents(before.layers)
        self._redactor.remember(secret.reveal() for layer in layers for secret in layer.values.values())
        snapshot = Snapshot(layers, self.revision + changed, self._redactor, self._exports.names)
        self._exports.write(snapshot)
        if before is not None:
            _log_new_failures(before.snapshot, snapshot)
        self._state = _State(snapshot, layers, reading.number, reading.started_s)
        return snapshot


class _State(NamedTuple):
    """What the last reading that succeeded gave, its number, and when it was started."""

    snapshot: Snapshot
    layers: tuple[Layer, ...]
    number: int
    started_s: float


class _Reading:
    """One reading of all sources, which any number of tasks on any loops wait for."""

    def __init__(self, number: int, started_s: float) -> None:
        self.number = number
        self.started_s = started_s
        self._future: Future[Snapshot] = Future()
        self.land = self._future.set_result
        self.crash = self._future.set_exception

    @property
    def has_landed(self) -> bool:
        return self._future.done()

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
