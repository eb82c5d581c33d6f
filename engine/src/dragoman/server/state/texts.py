"""Text as every database takes it."""

from __future__ import annotations

from typing import overload


@overload
def storable(text: str, max_chars: int) -> str: ...
@overload
def storable(text: str | None, max_chars: int) -> str | None: ...
def storable(text: str | None, max_chars: int) -> str | None:
    """Return the text cut to a length, without what PostgreSQL refuses: NUL and lone surrogates."""
    if text is None:
        return None
    if len(text) > max_chars:
        text = text[: max_chars - 1] + "…"
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
