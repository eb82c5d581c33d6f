"""Keeping an engine's catalogue in step: with what is saved, and with the configuration's files."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path

from dragoman.catalog import Saved
from dragoman.documents import SUFFIXES
from dragoman.engine import Engine
from dragoman.merge import Layer
from dragoman.server.state.store import ADAPTER, INFERENCE, Revision, Store

logger = logging.getLogger("dragoman.state")

#: A file younger than this may change again without a later time or another size; then its content counts, too.
YOUNG_S = 2.0


class SavedDocuments:
    """Lays what the store holds over the engine's files, now and after every change by any process."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self._engine = engine
        self._store = store
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Hand over what is saved now, and go on in the background."""
        changes = self._store.watch()
        await anext(changes)
        await self._engine.use_saved(saved_of(self._store))
        self._task = asyncio.create_task(self._follow(changes), name="dragoman-state-saved")

    async def aclose(self) -> None:
        """Stop."""
        await _stop(self._task)

    async def _follow(self, changes: AsyncGenerator[None, None]) -> None:
        async with aclosing(changes):
            async for _ in changes:
                try:
                    await self._engine.use_saved(saved_of(self._store))
                except Exception:
                    logger.exception("saved documents could not be taken over; the next change tries again")


class ConfigurationFiles:
    """Lets the engine read its files again when one of them changes.

    A bad file does no harm: the engine keeps what it said before, and the catalogue's failures say so.
    """

    def __init__(self, engine: Engine, interval_s: float) -> None:
        self._engine = engine
        self._interval_s = interval_s
        self._known: dict[Path, tuple[os.stat_result, bytes]] = {}
        self._task: asyncio.Task[None] | None = None
        #: Why the files could not be read again at all; ``None``: they could.
        self.problem: str | None = None

    async def start(self) -> None:
        """Remember how the files are, and look in the background; not at all where the interval is 0."""
        if self._interval_s:
            seen = await asyncio.to_thread(self._contents)
            self._task = asyncio.create_task(self._watch(seen), name="dragoman-state-files")

    async def aclose(self) -> None:
        """Stop."""
        await _stop(self._task)

    async def _watch(self, seen: Mapping[Path, bytes]) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                found = await asyncio.to_thread(self._contents)
                if found != seen:
                    logger.info("the configuration's files have changed and are read again")
                    await self._engine.reload()
                seen, self.problem = found, None
            except Exception as error:
                if self.problem is None:
                    logger.exception("the configuration's files could not be read again; what was read before holds")
                self.problem = f"{type(error).__name__}: {error}"

    def _contents(self) -> dict[Path, bytes]:
        """Return a fingerprint of each file's content; a file is read only where its time or size has changed."""
        settings = self._engine.settings
        folders = [folder for folder in (settings.adapters_folder, settings.inference_folder) if folder]
        found: dict[Path, tuple[os.stat_result, bytes]] = {}
        for path in (path for folder in folders if folder.is_dir() for path in _documents(folder)):
            with contextlib.suppress(OSError):  # it has just been removed, or the engine tells why it is unreadable
                found[path] = _fingerprint(path, self._known.get(path))
        self._known = found
        return {path: content for path, (_, content) in found.items()}


def saved_of(store: Store) -> Saved:
    """Return the store's current documents as the engine's catalogue takes them."""
    return Saved(_layers(store.current(ADAPTER)), _layers(store.current(INFERENCE)))


def _layers(revisions: Mapping[str, Revision]) -> dict[str, Layer]:
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


async def _stop(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
