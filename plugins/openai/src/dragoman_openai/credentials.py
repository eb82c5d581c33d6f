"""Which secret signs for a target."""

from __future__ import annotations

from dragoman.errors import DocumentError, Problem
from dragoman.plugin import Target

from dragoman_openai.connection import CompatibleConnection, KeyAuth, NoKeyAuth


def credential(target: Target, field: str) -> str:
    """Return the name of the secret for a credential."""
    if name := target.credentials.get(field):
        return name
    problem = Problem(f"credentials.{field}", "is missing", "name the secret that holds it")
    raise DocumentError(f"provider {target.provider}", [problem])


def compatible_auth(target: Target) -> KeyAuth | NoKeyAuth:
    """Return how a compatible server is signed for: as it is written, else by whether a key is named."""
    connection: CompatibleConnection = target.connection
    if connection.auth is not None:
        return connection.auth
    return KeyAuth(kind="api_key") if target.credentials.get("api_key") else NoKeyAuth(kind="none")
