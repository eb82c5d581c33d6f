"""Two spellings of inference settings: ``topP`` is ``top_p``. Both are read, the second is the one that is printed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dragoman.errors import DocumentError, Problem

_HUMP = re.compile(r"(?<=[a-z0-9])[A-Z]")
#: Settings with settings of their own inside; what else stands in a setting is a value and stays as it is.
_NESTED = ("reasoning", "response_format", "json_schema")


def other_spelling(setting: str) -> str:
    """Return a setting's name as it is read beside the one that is printed: ``topP`` for ``top_p``."""
    first, *rest = setting.split("_")
    return first + "".join(word.capitalize() for word in rest)


def settings_in_one_spelling(settings: Mapping[str, Any], subject: str, path: str = "") -> dict[str, Any]:
    """Return settings in the spelling that is printed.

    Args:
        settings: As somebody wrote them.
        subject: What an error calls the document.
        path: Where in it they stand; empty: they are the whole of it.

    Raises:
        DocumentError: One is given in both spellings.
    """
    spelt: dict[str, Any] = {}
    for name, value in settings.items():
        setting = _HUMP.sub(lambda found: f"_{found[0].lower()}", name)
        here = f"{path}.{setting}" if path else setting
        if setting in spelt:
            raise DocumentError(subject, [Problem(here, "is given twice, in two spellings", f"keep {setting}")])
        is_nested = setting in _NESTED and isinstance(value, Mapping)
        spelt[setting] = settings_in_one_spelling(value, subject, here) if is_nested else value
    return spelt


def in_one_spelling(document: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """Return an adapter document with its settings, and those of its upstreams, in the spelling that is printed.

    Raises:
        DocumentError: A setting is given in both spellings.
    """
    spelt = dict(document)
    if isinstance(settings := document.get("inference"), Mapping):
        spelt["inference"] = settings_in_one_spelling(settings, subject, "inference")
    if isinstance(upstreams := document.get("upstreams"), Mapping):
        spelt["upstreams"] = {name: _upstream(name, patch, subject) for name, patch in upstreams.items()}
    return spelt


def _upstream(name: str, patch: Any, subject: str) -> Any:
    if not isinstance(patch, Mapping) or not isinstance(settings := patch.get("inference"), Mapping):
        return patch
    return {**patch, "inference": settings_in_one_spelling(settings, subject, f"upstreams.{name}.inference")}
