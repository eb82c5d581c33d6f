"""From ``connection.auth`` to the authorizer that signs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dragoman.errors import DocumentError, Problem
from dragoman.plugin import Authorizer, Context, HeaderKey, Target
from dragoman.plugin import NoAuth as Unsigned

from dragoman_http.auth.basic import Basic
from dragoman_http.auth.oauth import OAuthClient
from dragoman_http.auth.sigv4 import sigv4_authorizer
from dragoman_http.connection import BasicAuth, BearerAuth, HeaderAuth, NoAuth, OAuthClientAuth, SigV4Auth


def authorizer_of(target: Target, context: Context) -> Authorizer:
    """Return who signs a target's calls.

    Raises:
        DocumentError: A credential that it needs names no secret.
    """
    auth = target.connection.auth
    return _MAKERS[type(auth)](auth, target, context)


def _named(target: Target, field: str) -> str:
    if name := target.credentials.get(field):
        return name
    problem = Problem(f"credentials.{field}", "is missing", "name the secret that holds it")
    raise DocumentError(f"provider {target.provider}", [problem])


_MAKERS: dict[type, Callable[[Any, Target, Context], Authorizer]] = {
    NoAuth: lambda auth, target, context: Unsigned(),
    BearerAuth: lambda auth, target, context: HeaderKey(context, _named(target, "api_key")),
    HeaderAuth: lambda auth, target, context: HeaderKey(
        context, _named(target, "api_key"), header=auth.name, prefix=auth.prefix
    ),
    BasicAuth: lambda auth, target, context: Basic(context, auth.username, _named(target, "password")),
    OAuthClientAuth: lambda auth, target, context: OAuthClient(context, auth, _named(target, "client_secret")),
    SigV4Auth: sigv4_authorizer,
}
