"""What a Bedrock adapter's ``connection`` says.

Which operation is called follows from the document: with a ``mapping`` it is InvokeModel, whose body the mapping
writes and reads; without one it is Converse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from dragoman.plugin import DEPLOYMENT_ONLY, Connection, Shown
from pydantic import AfterValidator, Field

from dragoman_aws.bedrock.embed_families import EMBED_FAMILIES
from dragoman_aws.bedrock.families import FAMILIES, SETTINGS
from dragoman_aws.identity.connection import Address, AwsConnection, AwsDefaultAuth, BedrockAuth

#: Those that chat, then those that embed.
_FAMILIES = (*FAMILIES, *EMBED_FAMILIES)


def _known_family(value: str) -> str:
    if value not in _FAMILIES:
        raise ValueError(f"one of {', '.join(_FAMILIES)} is expected; for others write request_fields")
    return value


def _known_settings(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if unknown := sorted(set(value) - set(SETTINGS)):
        raise ValueError(f"{unknown[0]} is not a setting here; one of {', '.join(SETTINGS)} is expected")
    return value


KnownFamily = Annotated[str, AfterValidator(_known_family), Field(json_schema_extra={"enum": list(_FAMILIES)})]
RequestFields = Annotated[dict[str, dict[str, Any] | None], AfterValidator(_known_settings)]


#: Services whose address can be said; ``bedrock`` and STS have members of their own.
SERVICES = ("bedrock-agent", "cloudformation", "service-quotas")


def _known_services(value: Mapping[str, str]) -> Mapping[str, str]:
    if unknown := sorted(set(value) - set(SERVICES)):
        raise ValueError(f"{unknown[0]} is not a service here; one of {', '.join(SERVICES)} is expected")
    return value


Endpoints = Annotated[dict[str, Address], AfterValidator(_known_services)]


class Guardrail(Connection):
    """A guardrail that every call through the adapter passes."""

    identifier: str = Field(
        pattern=r"^([a-z0-9]+|arn:aws[a-z-]*:bedrock:[a-z0-9-]{1,20}:\d{12}:guardrail/[a-z0-9]+)$",
        description="id or ARN",
    )
    version: str = Field(pattern=r"^([1-9]\d{0,7}|DRAFT)$", description="a number, or DRAFT")
    trace: Literal["enabled", "disabled", "enabled_full"] | None = Field(
        None, description="whether the answer says what the guardrail found; absent = Bedrock's default"
    )
    stream_processing_mode: Literal["sync", "async"] | None = Field(
        None, description="sync holds a stream back until it is checked, async checks beside it"
    )


class BedrockConnection(AwsConnection):
    """Bedrock in one region, called as one identity."""

    auth: Annotated[BedrockAuth, Shown()] = Field(AwsDefaultAuth(), description="where the credentials come from")
    control_endpoint_url: Address | None = Field(
        None,
        description="address of the control plane (profiles, routers, listing), for a VPC endpoint; absent = the "
        "service's own in the region; no call of a model goes there",
        json_schema_extra=DEPLOYMENT_ONLY,  # botocore calls it, and the engine's transport has no part in that
    )
    endpoints: Endpoints | None = Field(
        None,
        description="addresses of the services beside it, for VPC endpoints: bedrock-agent (prompt management), "
        "service-quotas, cloudformation; absent = the services' own; no call of a model goes there",
        json_schema_extra=DEPLOYMENT_ONLY,
    )
    family: KnownFamily | None = Field(
        None,
        description="the model's family: how it takes texts to embed, or settings of its own such as top_k; "
        "absent = that of base_model",
    )
    request_fields: RequestFields | None = Field(
        None,
        description="setting -> members of the request that it becomes, with $value where its value goes; "
        "null = refused; beside or instead of the family's",
    )
    guardrail: Guardrail | None = Field(None, description="a guardrail that every call passes")
    count_tokens_model: str | None = Field(
        None,
        min_length=1,
        description="model that counts the input for `constraints`, one more request a call; CountTokens takes ids of "
        "foundation models, no profiles; absent = estimated",
    )
