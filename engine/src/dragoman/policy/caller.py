"""On whose behalf a call is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dragoman.gateway_settings import MinimumRole, RoleName

RANKS: Mapping[MinimumRole, int] = {"user": 0, "developer": 1, "admin": 2, "nobody": 3}


class Rights(NamedTuple):
    """What decides over a caller's changes: callers with equal rights get equal answers."""

    role: RoleName
    adapters: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a call is made.

    Args:
        name: Who it is, for ledger and audit log: a key's name, a token's subject.
        roles: What they are; the highest counts.
        project: What the call is booked on; ``None`` for none.
        adapters: Names of the adapters they may use; ``None`` = all, empty = none.
        key_id: The id of the key that they presented; ``None`` where it was another credential.
    """

    name: str
    roles: Iterable[RoleName] = ("user",)
    project: str | None = None
    adapters: Iterable[str] | None = None
    key_id: str | None = None
    rights: Rights = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        highest: RoleName = max(self.roles, key=RANKS.__getitem__, default="user")
        adapters = None if self.adapters is None else frozenset(self.adapters)
        object.__setattr__(self, "rights", Rights(highest, adapters))

    @property
    def role(self) -> RoleName:
        """The highest of the roles."""
        return self.rights.role

    def may_use(self, adapter: str) -> bool:
        """Return whether an adapter of that name, not alias, is among those they may use."""
        return self.rights.adapters is None or adapter in self.rights.adapters
