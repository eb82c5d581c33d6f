"""Keeping an engine's catalogue in step: with what is saved, and with the configuration's files."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from dragoman.catalog import Failure, Saved
from dragoman.documents import SUFFIXES
from dragoman.engine import Engine
from dragoman.merge import Layer
from dragoman.server.state.changes import Changes
from dragoman.server.state.repeating import Repeating
from dragoman.server.state.revision import Revision
from dragoman.server.state.settings_file import SettingsFile
from dragoman.server.state.store import ADAPTER, INFERENCE, TOPIC, Store

logger = logging.getLogger("dragoman.state")

#: What moves when an administrator asks for secrets and files to be read anew.
RELOAD = "reload"
#: A file younger than this may change again without a later time or another size; then its content counts, too.
YOUNG_S = 2.0


class SavedDocuments:
    """Lays what the store holds over the engine's files, now and after every change by any process.

    Who saves a document finds it in the engine when saving returns.
    """

    def __init__(self, engine: Engine, store: Store, changes: Changes) -> None:
        self._engine = engine
        self._store = store
        self._changes = changes

    async def start(self) -> None:
        """Hand over what is saved now, and go on with every change."""
        self._changes.subscribe(TOPIC, self._take)
        await self._engine.use_saved(saved_of(self._store))

    def stop(self) -> None:
        """Follow no further change."""
        self._changes.unsubscribe(TOPIC, self._take)

    async def _take(self) -> None:
        try:
            await self._engine.use_saved(saved_of(self._store))
        except Exception:
            logger.exception("saved documents could not be taken over; the next change tries again")


class Reloads:
    """Reads secrets and files anew where an administrator asked another process for it."""

    def __init__(self, engine: Engine, changes: Changes) -> None:
        self._engine = engine
        self._changes = changes
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow from now on."""
        self._changes.subscribe(RELOAD, self._take)

    async def announce(self) -> None:
        """Let the other processes do the same; raises ``StateError`` where they cannot be told."""
        await self._changes.announce(RELOAD)

    async def aclose(self) -> None:
        """Stop."""
        self._changes.unsubscribe(RELOAD, self._take)
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _take(self) -> None:
        # Beside the watching of changes: sources of secrets can be slow, and a key may be revoked meanwhile.
        before, self._running = self._running, None
        self._running = asyncio.create_task(self._reload(before), name="dragoman-state-reload")

    async def _reload(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        try:
            await self._engine.reload()
            logger.info("secrets and files are read again, as another process was asked to")
        except Exception:
            logger.exception("secrets and files could not be read again; what was read before holds")


class ConfigurationFiles:
    """Lets the engine read its files again when one of them changes.

    A bad file does no harm: the engine keeps what it said before, and the catalogue's failures say so. The settings'
    own file is looked at as well; it is not taken over, :attr:`settings` says what waits for a restart.
    """

    def __init__(self, engine: Engine, interval_s: float) -> None:
        self._engine = engine
        self._known: dict[Path, tuple[os.stat_result, bytes]] = {}
        self._seen: Mapping[Path, bytes] = {}
        self._repeating = Repeating("dragoman-state-files", self._look, interval_s) if interval_s else None
        self._told: set[str] = set()
        self.settings = SettingsFile(engine.settings)
        #: Why the files could not be read again at all; ``None``: they could.
        self.problem: str | None = None

    async def start(self) -> None:
        """Remember how the files are, and look in the background; not at all where the interval is 0."""
        if self._repeating is not None:
            self._seen = await asyncio.to_thread(self._contents)
            self._repeating.start()

    async def aclose(self) -> None:
        """Stop."""
        if self._repeating is not None:
            await self._repeating.aclose()

    async def _look(self) -> None:
        try:
            found = await asyncio.to_thread(self._contents)
            if found != self._seen:
                logger.info("the configuration's files have changed and are read again")
                self._tell((await self._engine.reload()).failures)
            self._seen, self.problem = found, None
        except Exception as error:
            if self.problem is None:
                logger.exception("the configuration's files could not be read again; what was read before holds")
            self.problem = f"{type(error).__name__}: {error}"

    def _tell(self, failures: Iterable[Failure]) -> None:
        """Say each failure once: a folder where one file stays bad is read again for the others."""
        found = {f"{failure.where}: {failure.reason}" for failure in failures}
        for line in sorted(found - self._told):
            logger.warning("%s", line)
        self._told = found

    def _contents(self) -> dict[Path, bytes]:
        """Return a fingerprint of each document's content; one is read only where its time or size has changed."""
        self.settings.look()
        settings = self._engine.settings
        folders = [folder for folder in (settings.adapters_folder, settings.inference_folder) if folder]
        found: dict[Path, tuple[os.stat_result, bytes]] = {}
        for path in (path for folder in folders if folder.is_dir() for path in _documents(folder)):
            with contextlib.suppress(OSError):  # it has just been removed, or the engine tells why it is unreadable
                found[path] = _fingerprint(path, self._known.get(path))
        self._known = found
        return {path: content for path, (_, content) in found.items()}


def saved_of(store: Store) -> Saved:
    """Return the store's current documents, of every kind, as the engine takes them."""
    others = {kind: layers_of(store.current(kind)) for kind in store.kinds - {ADAPTER, INFERENCE}}
    return Saved(layers_of(store.current(ADAPTER)), layers_of(store.current(INFERENCE)), others)


def layers_of(revisions: Mapping[str, Revision]) -> dict[str, Layer]:
    """Return the documents of one kind as the engine takes them."""
    # Whoever saved them came through the API: their addresses are checked before they are called.
    return {name: Layer(revision.origin, revision.document, trusted=False) for name, revision in revisions.items()}


def _documents(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]


def _fingerprint(path: Path, known: tuple[os.stat_result, bytes] | None) -> tuple[os.stat_result, bytes]:
    now = path.stat()
    if known is not None and time.time() - now.st_mtime > YOUNG_S and _times(known[0]) == _times(now):
        return known
    return now, hashlib.sha256(path.read_bytes()).digest()


def _times(found: os.stat_result) -> tuple[int, ...]:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
