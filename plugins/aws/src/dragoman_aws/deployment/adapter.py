"""The adapter that calls what was deployed."""

from __future__ import annotations

from typing import Any

from dragoman_aws.deployment.document import Deployment
from dragoman_aws.deployment.resources import container_row


def adapter_of(declared: Deployment, region: str) -> tuple[dict[str, Any], list[str]]:
    """Return an adapter document, and what is still missing in it, for a person.

    The mapping is that of the container; members of the document's ``adapter`` win.

    Args:
        declared: The document.
        region: Where it is deployed; written down, so that the adapter does not follow the environment.
    """
    connection = declared.connection.model_dump(mode="json", exclude_unset=True) | {"region": region}
    if declared.inference_component is not None:
        connection["inference_component"] = declared.name
    document: dict[str, Any] = {
        "version": 1,
        "name": declared.name.lower(),
        "title": f"{declared.model or declared.name} on SageMaker",
        "provider": "sagemaker",
        "model": declared.name,
        **container_row(declared).adapter,
        "connection": connection,
    }
    if declared.credentials:
        document["credentials"] = declared.credentials
    if declared.serverless is not None:
        document["capabilities"] = {"streaming": False}
    document |= declared.adapter
    missing = []
    if "mapping" not in document and document["connection"].get("route") != "openai":
        missing.append("mapping: what the container takes is not known; `dragoman adapters infer` proposes one")
    return document, missing
