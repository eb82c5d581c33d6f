"""What every part of the importer shares: the document's values, what is told of it, and the names of its secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from dragoman.errors import DocumentError, Problem

Json = dict[str, Any]

SUBJECT = "the DIAL configuration"

#: A key that is no key but names one, as deployments fill them in: ``${NAME}``, ``${SECRET:NAME}``.
_PLACEHOLDER = re.compile(r"\$\{(?:SECRET:|env:)?([A-Z][A-Z0-9_]{0,63})\}")


def parsed(text: str) -> Json:
    """Return a configuration's object.

    Raises:
        DocumentError: It is none. Its words are not repeated: a configuration holds keys, also as names of members.
    """
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        refuse("", f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        refuse("", "is nested too deeply")
    return mapping(document, "")


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    members = dict(pairs)
    if len(members) < len(pairs):
        refuse("", "holds an object in which a member is given twice", "DIAL takes the last one; keep one")
    return members


def mapping(value: Any, path: str) -> Json:
    """Return an object; an absent one is empty."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        refuse(path, "is no object")
    return value


def refuse(path: str, message: str, hint: str | None = None) -> NoReturn:
    """Say why the document cannot be read."""
    raise DocumentError(SUBJECT, [Problem(path, message, hint)])


def at(path: str, name: str | int) -> str:
    """Return the path of a member."""
    return f"{path}.{name}" if path else str(name)


def plain_number(value: Any) -> int | None:
    """Return a whole number above zero, also one written as text; ``None`` for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) < 16:
        value = int(value)
    return int(value) if isinstance(value, int | float) and value == value // 1 and value > 0 else None


@dataclass(slots=True)
class Reading:
    """One run of the importer: the notes it leaves, and the secrets it met, by value."""

    notes: list[Problem] = field(default_factory=list)
    _secrets: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)
    _taken: set[str] = field(default_factory=set, repr=False)

    def note(self, path: str, message: str, hint: str | None = None) -> None:
        """Tell what was not taken over as it was."""
        self.notes.append(Problem(path, message, hint))

    def unread(self, section: Mapping[str, Any], known: Iterable[str], path: str) -> None:
        """Tell which members nobody read."""
        for name in section:
            if name not in known:
                self.note(at(path, name), "is not known, and is left out")

    def secret(self, path: str, value: Any, proposed: str, group: tuple[str, ...] = ()) -> str:
        """Return the name of the secret that stands for a value; equal values get one name.

        Args:
            path: Where the value is; the note tells what to do with it.
            value: The value. It is kept in memory for this run, to be recognised, and goes nowhere.
            proposed: The name, where no other value has it.
            group: Values that belong together, such as an id and its key, are equal where all of them are.
        """
        text = str(value)
        if found := _PLACEHOLDER.fullmatch(text):
            self.note(path, f"names a value and holds none: the adapter reads the secret {found[1]}")
            return found[1]
        name = self._secrets.get((proposed, text, *group)) or self._free_name(proposed)
        is_new = (proposed, text, *group) not in self._secrets
        self._secrets[proposed, text, *group] = name
        hint = "create that secret with this value; `dragoman secrets` shows whether it is there" if is_new else None
        self.note(path, f"is a secret and not copied: the adapter reads the secret {name}", hint)
        return name

    def _free_name(self, proposed: str) -> str:
        name, count = proposed, 1
        while name in self._taken:
            count += 1
            name = f"{proposed}_{count}"
        self._taken.add(name)
        return name


def variable(*words: str) -> str:
    """Return words as the name of an environment variable."""
    return re.sub(r"[^A-Z0-9]+", "_", "_".join(words).upper()).strip("_")
