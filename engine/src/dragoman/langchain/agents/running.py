"""An agent that is set up, and its runs. Importing this module imports LangChain, a second or more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import BaseTool

from dragoman.agents import AgentDocument, AgentResult, AgentStep, ToolUse, Whose, summed
from dragoman.engine import Engine
from dragoman.events import Response
from dragoman.langchain.agents.middleware import ToolMiddleware
from dragoman.langchain.agents.model import AgentModel
from dragoman.langchain.agents.rights import resolved_for
from dragoman.langchain.agents.run import Around, Run, Tell
from dragoman.langchain.agents.tools import sender, tools_of
from dragoman.langchain.questions import messages_in
from dragoman.langchain_driver.isolation import untraced
from dragoman.langchain_driver.outgoing import left_out, messages_out
from dragoman.messages import Message, Tool, ToolResult
from dragoman.policy import Caller
from dragoman.pricing import Cost, cost_of
from dragoman.resolve import Resolved

#: Tools that one run calls at a time.
MAX_TOOLS_AT_A_TIME = 8

__all__ = ["Around", "Opened", "Tell", "judge_agent", "open_agent"]


@dataclass(frozen=True, slots=True)
class Opened:
    """An agent whose document holds, whose adapter is there, and whose tools are imported."""

    engine: Engine
    document: AgentDocument
    resolved: Resolved
    tools: Sequence[BaseTool]
    around: Around

    async def run(self, instruction: str | None, messages: Sequence[Message], tell: Tell | None) -> AgentResult:
        """Run it once.

        Args:
            instruction: What the model is told beforehand, its variables filled.
            messages: The question.
            tell: Takes what happens, as it happens; ``None``: nobody watches.
        """
        document = self.document
        run = Run(self.engine, self.resolved, document.limits.max_steps, tell, around=self.around)
        around = ToolMiddleware(
            run,
            timeout_s=document.limits.tool_timeout_s,
            timeouts_s=dict(_timeouts(document)),
            redact=await self.engine.redactor(),
        )
        graph = create_agent(
            AgentModel.of(run, dict(_declared(document))),
            list(self.tools),
            system_prompt=instruction,
            middleware=[around],
            name=document.name,
        )
        asked = messages_out(messages, None)
        begin: Any = {"messages": asked}
        with untraced():
            state = await graph.ainvoke(begin, {"max_concurrency": MAX_TOOLS_AT_A_TIME})
        said = messages_in(state["messages"][len(asked) :])
        return self._result(run, messages, said)

    def _result(self, run: Run, asked: Sequence[Message], said: Sequence[Message]) -> AgentResult:
        last = run.responses[-1]
        cost = _cost(run.responses, self.resolved)
        reports = [*left_out(asked), *(report for response in run.responses for report in response.reports)]
        return AgentResult(
            agent=self.document.name,
            text=last.text,
            messages=(*asked, *said),
            steps=tuple(_steps(said)),
            usage=summed(response.usage for response in run.responses),
            finish_reason=last.finish_reason,
            cost=None if cost is None else f"{cost.amount:f}",
            currency=None if cost is None else cost.currency,
            reports=tuple(dict.fromkeys(reports)),
            adapter=last.adapter,
            provider=last.provider,
            model=last.model or self.resolved.target.model,
        )


async def open_agent(
    engine: Engine, document: AgentDocument, *, caller: Caller | None, whose: Whose, around: Around
) -> Opened:
    """Set an agent up.

    Args:
        engine: Makes the calls.
        document: The agent's.
        caller: On whose behalf; ``None``: the embedding program's own.
        whose: Whose the document is; the endpoints of one that is not the deployment's lead to the public internet and
            to ``network.allowed_hosts``, and nowhere else.
        around: What stands around each call of the model.

    Raises:
        DragomanError: Something of it does not hold, is not there, or may not be used.
    """
    opened = await judge_agent(engine, document, caller=caller, whose=whose, around=around)
    for _, name in document.secrets():
        await engine.secrets.get(name)
    return opened


async def judge_agent(
    engine: Engine, document: AgentDocument, *, caller: Caller | None, whose: Whose, around: Around
) -> Opened:
    """Do as :func:`open_agent` does, but ask for no secret: one may be added before the first run."""
    resolved = await resolved_for(engine, document, caller, whose)
    send = sender(await engine.transport(trusted=whose == "deployment"), engine.secrets.get)
    subject = f"agent {document.name or '(unsaved)'}"
    timeout_s = document.limits.tool_timeout_s
    tools = await engine.run_blocking(tools_of, document.tools, send, timeout_s=timeout_s, subject=subject)
    return Opened(engine, document, resolved, tools, around)


def _timeouts(document: AgentDocument) -> Iterator[tuple[str, float]]:
    for tool in document.tools:
        if tool.function is not None and tool.http is not None and tool.http.timeout_s is not None:
            yield tool.function.name, tool.http.timeout_s


def _declared(document: AgentDocument) -> Iterator[tuple[str, Tool]]:
    for tool in document.tools:
        if (function := tool.function) is not None:
            yield function.name, Tool(function.name, function.description, function.parameters, function.strict)


def _steps(said: Sequence[Message]) -> Iterator[AgentStep]:
    results = {part.tool_call_id: part for m in said for part in m.parts if isinstance(part, ToolResult)}
    answers = [message for message in said if message.role == "assistant"]
    for number, message in enumerate(answers, 1):
        yield AgentStep(number, message.text, tuple(_uses(message, results)))


def _uses(message: Message, results: Mapping[str, ToolResult]) -> Iterator[ToolUse]:
    for call in message.tool_calls:
        if (result := results.get(call.id)) is not None:
            yield ToolUse(call.id, call.name, call.arguments, result.text, result.is_error)


def _cost(responses: Sequence[Response], resolved: Resolved) -> Cost | None:
    """Return what all calls cost; ``None`` where one has no price."""
    costs = [cost_of(response.usage, resolved.adapter.pricing) for response in responses]
    known = [cost for cost in costs if cost is not None]
    if not known or len(known) < len(costs):
        return None
    return Cost(sum((cost.amount for cost in known), Decimal(0)), known[0].currency)
