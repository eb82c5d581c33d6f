"""Who signs for a LangChain class: the adapter's credentials, outside the engine's event loops.

The same credentials as those of the codec's authorizers. LangChain's classes are called from any thread, so tokens are
fetched with blocking calls here, and kept by the class's own signer.
"""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from dragoman.errors import ConnectionFailedError
from dragoman.plugin import Credentials, LangChainContext, Target, WireReply, WireRequest
from dragoman.secret import Secret

from dragoman_openai import entra
from dragoman_openai.connection import (
    AzureBearerAuth,
    AzureConnection,
    AzureKeyAuth,
    CompatibleConnection,
    EntraClientSecretAuth,
    EntraTokenCommandAuth,
    EntraWorkloadIdentityAuth,
    KeyAuth,
)
from dragoman_openai.credentials import compatible_auth, credential

#: A token is fetched anew this long before it expires, in seconds.
_REFRESH_AHEAD_S = 60.0


@dataclass(frozen=True, slots=True)
class Signer:
    """Which header carries the credential, and where its value comes from."""

    header: str
    prefix: str
    token: Callable[[], Secret]
    is_ready: Callable[[], bool] = lambda: True

    def headers(self) -> dict[str, str]:
        """Return the credential's header; may block while a token is fetched."""
        return {self.header: self.prefix + self.token().reveal()}

    async def headers_async(self) -> dict[str, str]:
        """Return the same without blocking the loop."""
        return self.headers() if self.is_ready() else await asyncio.to_thread(self.headers)


def _key(secret: Secret, header: str = "Authorization", prefix: str = "Bearer ") -> Signer:
    return Signer(header, prefix, lambda: secret)


def signer_of(target: Target, context: LangChainContext) -> Signer | None:
    """Return who signs; ``None`` where the server wants no credentials.

    A provider of another plugin is signed for with its ``credentials.api_key``, as ``Authorization: Bearer``.
    """
    connection = target.connection
    if isinstance(connection, CompatibleConnection):
        auth = compatible_auth(target)
        if not isinstance(auth, KeyAuth):
            return None
        secret = context.secret(credential(target, "api_key"))
        return _key(secret) if auth.header is None else _key(secret, auth.header, "")
    if isinstance(connection, AzureConnection):
        return _AZURE_SIGNERS[type(connection.auth)](target, context)
    return _key(context.secret(credential(target, "api_key")))


def _azure_key(target: Target, context: LangChainContext) -> Signer:
    return _key(context.secret(credential(target, "api_key")), "api-key", "")


def _azure_bearer(target: Target, context: LangChainContext) -> Signer:
    return _key(context.secret(credential(target, "token")))


def _client_secret(target: Target, context: LangChainContext) -> Signer:
    auth: EntraClientSecretAuth = target.connection.auth
    secret = context.secret(credential(target, "client_secret"))
    return _tokens(lambda: _fetch(entra.token_request(auth, entra.secret_proof(secret))))


def _workload_identity(target: Target, context: LangChainContext) -> Signer:
    auth: EntraWorkloadIdentityAuth = target.connection.auth
    return _tokens(lambda: _fetch(entra.token_request(auth, entra.assertion_proof(auth.token_file))))


def _token_command(target: Target, context: LangChainContext) -> Signer:
    auth: EntraTokenCommandAuth = target.connection.auth
    return _tokens(lambda: _run(auth))


_AZURE_SIGNERS: dict[type, Callable[[Target, LangChainContext], Signer]] = {
    AzureKeyAuth: _azure_key,
    AzureBearerAuth: _azure_bearer,
    EntraClientSecretAuth: _client_secret,
    EntraWorkloadIdentityAuth: _workload_identity,
    EntraTokenCommandAuth: _token_command,
}


class _Tokens:
    """Keeps a token until shortly before it expires."""

    def __init__(self, fetch: Callable[[], Credentials]) -> None:
        self._fetch = fetch
        self._held: Credentials | None = None
        self._lock = threading.Lock()

    def is_ready(self) -> bool:
        held = self._held
        return held is not None and time.time() < (held.expires_at_s or 0) - _REFRESH_AHEAD_S

    def token(self) -> Secret:
        with self._lock:
            if self._held is None or not self.is_ready():
                self._held = self._fetch()
            token: Secret = self._held.value
            return token


def _tokens(fetch: Callable[[], Credentials]) -> Signer:
    tokens = _Tokens(fetch)
    return Signer("Authorization", "Bearer ", tokens.token, tokens.is_ready)


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none: the request holds a secret."""


def _fetch(wire: WireRequest) -> Credentials:
    opener = build_opener(ProxyHandler({}), _NoRedirect())
    request = Request(wire.url, wire.body, wire.headers, method=wire.method)  # noqa: S310  (the model allows http only)
    try:
        with opener.open(request, timeout=entra.TOKEN_LIMITS.timeout_s) as answer:
            reply = WireReply(answer.status, {}, answer.read())
    except HTTPError as error:
        with error:
            reply = WireReply(error.code, {}, error.read())
    except (URLError, OSError):
        raise ConnectionFailedError(
            "the token endpoint cannot be reached", hint="check connection.auth.authority"
        ) from None
    return entra.token_of(reply, time.time())


def _run(auth: EntraTokenCommandAuth) -> Credentials:
    try:
        done = subprocess.run(  # noqa: S603  (the deployment's own command)
            auth.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=auth.timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise entra.command_error(auth, f"took longer than {auth.timeout_s:g} s") from None
    except OSError as error:
        raise entra.command_error(auth, f"cannot be run: {error.strerror}") from None
    if done.returncode:
        raise entra.command_error(auth, f"ended with exit status {done.returncode}")
    return entra.printed_token(done.stdout, time.time())
