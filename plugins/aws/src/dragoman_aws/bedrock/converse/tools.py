"""Tools and tool choice as Converse's ``toolConfig``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.errors import UnsupportedError
from dragoman.messages import Tool, ToolChoice
from dragoman.plugin import ChatRequest

from dragoman_aws.bedrock.converse.messages import cache_point

Wire = dict[str, Any]

_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


def tool_config(request: ChatRequest) -> Wire | None:
    """Return the request's ``toolConfig``; ``None`` where there are no tools.

    Raises:
        UnsupportedError: The tool choice is one that Converse cannot say.
    """
    inference = request.settings.inference
    tools = [_tool(tool) for tool in request.tools]
    tools += [{"systemTool": {"name": name}} for name in getattr(inference, "system_tools", None) or ()]
    if not tools:
        return None
    if "tools" in (getattr(inference, "cache_points", None) or ()):
        tools.append(cache_point(getattr(inference, "cache_ttl", None)))
    config: Wire = {"tools": tools}
    if request.tool_choice is not None:
        config["toolChoice"] = _tool_choice(request.tool_choice)
    return config


def _tool(tool: Tool) -> Wire:
    spec: Wire = {"name": tool.name}
    if tool.description:  # an empty one is refused
        spec["description"] = tool.description
    spec["inputSchema"] = {"json": _NO_PARAMETERS if tool.parameters is None else tool.parameters}
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return {"toolSpec": spec}


def _tool_choice(choice: ToolChoice) -> Wire:
    if choice.mode == "none":
        raise UnsupportedError("Converse cannot forbid calls", path="tool_choice", hint="leave the tools out")
    if choice.parallel is False:
        raise UnsupportedError("Converse cannot forbid several calls in one answer", path="tool_choice.parallel")
    if choice.mode != "tool":
        return {_MODES[choice.mode]: {}}
    if not choice.name:
        raise UnsupportedError("names no tool", path="tool_choice.name")
    return {"tool": {"name": choice.name}}


_MODES = {"auto": "auto", "required": "any"}
