"""Which secret signs for a target."""

from __future__ import annotations

from dragoman.errors import DocumentError, Problem
from dragoman.plugin import Target

from dragoman_cohere.connection import NoAuthentication


def api_key_of(target: Target) -> str | None:
    """Return the name of the key's secret; ``None`` where the server wants no credentials."""
    if isinstance(target.connection.auth, NoAuthentication):
        return None
    if name := target.credentials.get("api_key"):
        return name
    problem = Problem("credentials.api_key", "is missing", "name the secret that holds it")
    raise DocumentError(f"provider {target.provider}", [problem])
