"""What an adapter needs: its calls, what they bring along, and the way to the roles that it takes on."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from dragoman.errors import DocumentError, Problem
from dragoman.plugin import CallSettings, Permission, Permissions, Target

from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.identity.connection import AwsConnection, BedrockApiKeyAuth, Role, WebIdentityAuth
from dragoman_aws.identity.identity import Identity
from dragoman_aws.identity.region import choose_region, partition
from dragoman_aws.permissions.endpoints import EndpointUse, statements_for
from dragoman_aws.permissions.grants import Grant, allowed, exact, grant
from dragoman_aws.permissions.rendering import as_cloudformation, as_terraform
from dragoman_aws.permissions.statements import ANY, Statement, merge
from dragoman_aws.sagemaker.connection import SageMakerConnection
from dragoman_aws.uses import Use


def permissions_of_adapter(target: Target, settings: CallSettings[Any], uses: Sequence[str]) -> Permissions:
    """Return what the engine's ``permissions`` answer for an adapter: the policies that ``dragoman policy`` prints.

    Raises:
        DocumentError: As :func:`grants_of_adapter`, or there is nothing to allow.
    """
    grants, notes = allowed(grants_of_adapter(target, settings, uses=cast("Sequence[Use]", uses)))
    snippets = {
        "cloudformation": json.dumps(as_cloudformation(grants), indent=2),
        "terraform": as_terraform(grants),
    }
    return Permissions([Permission(one.document, one.principal, one.title) for one in grants], notes, snippets)


def grants_of_adapter(
    target: Target,
    settings: CallSettings[Any] | None = None,
    principal: str | None = None,
    *,
    region: str | Sequence[str] = (),
    account: str = "",
    uses: Sequence[Use] = ("invoke",),
    streaming: bool = True,
    source: Sequence[str] = (),
    through_profile_only: bool = False,
    batch_role: str | None = None,
    s3_outputs: Sequence[str] = (),
) -> list[Grant]:
    """Return what each identity on the adapter's way needs: who calls the model first, then who assumes which role.

    Args:
        target: Of an adapter of this plugin: ``(await engine.resolve("name")).target``.
        settings: Those of its calls, ``resolved.settings``: they say which of Bedrock's own tools are used; ``None`` =
            none is.
        principal: Who comes first, where the adapter does not say it: the ARN of a role or user.
        region: Where it is called; several where it is called from several; empty = its own.
        account: Whose the target is; empty = that of the last role, where there is one.
        uses, streaming, source, through_profile_only, batch_role: See :func:`grant`.
        s3_outputs: Where an asynchronous endpoint puts its answers and failures: ``s3://bucket/prefix``.

    Raises:
        DocumentError: The adapter is not one of this plugin, or has no region.
    """
    connection = target.connection
    if not isinstance(connection, AwsConnection):
        raise DocumentError("policy", [Problem("provider", f"{target.provider} is not called with AWS's policies")])
    account = account or _account_of(connection)
    given = (region,) if isinstance(region, str) and region else tuple(region)
    grants = []
    for where in given or (choose_region(connection, os.environ).name,):
        own: list[Statement]
        notes: tuple[str, ...]
        if isinstance(connection, SageMakerConnection):
            endpoint = EndpointUse(target, connection, where, account, streaming, tuple(s3_outputs))
            own, notes = statements_for(endpoint, uses)
        else:
            granted = grant(
                target.model,
                region=where,
                account=account,
                uses=uses,
                streaming=streaming and target.operation == "chat",
                base_model=target.base_model,
                source=source,
                through_profile_only=through_profile_only,
                batch_role=batch_role,
            )
            own, notes = [*granted.statements], granted.notes
            if "invoke" in uses:
                own += _beside(target, connection, where, account)
                own += _tools(settings, where, account)
        title = f"calls as {Identity.of(target, where).who}"
        grants.append(exact(Grant(_principal(connection), merge(own), notes, title)))
    return [replace(one, principal=one.principal or principal) for one in (*grants, *_ways(connection))]


def _account_of(connection: AwsConnection) -> str:
    return connection.roles[-1].arn.split(":")[4] if connection.roles else ""


def _principal(connection: AwsConnection) -> str | None:
    if connection.roles:
        return connection.roles[-1].arn
    return connection.auth.role_arn if isinstance(connection.auth, WebIdentityAuth) else None


def _ways(connection: AwsConnection) -> list[Grant]:
    """Return what each identity needs to assume the next role."""
    before = connection.auth.role_arn if isinstance(connection.auth, WebIdentityAuth) else None
    grants = []
    for role in connection.roles:
        statement = Statement("AssumeRole", _assume_actions(role), (role.arn,))
        grants.append(Grant(before, (statement,), (), f"assumes {role.arn}"))
        before = role.arn
    return grants


def _assume_actions(role: Role) -> tuple[str, ...]:
    return ("sts:AssumeRole", "sts:TagSession") if role.tags else ("sts:AssumeRole",)


# --- bedrock -----------------------------------------------------------------------------------------------------


def _beside(target: Target, connection: AwsConnection, region: str, account: str) -> list[Statement]:
    """Return what calls bring along: a guardrail, counting, ranking, API keys."""
    statements = []
    if isinstance(connection, BedrockConnection) and connection.guardrail is not None:
        guardrail = f"guardrail/{connection.guardrail.identifier}"
        arn = f"arn:{partition(region)}:bedrock:{region}:{account or ANY}:{guardrail}"
        given = connection.guardrail.identifier
        statements.append(
            Statement("Guard", ("bedrock:ApplyGuardrail",), (given if given.startswith("arn:") else arn,))
        )
    if isinstance(connection, BedrockConnection) and connection.count_tokens_model is not None:
        model = f"arn:{partition(region)}:bedrock:{region}::foundation-model/{connection.count_tokens_model}"
        statements.append(Statement("CountTokens", ("bedrock:CountTokens",), (model,)))
    if target.operation == "rerank" and target.mapping is None:
        statements.append(Statement("Rerank", ("bedrock:Rerank",), (ANY,)))
    if isinstance(connection.auth, BedrockApiKeyAuth):
        statements.append(Statement("UseApiKeys", ("bedrock:CallWithBearerToken",), (ANY,)))
    return statements


def _tools(settings: CallSettings[Any] | None, region: str, account: str) -> list[Statement]:
    """Return what Bedrock's own tools need (Nova user guide, "Web grounding", read 2026-11)."""
    names = getattr(settings.inference, "system_tools", None) or () if settings else ()
    arns = [f"arn:{partition(region)}:bedrock::{account or ANY}:system-tool/amazon.{name}" for name in names]
    return [Statement("UseTools", ("bedrock:InvokeTool",), tuple(arns))] if arns else []
