"""What of the engine those need who look at adapters without calling them: the doctor, lists of models, permissions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dragoman.policy import Caller
from dragoman.provider import Context, Provider
from dragoman.resolve import AdapterLike, Resolved


class Resolving(Protocol):
    """Resolves adapters and knows their providers; see :class:`dragoman.Engine`."""

    async def resolve(
        self,
        adapter: AdapterLike | None,
        override: Mapping[str, Any] | None = None,
        inference: Mapping[str, Any] | None = None,
        *,
        caller: Caller | None = None,
        trusted: bool = True,
    ) -> Resolved: ...
    async def provider_of(self, resolved: Resolved) -> Provider: ...
    def context_of(self, resolved: Resolved) -> Context: ...
    async def redactor(self) -> Callable[[str], str]: ...
