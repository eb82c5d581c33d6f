"""The head of a request, as bytes, and the address that it goes to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from dragoman.transport.faults import BadAddressError, UnwritableError

_DEFAULT_PORTS = {"http": 80, "https": 443}
#: Longer URLs are taken apart each time.
MAX_REMEMBERED_CHARS = 2048
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f]")
#: What frames the message is the transport's to say; HEAD and CONNECT have answers of another shape.
_FRAMING = frozenset({"connection", "content-length", "expect", "transfer-encoding", "upgrade"})
_NOT_SENT = frozenset({"CONNECT", "HEAD"})
_HAVE_BODIES = frozenset({"PATCH", "POST", "PUT"})
#: What stands in a URL as it is: it is encoded already, but for other scripts.
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


class Address(NamedTuple):
    """Where a request goes.

    Args:
        is_https: Whether the connection is encrypted.
        host: A name or an address, without brackets, in lower case; other scripts as they stand in the URL.
        port: The scheme's own where the URL has none.
        authority: What the header ``Host`` says.
        target: Path and query as they go over the wire.
    """

    is_https: bool
    host: str
    port: int
    authority: str
    target: str


def parse_url(url: str) -> Address:
    """Return the parts of a URL; raise ``BadAddressError`` where it is no http: or https: URL of a server.

    Credentials are an authorizer's, and do not stand in an address.
    """
    return _remembered(url) if len(url) <= MAX_REMEMBERED_CHARS else _parsed(url)


def _parsed(url: str) -> Address:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        authority = f"[{host}]" if ":" in host else host if host.isascii() else host.encode("idna").decode()
        path, query = quote(parts.path or "/", safe=_PRINTABLE), quote(parts.query, safe=_PRINTABLE)
    except ValueError:
        raise BadAddressError from None
    default_port = _DEFAULT_PORTS.get(parts.scheme)
    if default_port is None or not host or "@" in parts.netloc or _NOT_IN_A_URL.search(url):
        raise BadAddressError
    if port is None:
        port = default_port
    elif port != default_port:
        authority = f"{authority}:{port}"
    return Address(parts.scheme == "https", host, port, authority, f"{path}?{query}" if query else path)


_remembered = lru_cache(maxsize=1024)(_parsed)


def head_of(method: str, address: Address, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Return the head of a request; raise ``UnwritableError`` where a name or value would be more than one.

    ``Host``, ``User-Agent``, ``Accept`` and ``Accept-Encoding`` are added where the headers do not say them.
    """
    added, has_host = _added_to(method, tuple(headers))
    lines = [f"{method} {address.target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()], *added]
    if not has_host:
        lines.append(f"Host: {address.authority}")
    if body is not None or method in _HAVE_BODIES:
        lines.append(f"Content-Length: {len(body or b'')}")
    text = "\r\n".join(lines)
    ends = len(lines) - 1
    if not text.count("\r") == text.count("\n") == ends or "\0" in text:  # every name and value has a line to itself
        raise UnwritableError
    try:
        return f"{text}\r\n\r\n".encode()
    except UnicodeEncodeError:  # half a character
        raise UnwritableError from None


@lru_cache(maxsize=256)
def _added_to(method: str, names: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """Return the lines that are added to headers of these names, and whether they name the host."""
    given = {name.lower() for name in names}
    if method in _NOT_SENT or given & _FRAMING or not all(map(_TOKEN.fullmatch, (method, *names))):
        raise UnwritableError
    lines = ("Accept: */*", "Accept-Encoding: gzip, deflate", f"User-Agent: {user_agent()}")
    return tuple(line for line in lines if line.partition(":")[0].lower() not in given), "host" in given


def user_agent() -> str:
    """Return what requests say about their sender, unless a codec says something else."""
    try:
        return f"dragoman/{version('dragoman')}"
    except PackageNotFoundError:
        return "dragoman"
