"""The page's files: read once, sent with what a browser must not do with them."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib import resources
from typing import NamedTuple

from dragoman.server.exchange import Exchange
from dragoman.server.refusals import Refusal

#: What the page may do: run its own files and talk to its own host, nothing else.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

_TYPES = {
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "svg": b"image/svg+xml",
}


class _File(NamedTuple):
    data: bytes
    compressed: bytes
    kind: bytes
    tag: bytes


def takes_gzip(exchange: Exchange) -> bool:
    """Return whether a client takes compressed answers; one that says so with a weight of its own gets none."""
    accepted = exchange.headers.get(b"accept-encoding", b"").lower().split(b",")
    return any(coding.strip() == b"gzip" for coding in accepted)


def is_page(method: str, path: str) -> bool:
    """Return whether an address is one of the page's; they need no key, for they hold nothing of the deployment."""
    return method in ("GET", "HEAD") and (path == "/" or path.startswith("/page/"))


async def send_file(exchange: Exchange) -> None:
    """Send a file of the page, or say that the browser has it already.

    Raises:
        Refusal: There is no such file.
    """
    name = "index.html" if exchange.path == "/" else exchange.path.removeprefix("/page/")
    found = _files().get(name)
    if found is None:
        raise Refusal(404, "unknown_url", f"the page has no file {name[:100]!r}")
    is_compressed = takes_gzip(exchange)
    data, tag = (found.compressed, found.tag[:-1] + b'-gzip"') if is_compressed else (found.data, found.tag)
    headers = [
        *([(b"content-encoding", b"gzip")] if is_compressed else []),
        (b"vary", b"accept-encoding"),
        (b"content-type", found.kind),
        (b"content-security-policy", POLICY.encode()),
        (b"cache-control", b"no-cache"),
        (b"etag", tag),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
    ]
    if exchange.headers.get(b"if-none-match") == tag:
        await exchange.answer(304, b"", headers)
    else:
        await exchange.answer(200, b"" if exchange.method == "HEAD" else data, headers)


@cache
def _files() -> dict[str, _File]:
    """Return the files by name. What is not in this table cannot be asked for, whatever the address looks like."""
    found = {}
    for entry in (resources.files("dragoman.server") / "page").iterdir():
        kind = _TYPES.get(entry.name.rpartition(".")[2])
        if kind is not None:
            data = entry.read_bytes()
            compressed = gzip.compress(data, mtime=0)
            found[entry.name] = _File(data, compressed, kind, b'"%s"' % hashlib.sha256(data).hexdigest()[:32].encode())
    return found
