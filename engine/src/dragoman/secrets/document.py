"""Secret documents: text in, named values out.

What is wrong is returned and never raised: an exception's frames and context would hold the text. Nothing that is
reported quotes it; a complaint gives the position, or a name that is well formed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dragoman.secret import Secret

#: An environment variable's name. After a double underscore it may go on with a model's name, as people write those
#: (``MODEL_API_KEY__gpt-4.1 mini``).
NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(__[A-Za-z0-9_. /:-]+)?")


class Note(NamedTuple):
    """Something in a document that is left out or looks wrong; ``name`` is the secret's, where it has one."""

    name: str | None
    text: str


@dataclass(frozen=True, slots=True)
class SecretDocument:
    """What one source brings. ``failure`` says why nothing could be read; then there are no values."""

    values: Mapping[str, Secret] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    failure: str | None = None


def read_plain_text(text: str, name: str) -> SecretDocument:
    """Return the one value that the whole text is, under this name; a trailing line break does not belong to it."""
    value = text.removeprefix("\ufeff").rstrip("\r\n")
    if not value:
        return SecretDocument(failure="is empty")
    if not _is_sendable(value):
        return SecretDocument(failure=_UNSENDABLE)
    return SecretDocument({name: Secret(value)})


def read_json(text: str, rename: Mapping[str, str]) -> SecretDocument:
    """Return the values of a JSON object.

    Args:
        text: The object as text. ``{}`` means that there are no keys.
        rename: New name -> dotted path of the value. Of several readings of a path, the one with the longest names
            wins, so that a name with a dot in it comes before a nested object. What is renamed is not listed under its
            old name.
    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        return SecretDocument(failure="is empty; write {} where there are no keys")
    parsed, failure = _parse(text)
    if failure is None and not isinstance(parsed, dict):
        failure = f"is {_kind(parsed)}; a JSON object of names and values is expected"
    if failure is not None:
        advice = "" if text.lstrip().startswith("{") else "; where the whole text is one value, set text_name"
        return SecretDocument(failure=failure + advice)
    return _interpret(parsed, rename)


# --- from text to values -----------------------------------------------------------------------------------------


class _Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


class _RepeatedNameError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedNameError(next(name for name in names if names.count(name) > 1))
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_Number, parse_float=_Number, parse_constant=_Number)

#: How json begins its complaint -> what we say. Its own words may quote the text.
_COMPLAINTS = {
    "Expecting property name": "a name in double quotes is expected; look for a comma too many",
    "Illegal trailing comma": "a comma too many",
    "Expecting ',' delimiter": "a comma or the end is expected",
    "Expecting ':' delimiter": "a colon is expected",
    "Expecting value": "a value is expected",
    "Unterminated string": "a text has no closing quote",
    "Invalid control character": "a text holds a line break or another control character; write \\n",
    "Invalid \\": "a text holds an unknown escape",
    "Extra data": "something follows after the end",
}


def _parse(text: str) -> tuple[Any, str | None]:
    """Return the parsed value, or why it cannot be had."""
    try:
        return _DECODER.decode(text), None
    except json.JSONDecodeError as error:
        said = next((ours for theirs, ours in _COMPLAINTS.items() if error.msg.startswith(theirs)), "it cannot be read")
        return None, f"is not valid JSON: line {error.lineno}, column {error.colno}: {said}"
    except _RepeatedNameError as error:
        name = error.name if NAME_PATTERN.fullmatch(error.name) else "a name"
        return None, f"has {name} more than once; keep one of them"
    except RecursionError:
        return None, "is nested too deeply"


def _interpret(members: dict[str, Any], rename: Mapping[str, str]) -> SecretDocument:
    notes: list[Note] = []
    found: dict[str, Any] = {}
    used: set[str] = set()
    for name, path in rename.items():
        trail = _follow(members, path)
        if trail is None:
            notes.append(Note(name, f"{name} is to come from {path}, which is not there"))
            continue
        used.add(trail.first)
        # A number or a switch that was asked for by its path is meant as a value; otherwise it is a mistake.
        found[name] = _as_text(trail.value)
    for position, (name, value) in enumerate(members.items(), 1):
        if name in found and name not in used:
            notes.append(Note(name, f"{name} is there and is also renamed to; the renamed value is used"))
        elif not NAME_PATTERN.fullmatch(name) and name not in used:
            notes.append(Note(None, f"name number {position} cannot be an environment variable's; it is left out"))
        elif name not in used:
            found[name] = value
    values = {name: Secret(value) for name, value in found.items() if _is_usable(value)}
    notes += [note for name, value in found.items() if (note := _remark(name, value))]
    return SecretDocument(values, tuple(notes))


class _Trail(NamedTuple):
    first: str
    value: Any


def _follow(members: Mapping[str, Any], path: str) -> _Trail | None:
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        name, rest = ".".join(parts[:length]), ".".join(parts[length:])
        if name not in members:
            continue
        value = members[name]
        if not rest:
            return _Trail(name, value)
        if isinstance(value, dict) and (deeper := _follow(value, rest)):
            return _Trail(name, deeper.value)
    return None


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, _Number) else value


# --- which values are usable -------------------------------------------------------------------------------------

_UNSENDABLE = "holds characters that cannot be sent (a NUL, or half of a surrogate pair)"
_KINDS = {dict: "an object", list: "an array", bool: "true or false", type(None): "null", _Number: "a number"}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "text")


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_usable(value: Any) -> bool:
    return _is_text(value) and bool(value) and _is_sendable(value)


def _is_sendable(value: str) -> bool:
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)


def _remark(name: str, value: Any) -> Note | None:
    if isinstance(value, dict):
        return Note(name, f"{name} is an object and left out; rename says which of its members are secrets")
    if not _is_text(value):
        return Note(name, f"{name} is {_kind(value)} and left out; write it as text, in double quotes")
    if not value:
        return Note(name, f"{name} is empty and counts as absent")
    if not _is_sendable(value):
        return Note(name, f"{name} {_UNSENDABLE} and is left out")
    if value != value.strip() and "\n" not in value.strip():
        return Note(name, f"{name} begins or ends with a blank or a line break, which is kept")
    return None
