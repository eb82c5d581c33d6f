"""Tools and tool choice as Cohere writes them."""

from __future__ import annotations

from collections.abc import Sequence

from dragoman.messages import Tool, ToolChoice

from dragoman_cohere.wire import Wire, refuse

_NO_PARAMETERS: Wire = {"type": "object", "properties": {}}


def write_tools(body: Wire, tools: Sequence[Tool], choice: ToolChoice | None) -> None:
    """Write ``tools``, ``strict_tools`` and ``tool_choice``; raise ``UnsupportedError`` for what cannot be said."""
    body["tools"] = [encode_tool(tool) for tool in tools]
    strictness = {tool.strict for tool in tools if tool.strict is not None}
    if len(strictness) > 1:
        refuse("Cohere takes all tools strictly or none", "tools", "give every tool the same strict")
    if strictness:
        body["strict_tools"] = strictness.pop()
    if choice is None:
        return
    if choice.parallel is not None:
        refuse("Cohere cannot say whether calls may be parallel", "tool_choice.parallel")
    if (word := tool_choice_word(choice, [tool.name for tool in tools])) is not None:
        body["tool_choice"] = word


def encode_tool(tool: Tool) -> Wire:
    """Return one of the body's ``tools``."""
    function: Wire = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = _NO_PARAMETERS if tool.parameters is None else tool.parameters
    return {"type": "function", "function": function}


def tool_choice_word(choice: ToolChoice, offered: Sequence[str]) -> str | None:
    """Return the body's ``tool_choice``; ``None`` for what a model does by itself.

    Cohere knows no choice of one tool by name. Where it is the only one offered, to require a call says the same.
    """
    if choice.mode == "tool":
        if not choice.name:
            refuse("names no tool", "tool_choice.name")
        if list(offered) != [choice.name]:
            refuse("Cohere cannot require one tool of several", "tool_choice.name", "offer that tool alone")
        return "REQUIRED"
    return _WORDS[choice.mode]


_WORDS = {"auto": None, "none": "NONE", "required": "REQUIRED"}
