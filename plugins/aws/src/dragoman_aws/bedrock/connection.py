"""What a Bedrock adapter's ``connection`` says."""

from __future__ import annotations

from dragoman_aws.identity.connection import AwsConnection


class BedrockConnection(AwsConnection):
    """Bedrock in one region, called as one identity."""
