"""The journal: where a call is booked before its answer ends, with one write to a local file.

What was handed to the kernel survives the death of the process, also by kill -9; a power failure takes what was not
yet forced to the disk (``store.ledger_sync``). Each process writes a file of its own and holds a lock on it; a file
without a lock is one whose process is dead, and whoever finds it moves it. A line is framed by its length and its
CRC-32, so that a torn one is recognised. The folder belongs to one machine: locks do not reach further.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import time
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dragoman.errors import StateError

logger = logging.getLogger("dragoman.state")

SUFFIX = ".journal"
#: A file is made under this suffix, locked, then renamed: nobody finds one that is not locked yet.
UNFINISHED = ".new"
#: Lines that cannot be booked are kept in a file of this suffix, for a person.
DAMAGED = ".damaged"
#: Where a file is that is open: a deleted one is gone when its process is.
Whereabouts = Literal["in place", "moved", "deleted"]
#: Seconds after which a file that was never finished is one whose process died while it made it.
UNFINISHED_S = 60.0


class JournalFile:
    """One file that this process writes or took over. Closing it frees its lock."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._is_torn = False
        self._is_listed = False  # whether the folder's entry of it is on the disk
        self.size = os.fstat(descriptor).st_size

    @classmethod
    def create(cls, folder: Path) -> JournalFile:
        """Make a new file, locked.

        Raises:
            StateError: The folder cannot be written.
        """
        path = folder / f"{socket.gethostname()}-{os.getpid()}-{os.urandom(6).hex()}{SUFFIX}"
        unfinished = path.with_suffix(UNFINISHED)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(unfinished, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                unfinished.rename(path)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            what = f"the ledger's journal cannot be written in {folder}: {error.strerror}"
            raise StateError(what, hint="set store.directory to a folder that this process may write") from None
        return cls(path, descriptor)

    @classmethod
    def take_over(cls, path: Path) -> JournalFile | None:
        """Lock a file that a dead process left; ``None`` where its process lives, or somebody else was faster."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_there = os.fstat(descriptor).st_nlink > 0  # moved and removed between our open and our lock
        except BlockingIOError:
            is_there = False
        except BaseException:
            os.close(descriptor)
            raise
        if not is_there:
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    def append(self, line: bytes) -> None:
        """Add a line, which holds no line feed.

        Raises:
            OSError: It is not, or only partly, there; what follows it is readable all the same.
        """
        frame = b"%08x %d %b\n" % (zlib.crc32(line), len(line), line)
        if self._is_torn:
            frame = b"\n" + frame
        written = os.write(self._descriptor, frame)
        self.size += written
        self._is_torn = written < len(frame)
        if self._is_torn:
            raise OSError(28, "only a part of the line could be written")

    async def sync(self) -> None:
        """Force what was written to the disk, off the loop. The file may be closed meanwhile.

        Raises:
            StateError: The disk refuses.
        """
        descriptor = os.dup(self._descriptor)
        try:
            await asyncio.to_thread(_sync, descriptor, None if self._is_listed else self.path.parent)
        except OSError as error:
            raise StateError(f"the ledger's journal cannot be forced to the disk: {error.strerror}") from None
        self._is_listed = True

    def whereabouts(self) -> Whereabouts:
        """Return whether the file is where whoever starts next looks for it. Some microseconds."""
        opened = os.fstat(self._descriptor)
        try:
            found = self.path.stat()
        except OSError:
            found = None
        if found is not None and (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino):
            return "in place"
        return "moved" if opened.st_nlink else "deleted"

    def rescued(self) -> JournalFile:
        """Return a new file with the lines of this one, which was deleted while it was open. Blocks.

        Raises:
            StateError: The folder cannot be written.
        """
        copy = JournalFile.create(self.path.parent)
        try:
            for line in self.lines():
                if line.content is not None:  # a torn one was booked again, whole
                    copy.append(line.content)
        except OSError as error:
            copy.close(remove=True)
            raise StateError(f"the ledger's journal cannot be written again: {error.strerror}") from None
        return copy

    def lines(self) -> Generator[Line, None, None]:
        """Read the lines from the start, torn ones among them. Blocks."""
        with os.fdopen(os.dup(self._descriptor), "rb") as file:  # not by its name: the folder may be gone
            file.seek(0)
            for raw in file:
                if raw != b"\n":
                    yield _unframed(raw)

    def close(self, *, remove: bool = False) -> None:
        """Free the lock; ``remove`` the file first. One that stays is moved again, which books no call twice."""
        if remove:
            with contextlib.suppress(OSError):
                self.path.unlink()
        os.close(self._descriptor)


def _sync(descriptor: int, folder: Path | None) -> None:
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    if folder is not None:
        try:
            entry = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return  # it was moved or deleted; the next look tells of it
        try:
            os.fsync(entry)
        finally:
            os.close(entry)


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was found. ``content`` is ``None`` where its frame does not hold: it is torn or damaged."""

    raw: bytes
    content: bytes | None


def _unframed(raw: bytes) -> Line:
    checksum, _, rest = raw.partition(b" ")
    length, _, content = rest.partition(b" ")
    content = content.removesuffix(b"\n")
    try:
        holds = raw.endswith(b"\n") and len(content) == int(length) and zlib.crc32(content) == int(checksum, 16)
    except ValueError:
        holds = False
    return Line(raw, content if holds else None)


def abandoned(folder: Path) -> list[JournalFile]:
    """Take over every file that a dead process left, and remove those that it did not finish making. Blocks."""
    if not folder.is_dir():
        return []
    for path in folder.glob(f"*{UNFINISHED}"):  # empty: nothing is written before the name is the final one
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > UNFINISHED_S:
                path.unlink()
    found = (JournalFile.take_over(path) for path in sorted(folder.glob(f"*{SUFFIX}")))
    return [file for file in found if file is not None]


def keep_damaged(folder: Path, name: str, lines: list[bytes]) -> Path:
    """Keep lines that cannot be booked, where a person finds them. Blocks."""
    path = (folder / name).with_suffix(DAMAGED)
    with path.open("ab") as file:
        file.writelines(line if line.endswith(b"\n") else line + b"\n" for line in lines)
    return path
