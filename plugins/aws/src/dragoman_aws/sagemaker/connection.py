"""What a SageMaker adapter's ``connection`` says.

connection:
  region: us-west-2
  inference_component: ic-llama-1
  roles: [{arn: "arn:aws:iam::111122223333:role/Invoke"}]

connection:                                     # InvokeEndpointAsync
  invocation: async
  s3: {input: "s3://my-bucket/requests"}
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from dragoman.plugin import DEPLOYMENT_ONLY, Connection, Shown
from pydantic import AfterValidator, Field, model_validator

from dragoman_aws.identity.connection import Address, AwsAuth, AwsConnection, AwsDefaultAuth


def _s3_prefix(value: str) -> str:
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()/=-]*)?", value):
        raise ValueError("a place in S3 such as s3://bucket/requests is expected")
    return value.rstrip("/")


S3Prefix = Annotated[str, AfterValidator(_s3_prefix)]
#: Service model of sagemaker-runtime, botocore 1.44.5.
ComponentName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$", max_length=63)]


class S3Places(Connection):
    """Where an asynchronous call's request and answer lie, and how often it is looked for.

    Where the answer goes, the endpoint's own configuration says. Nothing is deleted: give the bucket a lifecycle rule.
    """

    input: S3Prefix | None = Field(
        None, description="where requests are put; absent = they go with the call, which takes 128,000 bytes"
    )
    endpoint_url: Address | None = Field(None, description="address of S3, for a VPC endpoint; absent = the region's")
    first_poll_s: float = Field(1.0, gt=0, description="seconds until the answer is looked for the first time")
    longest_poll_s: float = Field(15.0, gt=0, description="waits grow by half each time, up to this many seconds")


class SageMakerConnection(AwsConnection):
    """SageMaker endpoints in one region, called as one identity."""

    auth: Annotated[AwsAuth, Shown()] = Field(AwsDefaultAuth(), description="where the credentials come from")
    control_endpoint_url: Address | None = Field(
        None,
        description="address of SageMaker's control plane (state and lists of endpoints), for a VPC endpoint; absent = "
        "the service's own in the region; no call of a model goes there",
        json_schema_extra=DEPLOYMENT_ONLY,  # botocore calls it, and the engine's transport has no part in that
    )
    inference_component: ComponentName | None = Field(
        None, description="the inference component of the endpoint that is called"
    )
    route: Literal["invocations", "openai"] = Field(
        "invocations",
        description="invocations: the container's own JSON, by mapping; openai: the chat-completions protocol",
    )
    invocation: Literal["realtime", "async"] = Field(
        "realtime", description="async: the endpoint answers through S3, for long calls and endpoints that scale to 0"
    )
    stream_framing: Literal["sse", "jsonl"] = Field(
        "sse", description="route openai: how the container streams; jsonl is the default of AWS's LMI containers"
    )
    s3: S3Places | None = Field(None, description="invocation async: where requests and answers lie")

    @model_validator(mode="after")
    def _members_fit(self) -> SageMakerConnection:
        if self.s3 is not None and self.invocation != "async":
            raise ValueError("s3 is for invocation: async; remove it, or set invocation")
        if self.route == "openai" and self.invocation == "async":
            raise ValueError("the route openai has no asynchronous calls; choose one of route and invocation")
        if self.inference_component is not None and self.invocation == "async":
            raise ValueError("InvokeEndpointAsync takes no inference_component; remove it, or invocation")
        return self
