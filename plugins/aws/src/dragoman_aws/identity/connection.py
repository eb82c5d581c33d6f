"""What an adapter's ``connection`` says about region, identity and addresses, for every provider of this plugin.

    connection:
      region: us-east-1                 # absent: AWS_REGION, then AWS_DEFAULT_REGION (see `identity.region`)
      auth: {kind: aws_default}         # where the first credentials come from
      roles:                            # assumed one after the other; the last one makes the calls
        - {arn: "arn:aws:iam::111122223333:role/Invoke", external_id: x}
      endpoint_url: https://vpce-….     # data plane; absent = the service's own address in the region
      sts_endpoint_url: https://vpce-….

A provider's connection model subclasses :class:`AwsConnection`, and narrows ``auth`` to :data:`AwsAuth` unless the
service takes Bedrock's API keys.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from dragoman.plugin import DEPLOYMENT_ONLY, Connection, Identity, Shown
from pydantic import AfterValidator, Field, model_validator

#: A session of a role that was assumed by a role's session ("role chaining") lasts at most this long, in seconds.
#: AWS IAM user guide, "Roles terms and concepts", read 2026-11.
LONGEST_CHAINED_S = 3600
#: Shorter sessions are renewed all the time: botocore renews ten minutes ahead.
SHORTEST_S = 1800
LONGEST_S = 43200


def _address(value: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address that begins with https:// or http:// is expected")
    if parts.username or parts.password:
        raise ValueError("an address cannot hold credentials")
    if parts.query or parts.fragment:
        raise ValueError("an address cannot hold a query")
    return value.strip().rstrip("/")


def _role_arn(value: str) -> str:
    if not re.fullmatch(r"arn:[a-z0-9-]+:iam::\d{12}:role/[\w+=,.@/-]+", value, re.ASCII) or len(value) > 2048:
        raise ValueError("the ARN of a role is expected, such as arn:aws:iam::111122223333:role/Invoke")
    return value


#: What a region is called; it becomes part of a host name.
REGION_PATTERN = r"^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$"

Address = Annotated[str, AfterValidator(_address)]
Region = Annotated[str, Field(pattern=REGION_PATTERN)]
RoleArn = Annotated[str, AfterValidator(_role_arn)]
SessionName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+=,.@-]{2,64}$")]
Duration = Annotated[int, Field(ge=SHORTEST_S, le=LONGEST_S)]


# --- where the first credentials come from -----------------------------------------------------------------------


class AwsDefaultAuth(Connection):
    """AWS's default chain: environment, shared files, web identity (IRSA on EKS), container, instance."""

    kind: Literal["aws_default"] = "aws_default"


class AwsKeysAuth(Connection):
    """Keys of an IAM user, or temporary ones, from the secrets that ``credentials`` names.

    ``access_key_id`` and ``secret_access_key``, and ``session_token`` where one is named.
    """

    kind: Literal["aws_keys"]


class AwsProfileAuth(Connection):
    """A named profile of the shared AWS files; keys in the environment are not looked at."""

    kind: Literal["aws_profile"]
    profile: str = Field(
        min_length=1,
        description="name of the profile in ~/.aws/config or ~/.aws/credentials",
        json_schema_extra=DEPLOYMENT_ONLY,
    )


class WebIdentityAuth(Connection):
    """A token file that the platform keeps fresh, exchanged for a session of a role."""

    kind: Literal["web_identity"]
    token_file: str = Field(
        min_length=1,
        description="path of the file; what AWS_WEB_IDENTITY_TOKEN_FILE holds",
        json_schema_extra=DEPLOYMENT_ONLY,
    )
    role_arn: RoleArn = Field(description="role that the token is exchanged for")
    session_name: SessionName = Field("dragoman", description="shown in AWS's logs")
    duration_s: Duration = Field(3600, description="how long a session lasts, in seconds")


class BedrockApiKeyAuth(Connection):
    """A Bedrock API key, sent as it is, from the secret that ``credentials.api_key`` names."""

    kind: Literal["bedrock_api_key"]


SourceAuth = Annotated[AwsDefaultAuth | AwsProfileAuth | WebIdentityAuth, Field(discriminator="kind")]
AwsAuth = Annotated[AwsDefaultAuth | AwsKeysAuth | AwsProfileAuth | WebIdentityAuth, Field(discriminator="kind")]
BedrockAuth = Annotated[
    AwsDefaultAuth | AwsKeysAuth | AwsProfileAuth | WebIdentityAuth | BedrockApiKeyAuth, Field(discriminator="kind")
]


# --- which roles they take on ------------------------------------------------------------------------------------


class Role(Connection):
    """A role to assume with the credentials before it."""

    arn: RoleArn
    external_id: str | None = Field(
        None, pattern=r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$", description="what the role's trust policy asks for"
    )
    session_name: SessionName = Field("dragoman", description="shown in AWS's logs, and in the assumed role's ARN")
    duration_s: Duration = Field(3600, description="how long a session lasts, in seconds; at most the role's own limit")
    tags: dict[str, str] | None = Field(
        None, max_length=50, description="session tags; the trust policy must allow sts:TagSession"
    )
    policy: dict[str, object] | None = Field(None, description="a policy document that narrows what the session may do")


class AwsConnection(Connection):
    """Region, identity and addresses of one AWS service."""

    identities: ClassVar[tuple[Identity, ...]] = (Identity("roles.*.arn", ("external_id",)), Identity("auth.role_arn"))

    region: Region | None = Field(None, description="absent = AWS_REGION, then AWS_DEFAULT_REGION of the environment")
    auth: Annotated[BedrockAuth, Shown()] = Field(AwsDefaultAuth(), description="where the credentials come from")
    roles: list[Role] = Field([], description="assumed in turn, each with the credentials before it")
    endpoint_url: Address | None = Field(
        None, description="address of the service's data plane; absent = the service's own in the region"
    )
    sts_endpoint_url: Address | None = Field(
        None,
        description="address of STS, for a VPC endpoint; absent = the region's own",
        json_schema_extra=DEPLOYMENT_ONLY,  # botocore calls it, and the engine's transport has no part in that
    )

    @model_validator(mode="after")
    def _sessions_are_possible(self) -> AwsConnection:
        if isinstance(self.auth, BedrockApiKeyAuth) and self.roles:
            raise ValueError("roles cannot be assumed with a Bedrock API key; choose another auth.kind or no roles")
        first_chained = 0 if isinstance(self.auth, WebIdentityAuth) else 1
        for number, role in enumerate(self.roles[first_chained:], first_chained):
            if role.duration_s > LONGEST_CHAINED_S:
                raise ValueError(
                    f"roles.{number}.duration_s is {role.duration_s}: a role that is assumed by another role's "
                    f"session lasts at most {LONGEST_CHAINED_S} s"
                )
        return self
