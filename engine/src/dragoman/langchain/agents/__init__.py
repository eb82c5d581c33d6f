"""Running agents: LangChain's ``create_agent`` on the engine's own chat model, with the tools of a document.

    agent = engine.agent("weather")
    result = await agent.run("Is it warm in Rome?")

Needs ``pip install 'dragoman[agents]'``; its packages are imported with the first run, off the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import nullcontext, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from dragoman.agents import AgentDocument, AgentEvent, AgentFinished, AgentResult, Whose, agent_from
from dragoman.calls import Observe
from dragoman.errors import AgentLimitError, MessageError, UnsupportedError
from dragoman.langchain.agents.run import Around, Tell, WatchedCall
from dragoman.messages import MessagesLike, messages_from
from dragoman.policy import Caller
from dragoman.templates import Values, check_values, filled, filled_length

if TYPE_CHECKING:
    from dragoman.engine import Engine
    from dragoman.langchain.agents.running import Opened

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
        around: Makes the context of each call of the model, of its number in the run and its adapter; for what observes
            and books calls. ``None``: nothing stands there.

    Raises:
        UnsupportedError: The extra is not installed.
        DocumentError: The document does not hold.
    """

    def __init__(
        self,
        engine: Engine,
        agent: str | Mapping[str, Any] | AgentDocument,
        *,
        caller: Caller | None = None,
        around: Around | None = None,
    ) -> None:
        if missing := [name for name in NEEDED if find_spec(name) is None]:
            raise UnsupportedError(f"agents need {', '.join(missing)}", hint="pip install 'dragoman[agents]'")
        self._engine = engine
        self._agent = agent_from(agent) if isinstance(agent, Mapping) else agent
        self._caller = caller
        self._around = around or observed_by(None)

    async def document(self) -> AgentDocument:
        """Return the agent's document, as the next run would have it.

        Raises:
            DocumentNotFoundError: There is no agent of that name.
            DocumentError: It does not hold; every problem with its path.
        """
        return (await self._found())[0]

    async def judge(self) -> AgentDocument:
        """Return the document, where all of it holds and may be used; secrets that are missing are no matter.

        Raises:
            DragomanError: As :meth:`run` does before the model is asked.
        """
        return (await self._set_up("judge_agent")).document

    async def run(self, question: MessagesLike, variables: Values | None = None) -> AgentResult:
        """Answer a question, calling tools as the model asks for them.

        Args:
            question: A text, or a conversation; ``[*result.messages, {"role": "user", …}]`` goes on from a result.
            variables: A value for each variable of the instruction.

        Raises:
            AgentLimitError: ``limits.max_steps`` or ``limits.timeout_s`` was reached without an answer.
            DocumentNotFoundError: There is no such agent.
            MessageError: The question or the variables do not hold.
            DragomanError: The agent cannot be set up, or a call of the model failed; one tree. A tool that fails is
                no error: the model is told.
        """
        return await self._run(await self._set_up("open_agent"), question, variables, None)

    async def stream(self, question: MessagesLike, variables: Values | None = None) -> AsyncGenerator[AgentEvent, None]:
        """Answer a question, and yield what happens as it happens; the last event is ``AgentFinished``.

        Closing the generator ends the run: the model's connection and those of tools are closed. Arguments and errors
        are those of :meth:`run`.
        """
        opened = await self._set_up("open_agent")
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

    async def _set_up(self, how: Literal["open_agent", "judge_agent"]) -> Opened:
        document, whose = await self._found()
        running = await self._engine.run_blocking(import_module, "dragoman.langchain.agents.running")
        set_up = getattr(running, how)
        opened: Opened = await set_up(self._engine, document, caller=self._caller, whose=whose, around=self._around)
        return opened

    async def _found(self) -> tuple[AgentDocument, Whose]:
        if isinstance(self._agent, str):
            found = await self._engine.agents.find(self._agent)
            return found.document, found.whose
        return self._agent, "deployment" if self._caller is None else "caller"


def observed_by(observe: Observe | None) -> Around:
    """Return what stands around calls of the model that are observed and no more."""
    return lambda number, resolved: nullcontext(WatchedCall(observe))


def _instruction(document: AgentDocument, values: Values) -> str | None:
    check_values(f"the agent{_named(document)}", document.variables, values)
    if document.instruction is None:
        return None
    if filled_length(document.instruction, values) > MAX_INSTRUCTION_CHARS:
        message = f"the instruction of the agent{_named(document)} is longer than {MAX_INSTRUCTION_CHARS} characters"
        raise MessageError(message)
    return filled(document.instruction, values)


def _named(document: AgentDocument) -> str:
    return f" {document.name}" if document.name else ""
