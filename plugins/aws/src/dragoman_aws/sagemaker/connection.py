"""What a SageMaker adapter's ``connection`` says."""

from __future__ import annotations

from pydantic import Field

from dragoman_aws.identity.connection import AwsAuth, AwsConnection, AwsDefaultAuth


class SageMakerConnection(AwsConnection):
    """SageMaker endpoints in one region, called as one identity."""

    auth: AwsAuth = Field(AwsDefaultAuth(), description="where the credentials come from")
