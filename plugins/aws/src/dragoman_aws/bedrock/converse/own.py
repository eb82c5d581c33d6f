"""Blocks that only Converse has, given as it writes them: what a guardrail looks at, search results, citations.

Members: service model of bedrock-runtime, botocore 1.44.5 (2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from dragoman.errors import UnsupportedError
from dragoman.messages import ProviderPart

Wire = dict[str, Any]

PROVIDER = "bedrock"

#: Where a part stands -> the blocks it may be there. What the messages have a word for is no part of the provider's.
_BLOCKS: Mapping[str, tuple[str, ...]] = {
    "system": ("guardContent",),
    "user": ("guardContent", "searchResult", "toolAddition", "toolRemoval"),
    "assistant": ("citationsContent", "toolUse", "toolResult"),
    "tool": ("searchResult",),
}
#: Calls and results of tools that Bedrock ran itself; any other is a ``ToolCall`` or a ``ToolResult``.
_SERVED = frozenset({"toolUse", "toolResult"})


def own_block(part: ProviderPart, place: str, at: str) -> Wire:
    """Return the part as it stands.

    Args:
        part: One that an application wrote for Bedrock, or that came with an answer.
        place: The message's role, ``tool`` inside a tool's result.
        at: The part's path, for errors.

    Raises:
        UnsupportedError: It is another provider's, no single block, or a block that has no place here.
    """
    if part.provider != PROVIDER:
        _refuse(f"the part is in the words of {part.provider}, not of {PROVIDER}", at)
    if len(part.value) != 1:
        _refuse("a block of Converse has exactly one member", f"{at}.value")
    ((kind, inside),) = part.value.items()
    allowed = _BLOCKS[place]
    if kind not in allowed:
        _refuse(f"{kind} cannot stand here as a provider's own part", f"{at}.value", f"one of {', '.join(allowed)}")
    if kind in _SERVED and not (isinstance(inside, Mapping) and inside.get("type")):
        _refuse(f"a {kind} without a type is the caller's own", f"{at}.value", "send a tool call or a tool result")
    return {kind: inside}


def _refuse(what: str, at: str, hint: str | None = None) -> NoReturn:
    raise UnsupportedError(what, path=at, hint=hint)
