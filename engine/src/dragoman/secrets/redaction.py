"""Takes known secret values out of text, in every form in which they may have got there."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable, Iterator
from typing import NoReturn
from urllib.parse import quote, quote_plus

from dragoman.secret import MASK

#: Shorter values are not replaced: they would be found in the middle of ordinary words.
MIN_CHARS = 6
#: Values that are remembered, in use or not; beyond that the oldest are forgotten.
MAX_VALUES = 2_000


class Redactor:
    """Remembers secret values, also those that were rotated out, and replaces them. Works from any thread."""

    def __init__(self) -> None:
        self._forms: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> NoReturn:
        raise TypeError("known secrets cannot be pickled or copied")

    def remember(self, values: Iterable[str]) -> None:
        """Know these values from now on."""
        with self._lock:
            for value in values:
                if len(value) >= MIN_CHARS:
                    self._forms[value] = self._forms.pop(value, ()) or tuple(_forms(value))
            while len(self._forms) > MAX_VALUES:
                del self._forms[next(iter(self._forms))]

    def knows(self, value: str) -> bool:
        """Return whether the value is remembered, or too short to be."""
        return value in self._forms or len(value) < MIN_CHARS

    def redact(self, text: str) -> str:
        """Return the text with ``***`` wherever a known value stood, whole or in a longer word."""
        with self._lock:
            spans = sorted(_occurrences(text, self._forms.values()))
        if not spans:
            return text
        pieces: list[str] = []
        done = 0
        for start, end in spans:
            if start >= done:  # a span that begins inside the one before only makes it longer
                pieces += [text[done:start], MASK]
            done = max(done, end)
        return "".join([*pieces, text[done:]])


def _occurrences(text: str, values: Iterable[tuple[str, ...]]) -> Iterator[tuple[int, int]]:
    for forms in values:
        for form in forms:
            start = text.find(form)
            while start >= 0:
                yield start, start + len(form)
                start = text.find(form, start + 1)


def _forms(value: str) -> Iterator[str]:
    """Return the value as it stands, and as it looks in JSON, in an address, and inside base64."""
    whole = {value, value.strip()}
    for plain in tuple(whole):
        whole |= {json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]}
        # The environment may hold bytes that are no UTF-8; Python carries them as surrogates.
        octets = plain.encode("utf-8", "surrogateescape")
        for quoted in (quote(octets), quote(octets, safe=""), quote_plus(octets)):
            whole |= {quoted, _lower_hex(quoted)}
        whole |= set(_base64_forms(octets))
    return (form for form in whole if len(form) >= MIN_CHARS)


def _lower_hex(quoted: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)


def _base64_forms(value: bytes) -> Iterator[str]:
    """Return the base64 text by itself, and the part of it that stays the same inside a longer one (``user:key``)."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(value).decode().rstrip("=")
        for before in range(3):
            # The first characters also hold bits of what stands before, the last one bits of what follows.
            inside = encode(bytes(before) + value).decode()
            yield inside[-(-before * 8 // 6) : (before + len(value)) * 8 // 6]
