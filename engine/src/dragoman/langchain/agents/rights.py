"""What a caller may do with agents: use those whose adapters they may use; bring documents of their own, in bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from dragoman.agents import AgentDocument, Whose
from dragoman.engine import Engine
from dragoman.errors import PolicyError, Problem
from dragoman.policy import Caller
from dragoman.resolve import Resolved

_INSTALLED = "names a tool of the deployment, which only an administrator's own document may"
_UNLISTED = "names a secret that the deployment does not list for callers"


async def resolved_for(engine: Engine, document: AgentDocument, caller: Caller | None, whose: Whose) -> Resolved:
    """Return the adapter of an agent's calls, with what the agent lays over it.

    One of the deployment's, or a saved one, which was judged when it was saved, is run by whoever may use its adapter.
    A caller's own document is judged as a change of theirs. What is not the deployment's own is not trusted: where it
    leads to is checked, and its tools get only secrets that ``policy.secrets`` lists.

    Raises:
        PolicyError: The caller may not do what their document does.
        AdapterNotFoundError: There is no such adapter, or the caller may not use it.
    """
    problems = [] if whose == "deployment" else list(_secrets(document, engine))
    if caller is not None and whose == "caller":
        return await _judged(engine, document, caller, [*_code(document, caller), *problems])
    if problems:
        raise PolicyError(f"agent {document.name}", problems)
    if caller is not None:
        await _check_use(engine, document, caller)
    return await engine.resolve(document.adapter, document.override, trusted=whose == "deployment")


async def _judged(engine: Engine, document: AgentDocument, caller: Caller, problems: list[Problem]) -> Resolved:
    subject = f"agent {document.name or '(unsaved)'}, as {caller.role} in stage {engine.settings.stage}"
    try:
        resolved = await engine.resolve(document.adapter, document.override, caller=caller)
    except PolicyError as error:
        raise PolicyError(subject, [*problems, *map(_of_adapter, error.problems)]) from None
    if problems:
        raise PolicyError(subject, problems)
    return resolved


def _of_adapter(problem: Problem) -> Problem:
    return problem if problem.path.startswith("inference") else replace(problem, path=f"adapter.{problem.path}")


async def _check_use(engine: Engine, document: AgentDocument, caller: Caller) -> None:
    adapter = document.adapter
    if not isinstance(adapter, Mapping):
        await engine.resolve(adapter, caller=caller)
    elif base := adapter.get("base"):
        await engine.resolve(base, caller=caller)
    elif caller.rights.adapters is not None:
        message = "builds on no adapter, and you may use certain adapters only"
        raise PolicyError(f"agent {document.name}", [Problem("adapter", message)])


def _code(document: AgentDocument, caller: Caller) -> Iterator[Problem]:
    for number, tool in enumerate(document.tools):
        if tool.entry_point is not None and caller.role != "admin":
            yield Problem(f"tools.{number}.entry_point", _INSTALLED)


def _secrets(document: AgentDocument, engine: Engine) -> Iterator[Problem]:
    for path, name in document.secrets():
        if name not in engine.settings.policy.secrets:
            yield Problem(path, _UNLISTED, "have it added to policy.secrets of the deployment")
