"""The changes that a command line makes to an adapter: ``--override FILE`` and ``--set PATH=VALUE``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

# A name, or a name in quotes where it holds a dot: inference.top_p, model_kwargs."a.b"
_STEP = re.compile(r'"([^"]+)"|([^".]+)')
_PATH = re.compile(rf"(?:{_STEP.pattern})(?:\.(?:{_STEP.pattern}))*")


def override_from(files: Iterable[str], assignments: Iterable[str]) -> dict[str, Any]:
    """Return one patch from files and assignments: the files first, each in the order that it was given.

    Raises:
        DocumentError: A file cannot be read.
        click.BadParameter: An assignment cannot be read.
    """
    from dragoman.documents import read_document

    patches = [*(read_document(Path(file)) for file in files), *map(parse_assignment, assignments)]
    return stacked(patches)


def stacked(patches: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one patch that says what several say one after another; ``null`` stays an instruction."""
    from dragoman.merge import Layer, merge

    # An upstream's entry is a patch that is applied later: the one place where merging keeps every null.
    layers = [Layer("", {"upstreams": {"patch": patch}}) for patch in patches]
    merged: dict[str, Any] = merge(layers).document.get("upstreams", {}).get("patch", {})
    return merged


def parse_assignment(text: str) -> dict[str, Any]:
    """Return ``inference.top_p=0.5`` as a patch. The value is JSON, else text; ``null`` removes."""
    path, equals, written = text.partition("=")
    if not equals:
        _refuse(f"{text!r} has no '='; write for example inference.temperature=0")
    patch: Any = _value(written)
    for name in reversed(_steps(path.strip(), text)):
        patch = {name: patch}
    document: dict[str, Any] = patch
    return document


def _steps(path: str, text: str) -> list[str]:
    if not _PATH.fullmatch(path):
        _refuse(f"{text!r} does not start with a path such as inference.temperature")
    return [quoted or plain for quoted, plain in _STEP.findall(path)]


def _value(written: str) -> Any:
    try:
        return json.loads(written, parse_constant=_no_json)
    except ValueError:
        return written


def _no_json(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and Infinity are Python's, not JSON's


def _refuse(message: str) -> NoReturn:
    raise click.BadParameter(message, param_hint="'--set'")
