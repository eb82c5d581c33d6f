"""Agents: list, show, validate, run, and what saving one is judged by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from dragoman.agents import AGENT, AgentDocument, AgentResult, FoundAgent, agent_from
from dragoman.catalog import Catalog
from dragoman.errors import (
    AdapterNotFoundError,
    DocumentError,
    DocumentNotFoundError,
    Problem,
)
from dragoman.events import Response
from dragoman.gateway_settings import RoleName
from dragoman.langchain.agents import Agent
from dragoman.langchain.agents.run import WatchedCall
from dragoman.messages import MessagesLike
from dragoman.resolve import Resolved
from dragoman.server.calls import CLIENT_GONE
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.control.saved import Kind, validating
from dragoman.server.exchange import ClientGoneError
from dragoman.server.refusals import Refusal
from dragoman.templates import Values


async def _list(asked: Asked) -> Answer:
    found, catalog = await asked.engine.agents.list(), await asked.engine.catalog()
    rows = [_about(agent) for agent in found.agents if _may_use(asked, catalog, agent)]
    shown: dict[str, Any] = {"agents": rows}
    if asked.caller.role == "admin":
        shown["failures"] = [{"where": where, "reason": reason} for where, reason in found.failures.items()]
    return Answer(shown)


async def _show(asked: Asked) -> Answer:
    name = asked.path["name"]
    found = await _visible(asked, name)
    shown = {**_about(found.document), "document": _shown(found.document.as_document(), asked.caller.role)}
    revision = KIND.current(asked, name)
    if asked.caller.role == "admin":
        shown["source"] = found.origin
    if revision is not None:
        shown["revision"] = KIND.revision(revision, asked, document=False)
    return Answer(shown, etag=revision.etag if revision else None)


# --- running -----------------------------------------------------------------------------------------------------


async def _run(asked: Asked) -> Answer:
    name, question = asked.path["name"], asked.body.get("question")
    if not isinstance(question, str | list) or not question:
        raise Refusal(422, "invalid_body", "question must be a text or a list of messages", param="question")
    variables = asked.mapping("variables") if "variables" in asked.body else {}
    await _visible(asked, name)
    return Answer(_result(await _Run(asked).result(name, question, variables), asked.caller.role))


class _Run:
    """A run for one request: it ends when the client goes, and each call of its model is booked."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._task: asyncio.Task[AgentResult] | None = None
        self._is_gone = False

    async def result(self, name: str, question: MessagesLike, variables: Values) -> AgentResult:
        asked = self._asked
        agent = Agent(asked.engine, name, caller=asked.caller, around=self._booked)
        self._task = asyncio.create_task(agent.run(question, variables))
        asked.when_gone(self._leave)
        try:
            return await self._task
        except asyncio.CancelledError:
            if self._is_gone:
                raise ClientGoneError from None
            raise
        finally:
            asked.when_gone(None)

    def _leave(self) -> None:
        self._is_gone = True
        if self._task is not None:
            self._task.cancel()

    @asynccontextmanager
    async def _booked(self, number: int, resolved: Resolved) -> AsyncGenerator[WatchedCall, None]:
        try:
            async with self._asked.call(str(number)) as call:
                call.begin(resolved, is_saved=resolved.name is not None)

                def answered(response: Response) -> None:
                    call.usage = lambda: response.usage

                try:
                    yield WatchedCall(call.observe, answered)
                except asyncio.CancelledError:
                    if self._is_gone:
                        call.book(CLIENT_GONE, "client_gone")
                    raise
                call.book(200)
                await call.settled()
        finally:
            self._asked.when_gone(self._leave)  # the call has taken it down


def _result(result: AgentResult, role: RoleName) -> dict[str, Any]:
    """Return a result as a role may see it: models and providers are for administrators."""
    shown = result.as_object()
    if role != "admin":
        shown["model"] = shown["adapter"]
        del shown["provider"]
    return shown


# --- who may see and use what ------------------------------------------------------------------------------------


def _may_use(asked: Asked, catalog: Catalog, agent: AgentDocument) -> bool:
    if asked.caller.rights.adapters is None:
        return True
    adapter = agent.adapter.get("base") if isinstance(agent.adapter, Mapping) else agent.adapter
    if adapter is None and agent.adapter is None:
        adapter = asked.engine.settings.default_adapter
    try:
        return asked.caller.may_use(catalog.find(adapter or "").name)
    except AdapterNotFoundError:
        return False


async def _visible(asked: Asked, name: str) -> FoundAgent:
    """Return an agent whose adapter the caller may use."""
    try:
        found = await asked.engine.agents.find(name)
    except DocumentNotFoundError:
        if asked.caller.role == "admin":
            raise
    else:
        if _may_use(asked, await asked.engine.catalog(), found.document):
            return found
    raise DocumentNotFoundError(f"there is no agent {name!r}, or you may not use it")


def _about(agent: AgentDocument) -> dict[str, Any]:
    return {
        "name": agent.name,
        "title": agent.title,
        "description": agent.description,
        "adapter": agent.adapter if isinstance(agent.adapter, str) else None,
        "variables": agent.variables,
        "tools": agent.tool_names,
    }


def _shown(document: Mapping[str, Any], role: RoleName) -> dict[str, Any]:
    """Return what a role may see of an agent: where its calls go, and by which secrets, is for administrators."""
    if role == "admin":
        return dict(document)
    hidden = ("tools", "adapter") if isinstance(document.get("adapter"), Mapping) else ("tools",)
    return {name: value for name, value in document.items() if name not in hidden}


# --- saving ------------------------------------------------------------------------------------------------------


async def _admit(asked: Asked, name: str) -> None:
    """Let those in who may use every adapter; of others, those who may use the agent that is there."""
    if asked.caller.rights.adapters is not None and name in await asked.engine.agents.names():
        await _visible(asked, name)


async def _judge(asked: Asked, name: str, document: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Hold what would be saved to the policy, to its adapter's provider, and to the tools that are installed."""
    if document is None:
        return None
    agent = agent_from(document, name)
    if agent.adapter is None and asked.engine.settings.default_adapter is None:
        problem = Problem("adapter", "is missing, and the settings have no default_adapter", "name one")
        raise DocumentError(f"agent {name}", [problem])
    try:
        await Agent(asked.engine, agent, caller=asked.caller).judge()
    except AdapterNotFoundError as error:
        raise DocumentError(f"agent {name}", [Problem("adapter", error.message, error.hint)]) from None
    return {member: value for member, value in agent.as_document().items() if member != "name"}


_DOCUMENT = {"type": "object", "description": "an agent's document: adapter, instruction, inference, tools, limits"}
_QUESTION = {"type": ["string", "array"], "description": "a text, or messages shaped as OpenAI's"}

_ROUTES = (
    Route("GET", "/api/agents", _list, "user", "List the agents that you may run."),
    validating("/api/agents", _judge, _DOCUMENT, "Say whether an agent holds, and what is wrong with it."),
    Route("GET", "/api/agents/{name}", _show, "user", "Show an agent."),
    Route(
        "POST", "/api/agents/{name}/run", _run, "user", "Run an agent; each call of its model is booked.",
        body={
            "type": "object",
            "required": ["question"],
            "properties": {"question": _QUESTION, "variables": {"type": "object"}},
        },
    ),
)  # fmt: skip

KIND = Kind(
    name=AGENT,
    address="/api/agents",
    title="an agent",
    role="admin",
    document=_DOCUMENT,
    admit=_admit,
    judge=_judge,
    shown=_shown,
    routes=_ROUTES,
)
