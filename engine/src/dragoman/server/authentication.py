"""Who calls: a key, a token of a known issuer, or whoever sits at this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Protocol

from dragoman.policy import Caller
from dragoman.server.exchange import Exchange
from dragoman.server.refusals import Refusal
from dragoman.server.state import Key, Keys
from dragoman.server.tokens import Tokens, looks_like_token

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Keys that callers are kept for at a time; beyond it they are made anew.
MAX_KNOWN = 10_000


class Authenticator(Protocol):
    """Tells who calls."""

    async def identify(self, exchange: Exchange) -> Caller:
        """Return who makes a request.

        Raises:
            Refusal: Nobody that is known, or not from here.
        """
        ...


class KeysAndTokens:
    """Lets in who presents a key of the gateway, or a token of an issuer that the deployment names."""

    def __init__(self, keys: Keys, tokens: Tokens | None, trusted_proxies: Sequence[str] = ()) -> None:
        self._keys = keys
        self._tokens = tokens
        self._proxies = [ipaddress.ip_network(network, strict=False) for network in trusted_proxies]
        self._callers: dict[str, tuple[Key, Caller]] = {}

    async def identify(self, exchange: Exchange) -> Caller:
        exchange.client = client_address(exchange, self._proxies)
        presented = presented_credential(exchange.headers)
        if self._tokens is not None and looks_like_token(presented):
            return await self._tokens.caller(presented)
        key = self._keys.authenticate(presented)
        if key is None:
            raise Refusal(401, "invalid_api_key", "the key is not known here, expired or revoked")
        if not key.allows_address(exchange.client):
            raise Refusal(403, "address_not_allowed", "the key may not be used from this address")
        return self._caller(key)

    def _caller(self, key: Key) -> Caller:
        known = self._callers.get(key.id)
        if known is None or known[0] is not key:
            if len(self._callers) >= MAX_KNOWN:
                self._callers.clear()
            caller = Caller(key.name, roles=key.roles, project=key.project, adapters=key.adapters, key_id=key.id)  # type: ignore[arg-type]
            known = self._callers[key.id] = (key, caller)
        return known[1]


class Loopback:
    """Lets in whoever sits at this machine, as administrator; a page of another site in their browser stays out.

    A browser names the site of a page in ``Origin``, and the name that it looked up in ``Host``: neither may be
    anything but this machine, or a page could reach us through the browser (by DNS rebinding as well).
    """

    def __init__(self) -> None:
        self._caller = Caller("this-machine", roles=["admin"])

    async def identify(self, exchange: Exchange) -> Caller:
        exchange.client = _peer(exchange)
        if not _is_loopback_name(exchange.headers.get(b"host", b"").decode("latin-1")):
            raise Refusal(403, "host_not_allowed", "without keys the server is called by localhost or 127.0.0.1 alone")
        origin = exchange.headers.get(b"origin")
        if origin is not None and not _is_loopback_origin(origin.decode("latin-1")):
            raise Refusal(403, "origin_not_allowed", "without keys the server answers pages of this machine alone")
        return self._caller


def presented_credential(headers: Mapping[bytes, bytes]) -> str:
    """Return the key or token of a request; an empty bearer beside a key counts as none.

    A gateway in front that calls us as its adapter presents our key as ``X-Upstream-Key``. That one counts: the others
    are between it and its own callers (AI DIAL Core sends a key of its own making with each request, its source read
    2026-11).

    Raises:
        Refusal: There is none, or there are two that differ.
    """
    if upstream_key := headers.get(b"x-upstream-key", b"").strip():
        return upstream_key.decode("latin-1")
    key = headers.get(b"api-key", b"").strip()
    scheme, _, rest = headers.get(b"authorization", b"").strip().partition(b" ")
    bearer = rest.strip() if scheme.lower() == b"bearer" else b""
    if key and bearer and key != bearer:
        raise Refusal(400, "two_credentials", "api-key and Authorization differ; send one of them")
    found = key or bearer
    if not found:
        raise Refusal(401, "missing_api_key", "send a key as `Authorization: Bearer …` or as `api-key: …`")
    return found.decode("latin-1")


# --- addresses ---------------------------------------------------------------------------------------------------


def client_address(exchange: Exchange, proxies: Sequence[Network]) -> str:
    """Return the client's address: the peer's, or what trusted proxies say of it; of theirs the last is the nearest."""
    peer = _peer(exchange)
    if not proxies or not _is_in(peer, proxies):
        return peer
    named = exchange.headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
    for address in reversed([part.strip() for part in named if part.strip()]):
        if not _is_in(address, proxies):
            return address
    return peer


def _peer(exchange: Exchange) -> str:
    client = exchange.scope.get("client")
    return client[0] if client else ""


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address means this machine and nothing else."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_loopback_name(host: str) -> bool:
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return is_loopback(name.strip("[]"))


def _is_loopback_origin(origin: str) -> bool:
    scheme, separator, host = origin.partition("://")
    return bool(separator) and scheme in ("http", "https") and _is_loopback_name(host)
