"""Bodies that a server compressed: decompressed piece by piece, so that few bytes do not become many at once."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from dragoman.transport.faults import UnknownCodingError, UnreadableError

#: At most so many bytes are made of what arrived before the next ones are asked for.
MAX_PIECE_BYTES = 256 * 1024

_GZIP = zlib.MAX_WBITS | 16
_CODINGS = ("gzip", "x-gzip", "deflate")
#: Known to servers, and not asked for; anything else that stands there says nothing about compression.
_NOT_ASKED_FOR = ("br", "compress", "zstd")


def decompression_for(coding: str | None) -> Decompression | None:
    """Return what reads a body of this ``Content-Encoding``; ``None`` where it comes as it is.

    Raises:
        UnknownCodingError: It is one that requests do not accept.
    """
    if coding is None:
        return None
    coding = coding.strip().lower()
    if coding in _NOT_ASKED_FOR:
        raise UnknownCodingError
    return Decompression(is_gzip=coding != "deflate") if coding in _CODINGS else None


class Decompression:
    """One body under way."""

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._inflate: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes become, in pieces of bounded size; raise ``UnreadableError`` where they are none."""
        is_full = False
        while data or is_full:
            inflate = self._inflate
            if inflate is None or inflate.eof:  # a body may be several gzip files, one behind the other
                inflate = self._inflate = zlib.decompressobj(_GZIP if self._is_gzip else _window_of(data))
            try:
                piece = inflate.decompress(data, MAX_PIECE_BYTES)
            except zlib.error:
                raise UnreadableError from None
            data = inflate.unconsumed_tail or inflate.unused_data
            is_full = len(piece) == MAX_PIECE_BYTES and not inflate.eof
            if piece:
                yield piece

    def end(self) -> None:
        """Raise ``UnreadableError`` where the body ended too early."""
        if self._inflate is not None and not self._inflate.eof:
            raise UnreadableError


def _window_of(data: bytes) -> int:
    """Return how to read ``deflate``, which is zlib's format by the standard, and none of a format for some servers."""
    return zlib.MAX_WBITS if data[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS
