"""Reading and writing documents as YAML, JSON and TOML, without loss.

A document is JSON data. Dates, which YAML and TOML have and JSON has not, become their ISO text; a member given twice
is refused. TOML has no ``null``: a layer that needs one is refused there, with the formats that have it.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dragoman.errors import DocumentError, Problem

_UNICODE_BREAKS = re.compile("[\\x85\\u2028\\u2029\\ufeff]")

#: Text in YAML 1.2, and a truth value, an octal number or one to the base of 60 in YAML 1.1.
_OTHERWISE_IN_YAML_1_1 = re.compile(
    r"(?i:y|n|yes|no|on|off)|[-+]?0[0-7_]+|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|[-+]?[0-9][0-9_]*[0-9_.]*"
)

SUFFIXES = (".yaml", ".yml", ".json", ".toml")


def read_document(path: Path) -> dict[str, Any]:
    """Read a document from a file, by its suffix.

    Raises:
        DocumentError: naming the file, and the line where its syntax breaks.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise DocumentError(str(path), [Problem("", f"cannot be read: {reason}")]) from None
    return parse_document(text, path.suffix, str(path))


def parse_document(text: str, suffix: str, subject: str) -> dict[str, Any]:
    """Parse a document's text; ``suffix`` is one of :data:`SUFFIXES`, ``subject`` is what errors call it."""
    parse = _PARSERS.get(suffix.lower())
    if parse is None:
        raise DocumentError(subject, [Problem("", f"has the suffix {suffix!r}", f"use one of {', '.join(SUFFIXES)}")])
    try:
        value = _as_json(parse(text), "")
    except ValueError as error:
        raise DocumentError(subject, [Problem("", str(error))]) from None
    except RecursionError:
        raise DocumentError(subject, [Problem("", "is nested too deeply")]) from None
    if not isinstance(value, dict):
        found = "nothing" if value is None else type(value).__name__
        raise DocumentError(subject, [Problem("", f"holds {found} where an object is expected")])
    return value


def write_document(document: Mapping[str, Any], suffix: str) -> str:
    """Return the document's text in the format of a suffix."""
    return _WRITERS[suffix.lower()](document)


# --- formats -----------------------------------------------------------------------------------------------------


def _parse_json(text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"the member {twice!r} is given twice")
        return members

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None


def _parse_yaml(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ValueError(f"is not YAML: {str(error.problem).splitlines()[0]}{where}") from None
    except YAMLError as error:
        raise ValueError(f"is not YAML: {str(error).splitlines()[0]}") from None


def _parse_toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is not TOML: {error}") from None


_PARSERS: dict[str, Callable[[str], Any]] = {
    ".json": _parse_json,
    ".yaml": _parse_yaml,
    ".yml": _parse_yaml,
    ".toml": _parse_toml,
}


def _write_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _write_yaml(document: Mapping[str, Any]) -> str:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _representer()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    # Unicode's own line breaks would be folded into blanks; with one of them everything is escaped.
    yaml.allow_unicode = not _UNICODE_BREAKS.search(json.dumps(document, ensure_ascii=False))
    yaml.width = 120
    text = io.StringIO()
    yaml.dump(dict(document), text)
    return text.getvalue()


@cache
def _representer() -> Any:
    """Return ruamel's, which also quotes what is text in YAML 1.2 alone: CloudFormation and kubectl read 1.1."""
    from ruamel.yaml.representer import SafeRepresenter

    class Representer(SafeRepresenter):
        pass

    def text(representer: Any, value: str) -> Any:
        style = "'" if _OTHERWISE_IN_YAML_1_1.fullmatch(value) else None
        return representer.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Representer.add_representer(str, text)
    return Representer


def _write_toml(document: Mapping[str, Any]) -> str:
    import tomli_w

    try:
        return tomli_w.dumps(document)
    except TypeError:
        problem = Problem("", "holds a null, which TOML cannot say", "write it as YAML or JSON")
        raise DocumentError("document", [problem]) from None


_WRITERS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    ".json": _write_json,
    ".yaml": _write_yaml,
    ".yml": _write_yaml,
    ".toml": _write_toml,
}


def _as_json(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise ValueError(f"{path or 'document'}: the member name {name!r} is not text; write it in quotes")
        return {name: _as_json(inner, f"{path}.{name}" if path else name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(inner, f"{path}[{i}]") for i, inner in enumerate(value)]
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path}: {value} is not a number in JSON")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ValueError(f"{path}: {type(value).__name__} is not JSON data")
