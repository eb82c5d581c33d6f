"""AWS identities, by ``dragoman-aws``, which is imported where an adapter asks for one and not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

if TYPE_CHECKING:
    from dragoman_aws.identity.connection import AwsConnection

#: The kind that AWS's own models know and that signs nothing.
_NO_SIGNATURE = "bedrock_api_key"


def aws_connection(
    *, region: str | None, source: Mapping[str, Any], roles: Sequence[Any], sts_endpoint_url: str | None
) -> AwsConnection:
    """Return what AWS's plugin takes for an identity.

    Raises:
        ModuleNotFoundError: The plugin is not installed.
        ValidationError: It is no identity; pydantic's.
    """
    from dragoman_aws.identity.connection import AwsConnection

    given = {"region": region, "auth": source, "roles": roles, "sts_endpoint_url": sts_endpoint_url}
    return AwsConnection.model_validate(given)


def identity_problem(**members: Any) -> str | None:
    """Return what is wrong with the members of an identity, in one line; ``None`` where nothing is."""
    if members["source"].get("kind") == _NO_SIGNATURE:
        return "source.kind: an API key signs nothing; choose aws_default, aws_keys, aws_profile or web_identity"
    try:
        aws_connection(**members)
    except ModuleNotFoundError:
        return "aws_sigv4 needs dragoman-aws: pip install 'dragoman-http[aws]'"
    except ValidationError as error:
        finding = error.errors(include_url=False, include_input=False)[0]
        path = ".".join("source" if part == "auth" else str(part) for part in finding["loc"])
        text = str(finding["msg"]).removeprefix("Value error, ")
        return f"{path}: {text}" if path else text
    return None
