"""The engine's chat model, for one run of an agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage
from pydantic import PrivateAttr

from dragoman.agents import StepStarted
from dragoman.calls import Observe
from dragoman.errors import AgentLimitError, DragomanError
from dragoman.events import ReasoningDelta, RefusalDelta, Response, TextDelta
from dragoman.langchain.agents.run import Run
from dragoman.langchain.answers import message_of
from dragoman.langchain.bound import CONFIG
from dragoman.langchain.chat import Asked, ChatDragoman
from dragoman.langchain.failures import as_langchain
from dragoman.messages import Tool

#: What of an answer in progress is told.
_TOLD = (TextDelta, ReasoningDelta, RefusalDelta)


class AgentModel(ChatDragoman):
    """Makes the calls of a run: counts them, tells of them, and keeps what they brought.

    LangChain's own streaming is off: an answer is handed to it whole, so that arguments which were cut off are never
    read as if they were whole.
    """

    model_config = CONFIG

    _run: Run = PrivateAttr()
    _declared: Mapping[str, Tool] = PrivateAttr()

    @classmethod
    def of(cls, run: Run, declared: Mapping[str, Tool]) -> AgentModel:
        """Return the model of a run; ``declared`` are the tools that go to the provider as a document has them."""
        model = cls(engine=run.engine, disable_streaming=True)
        model._run, model._declared = run, declared
        model._resolved = run.resolved
        return model

    async def _whole(self, asked: Asked) -> AIMessage:
        run = self._run
        tools = tuple(self._declared.get(tool.name, tool) for tool in asked.tools)
        self._begin_step()
        try:
            response = await self._answer(asked._replace(tools=tools))
        except DragomanError as error:
            raise as_langchain(error) from error.__cause__
        run.responses.append(response)
        return message_of(response, run.resolved.target.model)

    def _begin_step(self) -> None:
        run = self._run
        if run.steps >= run.max_steps:
            message = f"the agent asked its model {run.steps} times and has no answer"
            raise AgentLimitError(message, path="limits.max_steps", hint="raise limits.max_steps, or tell it to stop")
        run.steps += 1
        run.tell(StepStarted(run.steps))

    async def _answer(self, asked: Asked) -> Response:
        run = self._run
        async with run.around(run.steps, run.resolved) as (observe, answered):
            response = await self._call(asked, observe)
            if answered is not None:
                answered(response)
            return response

    async def _call(self, asked: Asked, observe: Observe | None) -> Response:
        run = self._run
        said: dict[str, Any] = {"tools": asked.tools, "tool_choice": asked.tool_choice, "observe": observe}
        if not run.streams:
            return await run.engine.chat(run.resolved, asked.messages, **said)
        async with run.engine.stream(run.resolved, asked.messages, **said) as events:
            async for event in events:
                if isinstance(event, _TOLD):
                    run.tell(event)
            return events.response
