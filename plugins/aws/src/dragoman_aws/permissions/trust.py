"""Who may assume a role: another account, one of its roles, or a service account of a Kubernetes cluster."""

from __future__ import annotations

import re
from typing import Any

from dragoman.errors import DocumentError, Problem

from dragoman_aws.permissions.statements import VERSION

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]+", re.ASCII)
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")
_ISSUER = re.compile(r"[a-z0-9.-]+(/[A-Za-z0-9_./-]+)?")
#: Kubernetes names objects so (RFC 1123).
_LABEL = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
#: What EKS's webhook asks tokens for by default.
AUDIENCE = "sts.amazonaws.com"


def trust_account(account: str, *, external_id: str | None = None, partition: str = "aws") -> dict[str, Any]:
    """Return a trust policy for every principal of an account that its own policies let assume the role.

    Args:
        account: 12 digits.
        external_id: What the caller must bring; give one wherever the account is not yours.
        partition: ``aws``, ``aws-us-gov`` or ``aws-cn``.
    """
    if not re.fullmatch(r"\d{12}", account):
        raise _wrong("account", f"{account!r} is no account", "12 digits are expected")
    return _trust({"AWS": f"arn:{partition}:iam::{account}:root"}, external_id)


def trust_role(arn: str, *, external_id: str | None = None) -> dict[str, Any]:
    """Return a trust policy for one role or user, of any account."""
    if not _ROLE.fullmatch(arn):
        raise _wrong("principal", f"{arn!r} is not the ARN of a role", "such as arn:aws:iam::111122223333:role/Gateway")
    return _trust({"AWS": arn}, external_id)


def trust_service_account(
    provider: str,
    namespace: str,
    service_account: str,
    *,
    account: str = "",
    partition: str = "aws",
    audience: str = AUDIENCE,
) -> dict[str, Any]:
    """Return a trust policy for a Kubernetes service account (IRSA).

    Args:
        provider: The cluster's OIDC provider: its ARN, or its issuer with or without ``https://``.
        namespace: Of the service account.
        service_account: Its name; one, no pattern.
        account: Whose the provider is, where ``provider`` is no ARN.
        partition: ``aws``, ``aws-us-gov`` or ``aws-cn``, where ``provider`` is no ARN.
        audience: What the tokens are made for.
    """
    if not provider.startswith("arn:"):
        issuer = provider.removeprefix("https://").rstrip("/")
        if not re.fullmatch(r"\d{12}", account):
            raise _wrong("account", "is missing", "say whose the OIDC provider is, in 12 digits")
        provider = f"arn:{partition}:iam::{account}:oidc-provider/{issuer}"
    issuer = provider.partition(":oidc-provider/")[2]
    if not _ISSUER.fullmatch(issuer):
        raise _wrong("provider", "is not that of an OIDC provider", "its ARN or its issuer's address is expected")
    for name, value in (("namespace", namespace), ("service_account", service_account)):
        if not _LABEL.fullmatch(value):
            raise _wrong(name, f"{value!r} is not a name of Kubernetes", "lower-case letters, digits, - and .")
    subject = f"system:serviceaccount:{namespace}:{service_account}"
    condition = {"StringEquals": {f"{issuer}:sub": subject, f"{issuer}:aud": audience}}
    return _document({"Federated": provider}, "sts:AssumeRoleWithWebIdentity", condition)


def _trust(principal: dict[str, str], external_id: str | None) -> dict[str, Any]:
    if external_id is None:
        return _document(principal, "sts:AssumeRole", None)
    if not _EXTERNAL_ID.fullmatch(external_id):
        raise _wrong("external_id", "is not one", "2 to 1224 letters, digits and _ + = , . @ : / -")
    return _document(principal, "sts:AssumeRole", {"StringEquals": {"sts:ExternalId": external_id}})


def _document(principal: dict[str, str], action: str, condition: dict[str, Any] | None) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": principal, "Action": action}
    return {"Version": VERSION, "Statement": [{**statement, "Condition": condition} if condition else statement]}


def _wrong(path: str, what: str, hint: str) -> DocumentError:
    return DocumentError("trust policy", [Problem(path, what, hint)])
