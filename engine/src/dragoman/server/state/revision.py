"""A revision as a value, and what a document must be like to become one."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dragoman.adapter import digest
from dragoman.errors import DocumentError, Problem
from dragoman.server.state.texts import storable

MAX_NAME_CHARS = 200
MAX_DOCUMENT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Revision:
    """One state of a document, for good.

    Args:
        kind: ``adapter``, ``inference`` or another one; ``name`` is unique within it.
        number: 1, 2, 3, …; the highest is the current one.
        document: The document; that of the revision before, where ``deleted``.
        digest: The document's fingerprint: equal documents have equal ones.
        deleted: Whether this revision says that there is no such document any more.
        saved_by: Who.
        saved_at: When, in UTC.
        reason: Why, in their words; ``None`` where they said nothing.
        restored: The revision that a roll back took the document from.
    """

    kind: str
    name: str
    number: int
    document: Mapping[str, Any]
    digest: str
    deleted: bool
    saved_by: str
    saved_at: dt.datetime
    reason: str | None = None
    restored: int | None = None

    @property
    def etag(self) -> str:
        """The value of HTTP's ``ETag`` for this revision, with its quotes."""
        return f'"{self.number}-{self.digest}"'

    @property
    def origin(self) -> str:
        """What a value's origin is called: ``saved revision 3 by alice``."""
        return f"saved revision {self.number} by {self.saved_by}"


def check(kind: str, name: str, document: Mapping[str, Any]) -> None:
    """Refuse what cannot be saved, whatever its kind.

    Raises:
        DocumentError: It is no JSON data, too long, or its name is none.
    """
    subject = f"{kind} {name[:MAX_NAME_CHARS]!r}"
    if not name or name != storable(name, MAX_NAME_CHARS) or not name.isprintable():
        raise DocumentError(subject, [Problem("name", f"is not plain text of 1 to {MAX_NAME_CHARS} characters")])
    size = len(_json(document, subject))
    if size > MAX_DOCUMENT_BYTES:
        raise DocumentError(subject, [Problem("", f"has {size} bytes; {MAX_DOCUMENT_BYTES} are allowed")])
    digest(document)  # refuses what JSON can say and other programs cannot read, such as lone surrogates


def _json(document: Mapping[str, Any], subject: str) -> str:
    try:
        return json.dumps(document, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError(subject, [Problem("", f"cannot be written as JSON: {error}")]) from None
