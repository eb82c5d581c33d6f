"""The policy that a refused call asks for."""

from __future__ import annotations

import json
from typing import Any

from dragoman.errors import DocumentError, PermissionDeniedError
from dragoman.plugin import Target

from dragoman_aws.identity.denial import Denial, denial_of
from dragoman_aws.permissions import grants_of_adapter

#: Refused with these, the identity lacks what the adapter needs as a whole, and not one statement.
_OF_A_CALL = ("bedrock:InvokeModel", "bedrock:Converse", "sagemaker:InvokeEndpoint")


def policy_hint(failure: PermissionDeniedError, target: Target) -> str | None:
    """Return the error's hint with the policy to add; ``None`` where AWS names no action."""
    denial = denial_of(failure.message)
    if denial is None:
        return None
    text = json.dumps(_policy(denial, target), separators=(",", ":"))
    return f"{failure.hint}; the policy to add: {text}" if failure.hint else f"the policy to add: {text}"


def _policy(denial: Denial, target: Target) -> dict[str, Any]:
    if denial.action.startswith(_OF_A_CALL):
        try:
            return grants_of_adapter(target, account=_account(denial))[0].document
        except DocumentError:
            pass  # what the adapter addresses is nothing that a policy can be written for
    statement = {"Effect": "Allow", "Action": denial.action, "Resource": denial.resource or "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _account(denial: Denial) -> str:
    """Return the account of who was refused; empty where AWS does not say who."""
    parts = (denial.principal or "").split(":")
    return parts[4] if len(parts) > 4 else ""
