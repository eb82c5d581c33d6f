"""Entra ID tokens for Azure: by client secret, workload identity, or a command."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from dragoman.errors import (
    AuthenticationError,
    ProtocolError,
    ProviderError,
    SecretError,
    error_class_for_status,
)
from dragoman.plugin import Authorizer, Context, Credentials, Limits, WireReply, WireRequest
from dragoman.secret import MASK, Secret

from dragoman_openai.connection import Entra, EntraClientSecretAuth, EntraTokenCommandAuth, EntraWorkloadIdentityAuth

TOKEN_LIMITS = Limits(timeout_s=30, max_attempts=1)

#: How long a token without an expiry of its own is used before it is asked for again, in seconds.
UNSTATED_LIFETIME_S = 300.0

_JWT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


# --- the token endpoint, as pure functions -----------------------------------------------------------------------


def token_request(auth: Entra, proof: Mapping[str, str]) -> WireRequest:
    """Return the request for a token; ``proof`` is the client's secret or assertion, under its form member."""
    form = {"grant_type": "client_credentials", "client_id": auth.client_id, "scope": auth.scope, **proof}
    return WireRequest(
        "POST",
        f"{auth.authority}/{quote(auth.tenant_id, safe='')}/oauth2/v2.0/token",
        {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        urlencode(form).encode(),
    )


def secret_proof(secret: Secret) -> dict[str, str]:
    """Return the proof by client secret."""
    return {"client_secret": secret.reveal()}


def assertion_proof(token_file: str) -> dict[str, str]:
    """Return the proof by the platform's token file; reads it, so it blocks."""
    try:
        assertion = Path(token_file).read_text("utf-8").strip()
    except OSError as error:
        raise SecretError(
            f"the workload identity's token file cannot be read: {error.strerror}", hint=f"check {token_file}"
        ) from None
    return {"client_assertion_type": _JWT_ASSERTION, "client_assertion": assertion}


def token_of(reply: WireReply, now_s: float) -> Credentials:
    """Return the token of a reply from Entra; raise its error by its code."""
    try:
        body = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        body = None
    if not 200 <= reply.status < 300:
        raise _refusal(reply, body if isinstance(body, dict) else {})
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        raise ProtocolError(
            "the token endpoint's answer holds no access_token", status=reply.status, hint="check connection.auth"
        )
    lifetime_s = _seconds(body.get("expires_in"))
    return Credentials(
        Secret(body["access_token"]), now_s + (UNSTATED_LIFETIME_S if lifetime_s is None else lifetime_s)
    )


_REFUSED_CLIENT = frozenset({"invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope"})


def _refusal(reply: WireReply, body: Mapping[str, Any]) -> ProviderError:
    code = body.get("error")
    kind = AuthenticationError if code in _REFUSED_CLIENT else error_class_for_status(reply.status)
    description = body.get("error_description")
    first_line = description.splitlines()[0] if isinstance(description, str) and description else "no reason given"
    return kind(
        f"Entra gave no token: {reply.status} {code or ''}: {first_line}".replace("  ", " "),
        status=reply.status,
        provider_code=code if isinstance(code, str) else None,
        stale_credentials=kind is AuthenticationError,
        hint="check connection.auth, and the secret that `credentials` names",
    )


def _seconds(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


# --- authorizers -------------------------------------------------------------------------------------------------


class EntraAuthorizer(Authorizer):
    """Signs with an Entra token."""

    def sign(self, request: WireRequest, credentials: Credentials) -> WireRequest:
        headers = {**request.headers, "Authorization": f"Bearer {credentials.value.reveal()}"}
        return WireRequest(request.method, request.url, headers, request.body)

    def placeholder(self) -> Credentials:
        return Credentials(Secret(MASK))

    @abstractmethod
    async def acquire(self) -> Credentials: ...


class ClientSecret(EntraAuthorizer):
    """An application's client secret, by name."""

    def __init__(self, context: Context, auth: EntraClientSecretAuth, secret: str) -> None:
        self._context = context
        self._auth = auth
        self._secret = secret

    @property
    def identity(self) -> Hashable:
        auth = self._auth
        return (auth.kind, auth.authority, auth.tenant_id, auth.client_id, auth.scope, self._secret)

    def describe(self) -> str:
        return f"the Entra application {self._auth.client_id}"

    async def acquire(self) -> Credentials:
        proof = secret_proof(await self._context.secret(self._secret))
        reply = await self._context.send(token_request(self._auth, proof), TOKEN_LIMITS)
        return token_of(reply, self._context.now_s())


class WorkloadIdentity(EntraAuthorizer):
    """A token file that the platform keeps fresh; read anew for each token."""

    def __init__(self, context: Context, auth: EntraWorkloadIdentityAuth) -> None:
        self._context = context
        self._auth = auth

    @property
    def identity(self) -> Hashable:
        auth = self._auth
        return (auth.kind, auth.authority, auth.tenant_id, auth.client_id, auth.scope, auth.token_file)

    def describe(self) -> str:
        return f"the Entra application {self._auth.client_id}"

    async def acquire(self) -> Credentials:
        proof = await self._context.run_blocking(assertion_proof, self._auth.token_file)
        reply = await self._context.send(token_request(self._auth, proof), TOKEN_LIMITS)
        return token_of(reply, self._context.now_s())


class TokenCommand(EntraAuthorizer):
    """A command of the deployment's own that prints a token."""

    def __init__(self, context: Context, auth: EntraTokenCommandAuth) -> None:
        self._context = context
        self._auth = auth

    @property
    def identity(self) -> Hashable:
        return (self._auth.kind, *self._auth.command)

    def describe(self) -> str:
        return "the Entra token of the deployment's own command"

    async def acquire(self) -> Credentials:
        printed = await _run(self._auth)
        return printed_token(printed, self._context.now_s())


async def _run(auth: EntraTokenCommandAuth) -> bytes:
    try:
        process = await asyncio.create_subprocess_exec(
            *auth.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise command_error(auth, f"cannot be run: {error.strerror}") from None
    try:
        async with asyncio.timeout(auth.timeout_s):
            printed, _ = await process.communicate()
    except TimeoutError:
        raise command_error(auth, f"took longer than {auth.timeout_s:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise command_error(auth, f"ended with exit status {process.returncode}")
    return printed


def command_error(auth: EntraTokenCommandAuth, what: str) -> SecretError:
    """Return the error of a token command; its output is not shown, since it may hold a token."""
    return SecretError(f"the token command {auth.command[0]!r} {what}", hint="run it by hand to see why")


def printed_token(printed: bytes, now_s: float) -> Credentials:
    """Return the token that a command printed: bare, or in JSON as ``az`` and ``azd`` write it."""
    text = printed.decode("utf-8", "replace").strip()
    token, expires_at_s = text, None
    if text.startswith("{"):
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise SecretError("the token command printed broken JSON", hint="run it by hand to see why") from None
        token = next((document[n] for n in ("accessToken", "access_token", "token") if n in document), "")
        expires_at_s = _expiry(document)
    if not isinstance(token, str) or not token or not token.isprintable() or " " in token:
        raise SecretError(
            "the token command printed no token", hint="a token alone, or JSON with accessToken, is expected"
        )
    return Credentials(Secret(token), now_s + UNSTATED_LIFETIME_S if expires_at_s is None else expires_at_s)


def _expiry(document: Mapping[str, Any]) -> float | None:
    """Return seconds since 1970: ``expires_on`` is that already, ``expiresOn`` a time, local where it has no zone."""
    if (seconds := _seconds(document.get("expires_on"))) is not None:
        return seconds
    try:
        return datetime.fromisoformat(document.get("expiresOn") or "").astimezone(UTC).timestamp()
    except (TypeError, ValueError):
        return None
