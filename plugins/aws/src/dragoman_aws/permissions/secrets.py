"""Reading secrets of Secrets Manager."""

from __future__ import annotations

from collections.abc import Sequence

from dragoman.errors import DocumentError, Problem

from dragoman_aws.identity.region import partition
from dragoman_aws.permissions.grants import Grant
from dragoman_aws.permissions.statements import ANY, Statement

#: Secrets Manager ends every ARN with six characters of its own.
_SUFFIX = "-??????"


def grant_secrets(
    secrets: Sequence[str],
    principal: str | None = None,
    *,
    region: str = "",
    account: str = "",
    kms_key: str | None = None,
) -> Grant:
    """Return what a principal needs to read secrets.

    Args:
        secrets: Names or ARNs.
        principal: The ARN of the role or user; ``None`` = left open.
        region: Of secrets that are given by name.
        account: Of secrets that are given by name; empty = ``*``.
        kms_key: The ARN of the key that they are encrypted with; ``None`` = the account's own for Secrets Manager.

    Raises:
        DocumentError: A secret is given by name, and no region.
    """
    arns = tuple(dict.fromkeys(_arn(secret, region, account) for secret in secrets))
    statements = [Statement("ReadSecrets", ("secretsmanager:GetSecretValue",), arns)]
    if kms_key is not None:
        statements.append(Statement("DecryptSecrets", ("kms:Decrypt",), (kms_key,)))
    notes = () if kms_key else ("secrets under a KMS key of your own need kms:Decrypt on it as well: name the key",)
    return Grant(principal, tuple(statements), notes)


def _arn(secret: str, region: str, account: str) -> str:
    if secret.startswith("arn:"):
        return secret
    if not region:
        raise DocumentError("policy", [Problem("region", "is missing", f"say where the secret {secret!r} is")])
    return f"arn:{partition(region)}:secretsmanager:{region}:{account or ANY}:secret:{secret}{_SUFFIX}"
