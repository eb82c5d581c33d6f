"""Addresses and values with places for variables.

``{name}`` is percent-encoded as one piece; ``{+name}`` keeps its slashes, as in RFC 6570. In a host a variable stands
for letters, digits, dots and hyphens, and the model for nothing: who may choose a model chooses no server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlsplit

MODEL = "model"

_PLACE = re.compile(r"\{(\+?)([a-z_][a-z0-9_]*)\}")
_HOST_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_DOTS = frozenset({".", ".."})


def check_address(template: str) -> str:
    """Return an address without blanks around it; raise ``ValueError`` where it is none."""
    template = template.strip()
    filled = _PLACE.sub("x", template)
    try:
        parts = urlsplit(filled)
        parts.port  # noqa: B018  (raises where it is no number)
    except ValueError:
        raise ValueError("an address such as https://host/v1/{model} is expected") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not filled.isascii() or not filled.isprintable():
        raise ValueError("an address that begins with https:// or http:// is expected, in ASCII")
    if "{" in filled or "}" in filled or " " in filled:
        raise ValueError("braces hold a variable's name, as in {model} or {+model}; others are written %7B and %7D")
    if "@" in parts.netloc:
        raise ValueError("an address cannot hold credentials; choose an auth.kind")
    if parts.query or parts.fragment:
        raise ValueError("an address cannot hold a query; it goes into connection.query")
    if MODEL in names_in(urlsplit(template).netloc):
        raise ValueError("the model cannot choose the host; use a member of connection.variables")
    return template


def names_in(template: str) -> set[str]:
    """Return the variables that a template has places for."""
    return {name for _, name in _PLACE.findall(template)}


def fill_address(template: str, variables: Mapping[str, str]) -> str:
    """Return the address with its variables.

    Raises:
        ValueError: A value cannot stand in a host, or would lead to another path.
    """
    scheme, rest = template.split("://", 1)
    host, slash, path = rest.partition("/")
    filled_host = _PLACE.sub(lambda place: _host_value(place[2], variables[place[2]]), host)
    return f"{scheme}://{filled_host}{slash}{'/'.join(_segments(path, variables))}"


def fill_text(template: str, variables: Mapping[str, str]) -> str:
    """Return a header's or a query's value with its variables, as they are."""
    return _PLACE.sub(lambda place: variables.get(place[2], place[0]), template)


def _segments(path: str, variables: Mapping[str, str]) -> Iterator[str]:
    for written in path.split("/"):
        filled = _PLACE.sub(lambda place: quote(variables[place[2]], safe="/" if place[1] else ""), written)
        for segment in filled.split("/"):
            if segment != written and (segment in _DOTS or not segment):
                raise ValueError(f"a value would make the segment {segment!r} of the address's path")
            yield segment


def _host_value(name: str, value: str) -> str:
    if not _HOST_VALUE.fullmatch(value):
        raise ValueError(f"{name} cannot stand in a host: letters, digits, dots and hyphens can")
    return value
