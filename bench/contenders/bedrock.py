"""What the contenders for Bedrock have in common."""

from __future__ import annotations

from typing import Any

from worker import Messages

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
REGION = "us-east-1"
ACCESS_KEY_ID = "AKIDEXAMPLE"
SECRET_ACCESS_KEY = "bench-secret"


def converse_arguments(messages: Messages) -> dict[str, Any]:
    """Return the arguments of Converse for OpenAI-shaped messages, as a user of boto3 writes them."""
    return {
        "modelId": MODEL,
        "system": [{"text": m["content"]} for m in messages if m["role"] == "system"],
        "messages": [
            {"role": m["role"], "content": [{"text": m["content"]}]} for m in messages if m["role"] != "system"
        ],
    }


def clients(base_url: str) -> tuple[Any, Any]:
    """Return boto3's clients for the data plane and the control plane."""
    import boto3
    from botocore.config import Config

    session = boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, region_name=REGION)
    config = Config(retries={"max_attempts": 0})
    runtime, control = (
        session.client(name, endpoint_url=base_url, config=config) for name in ("bedrock-runtime", "bedrock")
    )
    return runtime, control
