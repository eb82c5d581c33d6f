"""Whom a target's TLS trusts and who it says it is: contexts, made of files and made anew when those change."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from dragoman.errors import DocumentError, Problem
from dragoman.provider import Tls

#: Platforms replace certificates under a running process; their files are looked at again after this many seconds.
LOOK_AGAIN_S = 30.0

RunBlocking = Callable[..., Awaitable[Any]]


class _Made(NamedTuple):
    """A context, what its files looked like then, and when they were looked at, in seconds of the monotonic clock."""

    context: ssl.SSLContext
    state: tuple[tuple[int, int, int], ...]
    looked_at_s: float


class TlsContexts:
    """One context for each set of files; equal ones are shared, and with them the connections.

    Args:
        run_blocking: Runs what reads files off the event loop.
        clock_s: Monotonic time in seconds.
    """

    def __init__(self, run_blocking: RunBlocking, *, clock_s: Callable[[], float] = monotonic) -> None:
        self._run_blocking = run_blocking
        self._clock_s = clock_s
        self._made: dict[Tls, _Made] = {}

    async def get(self, tls: Tls) -> ssl.SSLContext:
        """Return the context of these files.

        Raises:
            DocumentError: A file cannot be read or does not hold what it should; the path names the member.
        """
        made = self._made.get(tls)
        if made is None or self._clock_s() - made.looked_at_s > LOOK_AGAIN_S:
            made = self._made[tls] = await self._run_blocking(self._look, tls, made)
        return made.context

    def _look(self, tls: Tls, made: _Made | None) -> _Made:
        state = tuple(_state(getattr(tls, member), f"{tls.path}.{member}") for member in _members(tls))
        context = made.context if made is not None and made.state == state else load_context(tls)
        return _Made(context, state, self._clock_s())


@functools.cache
def default_context() -> ssl.SSLContext:
    """Return the context of targets that say nothing about it: the authorities of this machine. Blocks once."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def load_context(tls: Tls) -> ssl.SSLContext:
    """Return a new context. Blocks: reads the files. Raises as :meth:`TlsContexts.get`."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except (OSError, ssl.SSLError):
        raise _wrong(f"{tls.path}.ca_file", "holds no certificates in PEM form") from None
    if tls.client_certificate_file is not None:
        try:
            context.load_cert_chain(tls.client_certificate_file, tls.client_key_file, password=_refuse_password)
        except _PasswordWantedError:
            raise _wrong(f"{tls.path}.client_key_file", "is encrypted", "write the key without a password") from None
        except (OSError, ssl.SSLError):
            problem = "and its key are no pair in PEM form"
            raise _wrong(f"{tls.path}.client_certificate_file", problem) from None
    return context


class _PasswordWantedError(Exception):
    """OpenSSL would ask at the terminal, and wait."""


def _refuse_password() -> str:
    raise _PasswordWantedError


def _members(tls: Tls) -> list[str]:
    return [name for name in ("ca_file", "client_certificate_file", "client_key_file") if getattr(tls, name)]


def _state(file: str, path: str) -> tuple[int, int, int]:
    try:
        found = Path(file).stat()
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _wrong(path: str, what: str, hint: str = "check the file") -> DocumentError:
    return DocumentError("connection", [Problem(path, what, hint)])
