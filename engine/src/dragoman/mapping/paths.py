"""Paths as lodash reads them, translated: how documents of older systems say where a prompt goes and an answer is.

Semantics measured with lodash 4.17.21, November 2026. Not copied: JavaScript's own members (``a.length``, a text's
characters), which find nothing here, and an index that names a member of an object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

#: What a shorthand leaves out means this.
PROMPT_KEY, OUTPUT_PATH = "text_inputs", "[0].generated_text"

_PART = re.compile(
    r"""[^.\[\]]+|\[(?:(-?[0-9]+(?:\.[0-9]+)?)|(["'])((?:(?!\2)[^\\]|\\.)*?)\2)\]|(?=(?:\.|\[\])(?:\.|\[\]|\Z))"""
)
#: What makes a path more than one name; a bracket that is never closed does not.
_DEEP = re.compile(r"""\.|\[(?:[^\[\]]*|(["'])(?:(?!\1)[^\\]|\\.)*?\1)\]""")
_ESCAPE = re.compile(r"\\(\\)?")
_INDEX = re.compile(r"0|[1-9][0-9]*")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INTERNAL = frozenset({"__proto__", "constructor", "prototype"})


def path_keys(path: str) -> tuple[str, ...]:
    """Return the keys of a path, indexes as text, as lodash's ``toPath`` does; malformed brackets are no error."""
    keys = [""] if path.startswith(".") else []
    for part in _PART.finditer(path):
        number, quote, quoted = part.groups()
        keys.append(_ESCAPE.sub(lambda e: e[1] or "", quoted) if quote else number or part[0])
    return tuple(keys)


def _keys_used(path: str) -> tuple[str, ...]:
    return path_keys(path) if _DEEP.search(path) else (path,)


def path_expression(path: str) -> str:
    """Return the expression that finds what lodash's ``get`` finds.

    A member that has the dotted path as its own name wins, as with lodash; one with brackets in its name is left to
    be found by its keys.

    Raises:
        ValueError: The path is empty: it finds nothing at all.
    """
    keys = _keys_used(path)
    if not path or not keys:
        raise ValueError("the path is empty, so it finds nothing")
    steps = expression_of(int(key) if _INDEX.fullmatch(key) else key for key in keys)
    if len(keys) == 1 or "[" in path:
        return steps
    return f"not_null({_quoted(path)}, {steps})"


def expression_of(keys: Iterable[str | int]) -> str:
    """Return the expression that walks from member to member and, for an ``int``, to a list's element."""
    steps = (f"[{key}]" if isinstance(key, int) else f".{_name(key)}" for key in keys)
    return "".join(steps).removeprefix(".") or "@"


def set_path(skeleton: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return the skeleton with a value at a path, as lodash's ``set`` puts it there: what is missing is made.

    The root is an object; a list is made where the next key is an index, and filled up with ``null``.

    Raises:
        ValueError: The path is empty, names a JavaScript internal, or would write over a leaf that is filled from
            the request.
    """
    keys = (path,) if path in skeleton else _keys_used(path)
    if not path or not keys:
        raise ValueError("the path is empty, so nothing can be put there")
    if internal := _INTERNAL.intersection(keys):
        raise ValueError(f"{min(internal)!r} is no name for a member of a request")
    changed: dict[str, Any] = _put(skeleton, keys, value)
    return changed


def shorthand_mapping(
    prompt_path: str = PROMPT_KEY, kwargs_path: str | None = None, output_path: str = OUTPUT_PATH
) -> dict[str, Any]:
    """Return the mapping of a shorthand: where the prompt goes, where the kwargs go, where the answer's text is.

    Args:
        prompt_path: A lodash path into the request.
        kwargs_path: A lodash path into the request; ``None`` spreads the kwargs on its root.
        output_path: A lodash path into the answer.

    Raises:
        ValueError: A path cannot be used, or the prompt and the kwargs would be written over each other.
    """
    request = set_path({}, prompt_path, {"$": "prompt"})
    spread = {"$spread": "model_kwargs"}
    request = {**request, **spread} if kwargs_path is None else set_path(request, kwargs_path, spread)
    return {"request": request, "response": {"text": path_expression(output_path)}, "framing": "json"}


def _put(container: Any, keys: tuple[str, ...], value: Any) -> Any:
    """Return a copy of an object or a list with the value in it."""
    key, *rest = keys
    is_list = isinstance(container, list)
    if is_list and not _INDEX.fullmatch(key):
        raise ValueError(f"{key!r} is no index, and a list is there")
    below = (container[int(key)] if int(key) < len(container) else None) if is_list else container.get(key)
    if isinstance(below, dict) and any(name.startswith("$") for name in below):
        raise ValueError(f"{key!r} is already filled from the request")
    if rest:
        if not isinstance(below, dict | list):
            below = [] if _INDEX.fullmatch(rest[0]) else {}
        value = _put(below, tuple(rest), value)
    if not is_list:
        return {**container, key: value}
    filled = [*container, *[None] * (int(key) + 1 - len(container))]
    filled[int(key)] = value
    return filled


def _name(key: str) -> str:
    return key if _PLAIN_NAME.fullmatch(key) else _quoted(key)


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
