"""Tokens of issuers: JWTs, checked against the keys that the issuer publishes (JWKS)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson

from dragoman.gateway_settings import IssuerSettings, RoleName
from dragoman.policy import Caller
from dragoman.server.refusals import Refusal

logger = logging.getLogger("dragoman.server")

Fetch = Callable[[str], Awaitable[bytes]]

#: Published keys are read again after this long, in the background; the old ones serve meanwhile.
REFRESH_S = 3600
#: An unknown key id makes us look at once, but not more often than this.
MIN_LOOK_S = 30
MAX_KNOWN = 10_000
MAX_TOKEN_CHARS = 16 * 1024


def looks_like_token(presented: str) -> bool:
    """Return whether a credential is a JWT; anything else is a key."""
    return presented.count(".") == 2 and presented.startswith("eyJ")


class Tokens:
    """Tells who a token stands for. A token that was checked is remembered until it expires."""

    def __init__(self, issuers: Sequence[IssuerSettings], fetch: Fetch) -> None:
        self._issuers = {issuer.issuer: (issuer, PublishedKeys(issuer.jwks_url, fetch)) for issuer in issuers}
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    async def caller(self, token: str) -> Caller:
        """Return who a token stands for.

        Raises:
            Refusal: The token does not hold, or names no role; the text says what is wrong with it.
        """
        fingerprint = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._known.get(fingerprint)
        if known is not None and known[0] > time.time():
            return known[1]
        caller, expires_at_s = await self._check(token)
        self._known[fingerprint] = (expires_at_s, caller)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return caller

    async def _check(self, token: str) -> tuple[Caller, float]:
        import jwt

        if len(token) > MAX_TOKEN_CHARS:
            raise _refused("is too long")
        try:
            header = jwt.get_unverified_header(token)
            unverified = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            raise _refused("cannot be read") from None
        issuer, keys = self._issuers.get(str(unverified.get("iss")), (None, None))
        if issuer is None or keys is None:
            raise _refused("is of an issuer that is not known here")
        key = await keys.key(str(header.get("kid")))
        try:
            claims = jwt.decode(
                token,
                key=key,
                algorithms=list(issuer.algorithms),
                issuer=issuer.issuer,
                leeway=issuer.leeway_s,
                options={"require": ["exp", "iss"], "verify_aud": False},
            )
        except jwt.ExpiredSignatureError:
            raise _refused("has expired") from None
        except jwt.PyJWTError as error:
            raise _refused(f"does not hold: {type(error).__name__}") from None
        if not set(_words(claims.get(issuer.audience_claim))) & set(issuer.audience):
            raise _refused("is for another audience")
        return _caller_of(issuer, claims), float(claims["exp"])


class PublishedKeys:
    """An issuer's keys by their ids, read from its address and kept."""

    def __init__(self, url: str, fetch: Fetch) -> None:
        self._url = url
        self._fetch = fetch
        self._keys: Mapping[str, Any] = {}
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    async def key(self, id: str) -> Any:
        """Return a key.

        Raises:
            Refusal: There is no such key, or the issuer cannot be reached and nothing is known of it.
        """
        age_s = time.monotonic() - self._looked_at
        if id not in self._keys and age_s > MIN_LOOK_S:
            await self._look()
        elif age_s > REFRESH_S:
            self._begin()
        try:
            return self._keys[id]
        except KeyError:
            if not self._keys:
                raise Refusal(
                    503, "issuer_unreachable", "the token's issuer cannot be asked", retry_after_s=5
                ) from None
            raise _refused("is signed with a key that its issuer does not publish") from None

    async def _look(self) -> None:
        await asyncio.shield(self._begin())

    def _begin(self) -> asyncio.Task[None]:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._read(), name="dragoman-jwks")
        return self._looking

    async def _read(self) -> None:
        self._looked_at = time.monotonic()
        try:
            self._keys = _usable_keys(await self._fetch(self._url))
        except Exception as error:  # noqa: BLE001  (whatever it is: the keys that are known serve on)
            logger.warning("the keys of %s cannot be read: %s: %s", self._url, type(error).__name__, error)


def _usable_keys(document: bytes) -> dict[str, Any]:
    import jwt

    keys = {}
    for found in orjson.loads(document)["keys"]:
        if found.get("use", "sig") != "sig":
            continue
        try:
            keys[str(found.get("kid"))] = jwt.PyJWK(found)
        except jwt.PyJWTError:
            continue  # of a kind that we do not check
    return keys


# --- claims ------------------------------------------------------------------------------------------------------


def _caller_of(issuer: IssuerSettings, claims: Mapping[str, Any]) -> Caller:
    words = [word for path in issuer.role_claims for word in _words(_claim(claims, path))]
    roles: list[RoleName] = [issuer.roles[word] for word in words if word in issuer.roles]
    if not roles and issuer.default_role is None:
        raise Refusal(403, "no_role", "the token names no role that is known here")
    project = _words(_claim(claims, issuer.project_claim)) if issuer.project_claim else []
    name = _words(_claim(claims, issuer.name_claim)) or [str(claims.get("sub", ""))]
    return Caller(name[0], roles=roles or [issuer.default_role or "user"], project=project[0] if project else None)


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim; a whole name is looked for first, for some names hold dots or are addresses."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(word) for word in value] if isinstance(value, list) else []


def _refused(what: str) -> Refusal:
    return Refusal(401, "invalid_token", f"the token {what}")
