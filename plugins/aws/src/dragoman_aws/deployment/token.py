"""The Hugging Face token: from a plain-text secret, for as long as it is needed."""

from __future__ import annotations

import re

from dragoman.errors import ProviderError, SecretError
from dragoman.secret import Secret

from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.deployment.document import TokenSecret


async def read_token(plane: ControlPlane, where: TokenSecret) -> Secret:
    """Return the token.

    Raises:
        SecretError: The secret is absent, cannot be read, or does not hold the token alone.
    """
    if where.secret is not None:
        value = (await plane.secret(where.secret)).reveal()
    else:
        value = await _from_secrets_manager(plane, where)
    problem = _problem(value := value.strip())
    if problem:
        raise SecretError(f"{where} {problem}", hint="store the token alone, as plain text")
    return Secret(value)


async def _from_secrets_manager(plane: ControlPlane, where: TokenSecret) -> str:
    try:
        answer = await plane.unlogged(
            "get_secret_value", service="secretsmanager", region=where.region, SecretId=where.secrets_manager
        )
    except ProviderError as error:
        raise SecretError(f"{where} cannot be read: {error.message}", hint=error.hint) from None
    value = answer.get("SecretString")
    if not isinstance(value, str):
        raise SecretError(f"{where} holds bytes", hint="store the token alone, as plain text")
    return value


def _problem(value: str) -> str | None:
    if not value:
        return "is empty"
    if value.startswith(("{", "[", '"')):
        return "holds JSON"
    if not re.fullmatch(r"[\x21-\x7e]{1,1024}", value):
        return "holds blanks, line ends or other characters that no token has"
    return None
