"""What an adapter needs: its calls, what they bring along, and the way to the roles that it takes on."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dragoman.errors import DocumentError, Problem
from dragoman.plugin import Target

from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.identity.connection import AwsConnection, BedrockApiKeyAuth, Role, WebIdentityAuth
from dragoman_aws.identity.identity import Identity
from dragoman_aws.identity.region import choose_region, partition
from dragoman_aws.permissions.grants import OPEN_ACCOUNT, Grant, Use, grant
from dragoman_aws.permissions.statements import ANY, Statement, merge
from dragoman_aws.sagemaker.connection import SageMakerConnection


def grants_of_adapter(
    target: Target,
    *,
    region: str | None = None,
    account: str = "",
    uses: Sequence[Use] = ("invoke",),
    streaming: bool = True,
    source: Sequence[str] = (),
    through_profile_only: bool = False,
    batch_role: str | None = None,
) -> list[Grant]:
    """Return what each identity on the adapter's way needs: who calls the model first, then who assumes which role.

    Args:
        target: Of an adapter of this plugin: ``(await engine.resolve("name")).target``.
        region: Where it is called; ``None`` = its own.
        account: Whose the target is; empty = that of the last role, where there is one.
        uses, streaming, source, through_profile_only, batch_role: See :func:`grant`.

    Raises:
        DocumentError: The adapter is not one of this plugin, or has no region.
    """
    connection = target.connection
    if not isinstance(connection, AwsConnection):
        raise DocumentError("policy", [Problem("provider", f"{target.provider} is not called with AWS's policies")])
    where = region or choose_region(connection, os.environ).name
    account = account or _account_of(connection)
    principal = _principal(connection)
    if isinstance(connection, SageMakerConnection):
        own = _endpoint(target, connection, where, account, streaming=streaming)
        notes = _endpoint_notes(connection, account)
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
        own = [*granted.statements, *_beside(target, connection, where, account)]
        notes = granted.notes
    who = Identity.of(target, where).who
    return [Grant(principal, merge(own), notes, f"calls as {who}"), *_ways(connection)]


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
        arn = _arn("bedrock", region, account, f"guardrail/{connection.guardrail.identifier}")
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


# --- sagemaker ---------------------------------------------------------------------------------------------------


def _endpoint(
    target: Target, connection: SageMakerConnection, region: str, account: str, *, streaming: bool
) -> list[Statement]:
    resources = [_arn("sagemaker", region, account, f"endpoint/{target.model}")]
    if connection.inference_component:
        resources.append(_arn("sagemaker", region, account, f"inference-component/{connection.inference_component}"))
    actions = _endpoint_actions(target, connection, streaming=streaming)
    statements = [Statement("InvokeEndpoint", actions, tuple(resources))]
    if connection.route == "openai":
        statements.append(Statement("UseBearerToken", ("sagemaker:CallWithBearerToken",), (ANY,)))
    if connection.s3 is not None and connection.s3.input is not None:
        place = connection.s3.input.removeprefix("s3://")
        statements.append(Statement("PutInput", ("s3:PutObject",), (f"arn:{partition(region)}:s3:::{place}/*",)))
    return statements


def _endpoint_notes(connection: SageMakerConnection, account: str) -> tuple[str, ...]:
    notes = [] if account else [OPEN_ACCOUNT]
    if connection.invocation == "async":
        where = "where the endpoint's configuration puts them"
        notes.append(f"answers are read from S3: allow s3:GetObject and s3:ListBucket {where}")
    return tuple(notes)


def _endpoint_actions(target: Target, connection: SageMakerConnection, *, streaming: bool) -> tuple[str, ...]:
    if connection.invocation == "async":
        return ("sagemaker:InvokeEndpointAsync",)
    streams = streaming and target.operation == "chat"
    more = ("sagemaker:InvokeEndpointWithResponseStream",) if streams else ()
    return ("sagemaker:InvokeEndpoint", *more)


def _arn(service: str, region: str, account: str, resource: str) -> str:
    return f"arn:{partition(region)}:{service}:{region}:{account or ANY}:{resource}"
