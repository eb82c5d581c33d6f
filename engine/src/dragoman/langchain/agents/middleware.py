"""What stands around an agent's tools: a deadline for each call, and a result for the model where one fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langchain.agents.middleware import AgentMiddleware, hook_config
from langchain_core.messages import ToolMessage
from langchain_core.tools import ToolException
from langgraph.errors import GraphBubbleUp

from dragoman.agents import ToolFinished, ToolStarted, ToolUse
from dragoman.agents.http_call import ToolFailedError
from dragoman.errors import DragomanError
from dragoman.langchain.agents.run import Run

#: What the model is told of a failure.
MAX_FAILURE_CHARS = 2_000

_OWN_WORDS = (ToolFailedError, ToolException, DragomanError)


class ToolMiddleware(AgentMiddleware[Any, Any, Any]):
    """Bounds, reports and redacts the calls of tools.

    Args:
        run: Is told of each call.
        timeout_s: Seconds for one call; ``timeouts_s`` by the tool's name where it has its own.
        redact: Takes every known secret value out of what the model is told.
    """

    def __init__(
        self, run: Run, *, timeout_s: float, timeouts_s: Mapping[str, float], redact: Callable[[str], str]
    ) -> None:
        super().__init__()
        self._run = run
        self._timeout_s = timeout_s
        self._timeouts_s = timeouts_s
        self._redact = redact

    async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """Call a tool; what it raises becomes its result."""
        call = request.tool_call
        arguments = json.dumps(call["args"], ensure_ascii=False)
        self._run.tell(ToolStarted(call["id"], call["name"], arguments))
        result = await self._called(request, handler)
        if isinstance(result, ToolMessage):
            if isinstance(result.content, str):
                result.content = self._redact(result.content)
            self._finished(result, arguments)
        return result

    async def _called(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        call = request.tool_call
        limit_s = self._timeouts_s.get(call["name"], self._timeout_s)
        deadline = asyncio.timeout(limit_s)
        try:
            async with deadline:
                return await handler(request)
        except GraphBubbleUp:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a tool raises, the model is told)
            reason = f"it took longer than {limit_s:g} s" if deadline.expired() else _reason(error)
        return _failed(call, f"the tool {call['name']} failed: {reason}")

    @hook_config(can_jump_to=["model"])
    async def aafter_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Tell the model of calls whose arguments cannot be read, which LangChain passes over in silence."""
        said = state["messages"][-1]
        if not (broken := getattr(said, "invalid_tool_calls", None)):
            return None
        results = [
            _failed(call, f"the arguments are no JSON object: {call.get('error') or 'cut off'}") for call in broken
        ]
        for call, result in zip(broken, results, strict=True):
            self._finished(result, call.get("args") or "")
        return {"messages": results} if said.tool_calls else {"messages": results, "jump_to": "model"}

    def _finished(self, result: ToolMessage, arguments: str) -> None:
        use = ToolUse(result.tool_call_id, result.name or "", arguments, result.text, result.status == "error")
        self._run.tell(ToolFinished(use))


def _failed(call: Mapping[str, Any], text: str) -> ToolMessage:
    return ToolMessage(
        text[:MAX_FAILURE_CHARS], tool_call_id=call.get("id") or "", name=call.get("name"), status="error"
    )


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, _OWN_WORDS):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
