"""Running agents: LangChain's ``create_agent`` on the engine's own chat model, with the tools of a document.

    agent = engine.agent("weather")
    result = await agent.run("Is it warm in Rome?")

Needs ``pip install 'dragoman[agents]'``; its packages are imported with the first run, off the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dragoman.agents import AgentDocument, AgentEvent, AgentFinished, AgentResult, agent_from
from dragoman.calls import Observe
from dragoman.errors import AgentLimitError, MessageError, PluginError
from dragoman.messages import MessagesLike, messages_from
from dragoman.policy import Caller
from dragoman.templates import Values, check_values, filled

if TYPE_CHECKING:
    from dragoman.engine import Engine
    from dragoman.langchain.agents.running import Opened, Tell

#: What the extra installs, by what is imported.
NEEDED = ("langchain", "langgraph", "jsonschema")
#: Of the instruction, with the values in it.
MAX_INSTRUCTION_CHARS = 1_000_000


class Agent:
    """An agent, ready to run any number of times, also at the same time; it keeps nothing between two runs.

    Args:
        engine: Makes the calls of the model.
        agent: A name, or a whole document that is saved nowhere. A named one is read anew for each run.
        caller: On whose behalf; see :meth:`dragoman.Engine.agent`.
        observe: Told of each call of the model; see :meth:`dragoman.Engine.chat`.

    Raises:
        PluginError: The extra is not installed.
        DocumentError: The document does not hold.
    """

    def __init__(
        self,
        engine: Engine,
        agent: str | Mapping[str, Any] | AgentDocument,
        *,
        caller: Caller | None = None,
        observe: Observe | None = None,
    ) -> None:
        if missing := [name for name in NEEDED if find_spec(name) is None]:
            raise PluginError(f"agents need {', '.join(missing)}", hint="pip install 'dragoman[agents]'")
        self._engine = engine
        self._agent = agent_from(agent, "agent") if isinstance(agent, Mapping) else agent
        self._caller = caller
        self._observe = observe

    async def document(self) -> AgentDocument:
        """Return the agent's document, as the next run would have it.

        Raises:
            MessageError: There is no agent of that name.
            DocumentError: It does not hold; every problem with its path.
        """
        return await self._engine.agents.get(self._agent) if isinstance(self._agent, str) else self._agent

    async def run(self, question: MessagesLike, variables: Values | None = None) -> AgentResult:
        """Answer a question, calling tools as the model asks for them.

        Args:
            question: A text, or a conversation; ``[*result.messages, {"role": "user", …}]`` goes on from a result.
            variables: A value for each variable of the instruction.

        Raises:
            AgentLimitError: ``limits.max_steps`` or ``limits.timeout_s`` was reached without an answer.
            MessageError: There is no such agent, or the question or the variables do not hold.
            DragomanError: The agent cannot be set up, or a call of the model failed; one tree. A tool that fails is
                no error: the model is told.
        """
        return await self._run(await self._opened(), question, variables, None)

    async def stream(self, question: MessagesLike, variables: Values | None = None) -> AsyncGenerator[AgentEvent, None]:
        """Answer a question, and yield what happens as it happens; the last event is ``AgentFinished``.

        Closing the generator ends the run: the model's connection and those of tools are closed. Arguments and errors
        are those of :meth:`run`.
        """
        opened = await self._opened()
        happened: asyncio.Queue[AgentEvent | None] = asyncio.Queue()
        running = asyncio.create_task(self._run(opened, question, variables, happened.put_nowait))
        running.add_done_callback(lambda _: happened.put_nowait(None))
        try:
            while (event := await happened.get()) is not None:
                yield event
            yield AgentFinished(await running)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError, Exception):  # it was raised above, or nobody waits for it any more
                await running

    async def _run(
        self, opened: Opened, question: MessagesLike, variables: Values | None, tell: Tell | None
    ) -> AgentResult:
        document = opened.document
        instruction = _instruction(document, variables or {})
        messages = messages_from(question)
        limit_s = document.limits.timeout_s
        deadline = asyncio.timeout(limit_s)
        try:
            async with deadline:
                return await opened.run(instruction, messages, tell)
        except TimeoutError:
            if not deadline.expired():
                raise
            message = f"the agent{_named(document)} took longer than {limit_s:g} s"
            raise AgentLimitError(message, path="limits.timeout_s", hint="raise limits.timeout_s") from None

    async def _opened(self) -> Opened:
        document = await self.document()
        running = await self._engine.run_blocking(import_module, "dragoman.langchain.agents.running")
        is_callers = self._caller is not None and not isinstance(self._agent, str)
        opened: Opened = await running.open_agent(
            self._engine, document, caller=self._caller, is_callers=is_callers, observe=self._observe
        )
        return opened


def _instruction(document: AgentDocument, values: Values) -> str | None:
    check_values(f"the agent{_named(document)}", document.variables, values)
    if document.instruction is None:
        return None
    text = filled(document.instruction, values)
    if len(text) > MAX_INSTRUCTION_CHARS:
        message = f"the instruction of the agent{_named(document)} is longer than {MAX_INSTRUCTION_CHARS} characters"
        raise MessageError(message)
    return text


def _named(document: AgentDocument) -> str:
    return f" {document.name}" if document.name else ""
