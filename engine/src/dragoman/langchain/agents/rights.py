"""What a caller may do with agents: use those whose adapters they may use; bring documents of their own, in bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dragoman.agents import AgentDocument
from dragoman.engine import Engine
from dragoman.errors import PolicyError, Problem
from dragoman.policy import Caller
from dragoman.resolve import Resolved

_OWN_TOOLS = "names a tool of the deployment, which only an administrator's own document may"
_OWN_SECRETS = "names a secret that the deployment does not list for callers"


async def resolved_for(engine: Engine, document: AgentDocument, caller: Caller | None, *, is_callers: bool) -> Resolved:
    """Return the adapter of an agent's calls, with what the agent lays over it.

    Args:
        engine: Resolves.
        document: The agent's.
        caller: On whose behalf; ``None``: the embedding program's own.
        is_callers: Whether the document is the caller's. Then all of it is judged as a change of theirs, and where it
            leads to is checked. One of the deployment's is judged by whether they may use its adapter.

    Raises:
        PolicyError: The caller may not do what their document does.
        AdapterNotFoundError: There is no such adapter, or the caller may not use it.
    """
    if caller is not None and is_callers:
        _refuse_own(document, caller, engine)
        return await engine.resolve(document.adapter, document.override, caller=caller)
    if caller is not None:
        await _check_use(engine, document, caller)
    return await engine.resolve(document.adapter, document.override)


async def _check_use(engine: Engine, document: AgentDocument, caller: Caller) -> None:
    adapter = document.adapter
    if not isinstance(adapter, Mapping):
        await engine.resolve(adapter, caller=caller)
    elif base := adapter.get("base"):
        await engine.resolve(base, caller=caller)
    elif caller.rights.adapters is not None:
        message = "builds on no adapter, and you may use certain adapters only"
        raise PolicyError(f"agent {document.name}", [Problem("adapter", message)])


def _refuse_own(document: AgentDocument, caller: Caller, engine: Engine) -> None:
    if problems := list(_problems(document, caller, engine)):
        raise PolicyError(f"agent {document.name or '(unsaved)'}, as {caller.role}", problems)


def _problems(document: AgentDocument, caller: Caller, engine: Engine) -> Iterator[Problem]:
    for number, tool in enumerate(document.tools):
        if tool.entry_point is not None and caller.role != "admin":
            yield Problem(f"tools.{number}.entry_point", _OWN_TOOLS)
    listed = engine.settings.policy.secrets
    for path, name in document.secrets():
        if name not in listed:
            yield Problem(path, _OWN_SECRETS, "have it added to policy.secrets of the deployment")
