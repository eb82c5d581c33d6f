"""Tools and tool choice as LangChain programs say them, as ours."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool as convert_tool

from dragoman.errors import MessageError
from dragoman.messages import Tool, ToolChoice, tools_from

ToolSource = Mapping[str, Any] | type | Callable[..., Any] | BaseTool

#: LangChain's words, and those of the providers whose dicts its programs pass on, for a choice that names no tool.
_MODES = {"auto": "auto", "none": "none", "any": "required", "required": "required"}


def tool_dicts(tools: Sequence[ToolSource], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Return functions, tools, pydantic classes, typed dicts and JSON Schemas as dicts, which can be bound and pickled.

    Raises:
        MessageError: One is a provider's own tool, which no adapter can promise.
    """
    dicts = [copy.deepcopy(convert_tool(_plain(tool), strict=strict)) for tool in tools]
    if strict is not None:
        for shaped in dicts:
            shaped.get("function", {}).setdefault("strict", strict)
    tools_from(dicts)  # says what is wrong with one, here where it was given
    return dicts


def _plain(tool: ToolSource) -> Any:
    """Return a tool without marks that LangChain's conversion passes over or trips on."""
    return {k: v for k, v in tool.items() if k != "cache_control"} if isinstance(tool, Mapping) else tool


def tool_choice_in(choice: Any, tools: Sequence[Tool], *, parallel: bool | None = None) -> ToolChoice | None:
    """Return the tool choice.

    Args:
        choice: ``auto``, ``none``, ``any``, ``required``, true (some tool), a tool's name, or a provider's dict.
        tools: The tools there are.
        parallel: Whether several calls in one answer are allowed; ``None`` leaves it to the provider.

    Raises:
        MessageError: It names no tool of these, or cannot be read.
    """
    if isinstance(choice, Mapping):
        function = choice.get("function") or {}
        choice = choice.get("name") or function.get("name") or choice.get("type")
    if choice is None or choice is False:
        return None if parallel is None else ToolChoice(parallel=parallel)
    if choice is True:
        choice = "required"
    if not isinstance(choice, str):
        raise MessageError(f"tool_choice: is {type(choice).__name__}; a word, a tool's name or a dict is expected")
    names = [tool.name for tool in tools]
    if choice in names:
        return ToolChoice("tool", choice, parallel)
    if choice not in _MODES:
        raise MessageError(f"tool_choice: {choice!r} is no tool of these: {', '.join(names) or 'none'}")
    return ToolChoice(_MODES[choice], None, parallel)  # type: ignore[arg-type]
