"""Texts with variables: ``{{ name }}`` is replaced by a value, and the value is not read again.

So whoever gives a value can write neither a variable nor anything else of a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dragoman.errors import MessageError

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}")

Values = Mapping[str, str | int | float | bool]


def check_template(text: str) -> str:
    """Return a template; raise ``ValueError`` for one that says more than variables."""
    rest = _VARIABLE.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise ValueError("{{ and }} stand around the name of a variable alone; write braces as a variable's value")
    return text


def variables_of(templates: Iterable[str]) -> tuple[str, ...]:
    """Return the names of their variables, in the order in which they appear."""
    return tuple(dict.fromkeys(match[1] for template in templates for match in _VARIABLE.finditer(template)))


def check_values(subject: str, variables: Iterable[str], values: Values) -> None:
    """Refuse values that do not fit.

    Args:
        subject: What errors call the whole: ``the prompt greeting``.
        variables: What has to have a value.
        values: By the variable's name.

    Raises:
        MessageError: A variable has no value, a value has no variable, or one is no text, number or truth value.
    """
    wanted = tuple(variables)
    said = (("has no value", set(wanted) - set(values)), ("is no variable of it", set(values) - set(wanted)))
    if problems := [f"{name} {what}" for what, names in said for name in sorted(names)]:
        raise MessageError(f"{subject}: {'; '.join(problems)}", hint=f"its variables: {', '.join(wanted) or 'none'}")
    for name, value in values.items():
        if not isinstance(value, str | int | float | bool):
            raise MessageError(f"{subject}: the value of {name} is no text, number or truth value")


def filled(template: str, values: Values) -> str:
    """Return a template with values in the place of its variables."""
    return _VARIABLE.sub(lambda match: _shown(values[match[1]]), template)


def filled_length(template: str, values: Values) -> int:
    """Return how many characters :func:`filled` would make, without making them: a value may stand there often."""
    growth = ((match, len(_shown(values[match[1]]))) for match in _VARIABLE.finditer(template))
    return len(template) + sum(length - len(match[0]) for match, length in growth)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
