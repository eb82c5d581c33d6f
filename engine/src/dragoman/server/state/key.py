"""A gateway key as a value: what it may, and what its members must be like."""

from __future__ import annotations

import datetime as dt
import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from dragoman.errors import KeyRefusedError
from dragoman.secret import Secret
from dragoman.server.state.texts import storable

PREFIX = "drg_"
ROLES = ("admin", "developer", "user")

_ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # no l, o, 0, 1: ids are read aloud
_ID_CHARS = 10
_BASE_62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_CHARS = 43  # 62^43 > 2^256

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key, without its secret.

    Args:
        id: The public part, by which it is named in logs, lists and the ledger.
        name: What a person called it.
        project: What its calls are booked on.
        roles: Some of :data:`ROLES`.
        adapters: The adapters it may call; ``None``: all, empty: none.
        networks: The addresses that it may come from, as CIDR ranges; ``None``: all, empty: none.
        expires_at: From then on it is refused; ``None``: never.
        revoked_at: Since then it is refused; ``None``: it is not revoked.
        last_used_at: Late by up to a minute; ``None``: never used.
    """

    id: str
    name: str
    project: str
    roles: tuple[str, ...]
    adapters: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = None
    created_by: str
    created_at: dt.datetime
    expires_at: dt.datetime | None = None
    revoked_by: str | None = None
    revoked_at: dt.datetime | None = None
    last_used_at: dt.datetime | None = None
    _ranges: tuple[Network, ...] = field(default=(), repr=False, compare=False)

    def allows_adapter(self, name: str) -> bool:
        """Return whether the key may call the adapter of this name (its own name, not an alias)."""
        return self.adapters is None or name in self.adapters

    def allows_address(self, address: str) -> bool:
        """Return whether the key may come from this IP address; text that is none is refused where ranges are set."""
        if self.networks is None:
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self._ranges)

    @property
    def state(self) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= dt.datetime.now(dt.UTC) else "active"


class NewKey(NamedTuple):
    """A key that was just made; the only time that its secret is there to be shown."""

    key: Key
    secret: Secret


# --- members -----------------------------------------------------------------------------------------------------


def new_id() -> str:
    """Return the public part of a new key."""
    return _random(_ID_ALPHABET, _ID_CHARS)


def new_secret_key(key_id: str) -> str:
    """Return the whole text of a new key, its secret in it."""
    return f"{PREFIX}{key_id}_{_random(_BASE_62, _SECRET_CHARS)}"


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def plain(text: str, member: str) -> str:
    """Return the text, which names something.

    Raises:
        KeyRefusedError: It is empty, too long, or holds what cannot be printed.
    """
    if not text.strip() or text != storable(text, 200) or not text.isprintable():
        raise KeyRefusedError(f"{member}: is not plain text of 1 to 200 characters")
    return text


def checked_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """Return the roles, each once.

    Raises:
        KeyRefusedError: There is none, or one of them is no role.
    """
    given = tuple(dict.fromkeys(roles))
    unknown = [role for role in given if role not in ROLES]
    if unknown or not given:
        what = f"there is no role {unknown[0]!r}" if unknown else "one at least is needed"
        raise KeyRefusedError(f"roles: {what}", hint=f"there are {', '.join(ROLES)}")
    return given


def checked_network(text: str) -> str:
    """Return a CIDR range in its usual form; an address is a range of one.

    Raises:
        KeyRefusedError: It is none.
    """
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        hint = "write for example 203.0.113.0/24 or 2001:db8::/32"
        raise KeyRefusedError(f"networks: {error}", hint=hint) from None


def checked_expiry(at: dt.datetime | None) -> dt.datetime | None:
    """Return a key's end in UTC.

    Raises:
        KeyRefusedError: It has no time zone, or has passed.
    """
    if at is None:
        return None
    if at.tzinfo is None:
        raise KeyRefusedError("expires_at: has no time zone")
    if at <= dt.datetime.now(dt.UTC):
        raise KeyRefusedError(f"expires_at: {at.isoformat()} has passed")
    return at.astimezone(dt.UTC)
