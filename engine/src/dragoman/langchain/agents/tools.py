"""The tools of an agent's document, as LangChain's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.tools import tool as tool_of

from dragoman.agents import AgentTool, Endpoint, Function, load_tool
from dragoman.agents.http_call import ToolFailedError, argument_problems, call_endpoint, check_schema
from dragoman.errors import DocumentError, DragomanError, PluginError, Problem
from dragoman.secret import Secret
from dragoman.transport.http import Transport

#: Calls an endpoint with these arguments, and has so many seconds.
Send = Callable[[Endpoint, dict[str, Any], float], Awaitable[str]]


class HttpTool(BaseTool):
    """A function that is an HTTP endpoint. It has no synchronous form: agents run on an event loop."""

    args_schema: dict[str, Any]
    endpoint: Endpoint
    send: Send
    timeout_s: float

    # Whatever names the schema has, they are arguments.
    async def _arun(self, /, **arguments: Any) -> str:
        assert isinstance(self.args_schema, dict)  # noqa: S101  (for the type checker)
        if problems := argument_problems(self.args_schema, arguments):
            raise ToolFailedError(f"the arguments do not fit: {'; '.join(problems)}")
        return await self.send(self.endpoint, arguments, self.timeout_s)

    def _run(self, /, **arguments: Any) -> str:
        raise NotImplementedError(f"{self.name} is called on an event loop alone")


def sender(transport: Transport, secret: Callable[[str], Awaitable[Secret]]) -> Send:
    """Return what calls endpoints over a transport."""

    def send(endpoint: Endpoint, arguments: dict[str, Any], timeout_s: float) -> Awaitable[str]:
        return call_endpoint(endpoint, arguments, transport=transport, secret=secret, timeout_s=timeout_s)

    return send


def tools_of(declared: Sequence[AgentTool], send: Send, *, timeout_s: float, subject: str) -> list[BaseTool]:
    """Return the tools of a document. Blocks: packages are imported.

    Raises:
        DocumentError: A schema is none, an entry point offers no tool, or two tools have one name; each with its path.
    """
    made: list[BaseTool] = []
    problems: list[Problem] = []
    for number, tool in enumerate(declared):
        try:
            found = _made(tool, send, timeout_s)
        except DragomanError as error:
            at = "entry_point" if tool.entry_point is not None else "function.parameters"
            problems.append(Problem(f"tools.{number}.{at}", error.message, error.hint))
            continue
        if any(found.name == other.name for other in made):
            problems.append(Problem(f"tools.{number}", f"is the second tool that is named {found.name}"))
        made.append(found)
    if problems:
        raise DocumentError(subject, problems)
    return made


def _made(tool: AgentTool, send: Send, timeout_s: float) -> BaseTool:
    if tool.entry_point is not None:
        return _offered(tool.entry_point)
    function, endpoint = tool.function, tool.http
    assert isinstance(function, Function) and isinstance(endpoint, Endpoint)  # noqa: S101, PT018  (the document's own)
    check_schema(function.parameters)
    return HttpTool(
        name=function.name,
        description=function.description or "",
        args_schema=function.parameters,
        endpoint=endpoint,
        send=send,
        timeout_s=endpoint.timeout_s or timeout_s,
    )


def _offered(name: str) -> BaseTool:
    offered = load_tool(name)
    try:
        made = offered() if isinstance(offered, type) and issubclass(offered, BaseTool) else offered
        if isinstance(made, BaseTool):
            return made
        if callable(made) and not isinstance(made, type):
            found: BaseTool = tool_of(made)
            return found
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise PluginError(f"the tool {name!r} cannot be made: {reason}") from error
    raise PluginError(
        f"the entry point {name!r} is a {type(offered).__name__}, which is no tool",
        hint="offer a function with a docstring and type hints, or a BaseTool of LangChain's",
    )
