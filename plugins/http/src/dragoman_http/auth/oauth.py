"""OAuth 2.0 client credentials: RFC 6749, sections 2.3.1, 4.4, 5.1 and 5.2."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson
from dragoman.errors import AuthenticationError, ProtocolError, ProviderError, error_class_for_status
from dragoman.plugin import Authorizer, Context, Credentials, Limits, WireReply, WireRequest
from dragoman.secret import MASK, Secret

from dragoman_http.auth.basic import basic_token
from dragoman_http.connection import OAuthClientAuth
from dragoman_http.tls import tls_of

TOKEN_LIMITS = Limits(timeout_s=30, first_byte_timeout_s=25, max_attempts=1)

#: How long a token without an expiry of its own is used before it is asked for again, in seconds.
UNSTATED_LIFETIME_S = 300.0

#: Codes with which a server refuses the client or what it asks for. RFC 6749, 5.2.
_REFUSED = frozenset(
    {"invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}
)


class OAuthClient(Authorizer):
    """Signs with a token that is fetched with the client's secret."""

    def __init__(self, context: Context, auth: OAuthClientAuth, secret: str) -> None:
        self._context = context
        self._auth = auth
        self._secret = secret
        self._identity = (auth.kind, auth.model_dump_json(), secret)

    @property
    def identity(self) -> Hashable:
        return self._identity

    async def acquire(self) -> Credentials:
        auth = self._auth
        request = token_request(auth, await self._context.secret(self._secret))
        tls = tls_of(auth.tls, "connection.auth.tls")
        reply = await self._context.send(request, TOKEN_LIMITS, tls=tls)
        return token_of(reply, auth, self._context.now_s())

    def sign(self, request: WireRequest, credentials: Credentials) -> WireRequest:
        headers = {**request.headers, "Authorization": f"Bearer {credentials.value.reveal()}"}
        return WireRequest(request.method, request.url, headers, request.body)

    def placeholder(self) -> Credentials:
        return Credentials(Secret(MASK))


# --- the token endpoint, as pure functions -----------------------------------------------------------------------


def token_request(auth: OAuthClientAuth, secret: Secret) -> WireRequest:
    """Return the request for a token."""
    form = {"grant_type": "client_credentials", "scope": auth.scope, "audience": auth.audience, **auth.parameters}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if auth.style == "basic":  # both parts are form-encoded first: RFC 6749, 2.3.1
        token = basic_token(quote_plus(auth.client_id), quote_plus(secret.reveal()))
        headers["Authorization"] = f"Basic {token}"
    else:
        form |= {"client_id": auth.client_id, "client_secret": secret.reveal()}
    body = urlencode({name: value for name, value in form.items() if value is not None})
    return WireRequest("POST", auth.token_url, headers, body.encode())


def token_of(reply: WireReply, auth: OAuthClientAuth, now_s: float) -> Credentials:
    """Return the token of a reply; ``now_s`` is wall-clock time in seconds since 1970.

    Raises:
        ProviderError: The server refused, by its code; or its answer holds no token.
    """
    body = _object(reply.body)
    if not 200 <= reply.status < 300:
        raise _refusal(reply, auth, body)
    token, kind = body.get("access_token"), body.get("token_type", "bearer")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise _protocol(auth, "holds no access_token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _protocol(auth, "holds a token that is no bearer token")
    return Credentials(Secret(token), now_s + _lifetime_s(body.get("expires_in")))


def _refusal(reply: WireReply, auth: OAuthClientAuth, body: Mapping[str, Any]) -> ProviderError:
    """Return the error by the server's code, else by status; the description is the server's, for developers."""
    code = body.get("error") if isinstance(body.get("error"), str) else None
    refused = code in _REFUSED or reply.status == 401
    kind = AuthenticationError if refused else error_class_for_status(reply.status)
    description = body.get("error_description")
    why = " ".join(description.split()) if isinstance(description, str) and description else "no reason given"
    label = " ".join(str(part) for part in (reply.status, code) if part is not None)
    return kind(
        f"{_server(auth)} gave no token: {label}: {why}",
        status=reply.status,
        provider_code=code,
        stale_credentials=refused,
        retry_after_s=_seconds(reply.headers.get("retry-after")),
        hint="check connection.auth, and the secret that credentials.client_secret names",
    )


def _protocol(auth: OAuthClientAuth, what: str) -> ProtocolError:
    return ProtocolError(f"the answer of {_server(auth)} {what}", hint="check connection.auth.token_url")


def _server(auth: OAuthClientAuth) -> str:
    return f"the token endpoint {urlsplit(auth.token_url).hostname}"


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _lifetime_s(value: Any) -> float:
    """Return ``expires_in``, which some servers write as text."""
    return _seconds(value) or UNSTATED_LIFETIME_S


def _seconds(value: Any) -> float | None:
    """Return a number of seconds; ``None`` for what is none, not finite, or negative."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < float("inf") else None
