"""Where a model's operations are."""

from __future__ import annotations

from urllib.parse import quote

from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.identity.region import dns_suffix

#: The type of a streamed answer.
EVENT_STREAM = "application/vnd.amazon.eventstream"


def model_url(endpoint: str, model: str) -> str:
    """Return the address under which a model's operations are; the model is one segment of the path, whatever it is."""
    return f"{endpoint}/model/{quote(model, safe='')}"


def endpoint_of(connection: BedrockConnection, region: str) -> str:
    """Return the address of the data plane: the one that is written, or the region's own."""
    return connection.endpoint_url or f"https://bedrock-runtime.{region}.{dns_suffix(region)}"
