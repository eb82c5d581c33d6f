"""Live lists of models: of adapters' connections, and of providers as they are by default."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from dragoman.adapter import digest
from dragoman.catalog import Catalog
from dragoman.errors import DocumentError, DragomanError, PluginError, Problem
from dragoman.inspection import ListedModel, ModelList
from dragoman.merge import Layer, merge
from dragoman.plugins import Plugins
from dragoman.policy import Caller
from dragoman.resolve import AdapterLike, Resolved
from dragoman.resolving import Resolving

#: How long one provider may take for all its lists.
LIST_TIMEOUT_S = 60.0

#: What a list depends on.
_ASKED_WITH = ("provider", "connection", "credentials")


@dataclass(frozen=True, slots=True)
class Listed:
    """The lists of one connection.

    Args:
        provider: The provider's kind.
        adapters: The adapters that call by this connection, by name; none for a provider as it is by default.
        document: What an adapter for a row begins with.
        lists: What each source says, or why it says nothing.
    """

    provider: str
    adapters: tuple[str, ...]
    document: Mapping[str, Any]
    lists: tuple[ModelList, ...]

    def adapter_for(self, row: ListedModel, name: str) -> dict[str, Any]:
        """Return a ready adapter document for a row."""
        operation = {"operation": row.operations[0]} if row.operations and "chat" not in row.operations else {}
        own = {"name": name, "model": row.id, **operation, **row.adapter}
        return {"version": 1, **merge([Layer("connection", self.document), Layer("row", own)]).document}


class Lister(Resolving, Protocol):
    """What a list needs of the engine."""

    @property
    def plugins(self) -> Plugins: ...
    async def catalog(self) -> Catalog: ...


async def list_models(
    engine: Lister, adapters: Sequence[AdapterLike] = (), *, provider: str | None = None, caller: Caller | None = None
) -> list[Listed]:
    """Return the lists of each connection that is asked for; adapters that share one are asked once.

    Args:
        engine: Whose adapters and providers.
        adapters: Whose connections; none = those of every adapter.
        provider: Only this one. Where no adapter has it, it is asked as it is by default.
        caller: On whose behalf: they see only what they may use.

    Raises:
        DragomanError: An adapter that was named does not hold, or nobody brings the provider.
    """
    if provider is not None:
        engine.plugins.provider(provider)
    asked = await _resolved(engine, adapters, caller)
    if provider is not None:
        asked = [found for found in asked if found.target.provider == provider]
    if provider is not None and not asked and not adapters:
        return [await _by_default(engine, provider, caller)]
    groups: dict[str, list[Resolved]] = {}
    for found in asked:
        groups.setdefault(_key(found), []).append(found)
    return list(await asyncio.gather(*(_listed(engine, group) for group in groups.values())))


async def _resolved(engine: Lister, adapters: Sequence[AdapterLike], caller: Caller | None) -> list[Resolved]:
    if adapters:
        return [await engine.resolve(adapter, caller=caller) for adapter in adapters]
    found = []
    for name in (await engine.catalog()).entries:
        try:
            found.append(await engine.resolve(name, caller=caller))
        except DragomanError:
            continue  # `dragoman adapters list` says why; a caller does not see what is not theirs
    return found


def _key(resolved: Resolved) -> str:
    return digest({member: resolved.document.get(member) for member in _ASKED_WITH} | {"trusted": resolved.trusted})


async def _by_default(engine: Lister, kind: str, caller: Caller | None) -> Listed:
    document = {"provider": kind}
    try:
        resolved = await engine.resolve({**document, "model": "-"}, caller=caller)
    except DocumentError as error:
        problems = [*error.problems, Problem("", "name an adapter that has a connection", "with --adapter NAME")]
        failure = DocumentError(f"provider {kind}", problems)
        return Listed(kind, (), document, (ModelList("models", failure=failure),))
    return replace(await _listed(engine, [resolved]), adapters=(), document=document)


async def _listed(engine: Lister, group: Sequence[Resolved]) -> Listed:
    first = group[0]
    names = tuple(resolved.name for resolved in group if resolved.name)
    document = {member: first.document[member] for member in _ASKED_WITH if member in first.document}
    return Listed(first.target.provider, names, document, tuple(await _asked(engine, first)))


async def _asked(engine: Lister, resolved: Resolved) -> Iterable[ModelList]:
    kind = resolved.target.provider
    try:
        provider = await engine.provider_of(resolved)
        async with asyncio.timeout(LIST_TIMEOUT_S):
            return await provider.models(resolved.target, engine.context_of(resolved))
    except DragomanError as error:
        return [ModelList("models", failure=error)]
    except TimeoutError:
        return [ModelList("models", failure=PluginError(f"{kind} listed nothing within {LIST_TIMEOUT_S:g} s"))]
    except Exception as error:  # noqa: BLE001  (one provider's fault must not hide the lists of others)
        what = f"the list of provider {kind} broke: {type(error).__name__}: {error}"
        return [ModelList("models", failure=PluginError(what))]
