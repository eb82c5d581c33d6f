"""The secret source ``aws-secrets-manager``: one secret of AWS Secrets Manager.

    [[secrets.sources]]
    kind = "aws-secrets-manager"
    name = "prod/llm-keys"                  # or its ARN, which also says the region
    region = "us-east-1"
    roles = [{ arn = "arn:aws:iam::111122223333:role/ReadKeys", external_id = "x" }]

This module imports no SDK; the reading does.
"""

from __future__ import annotations

import os
import re
from typing import Any

from dragoman.errors import DocumentError, ProviderError, SecretError
from pydantic import Field, model_validator

from dragoman_aws.identity.connection import AwsConnection, AwsDefaultAuth, SourceAuth
from dragoman_aws.identity.identity import Identity
from dragoman_aws.identity.region import choose_region

_ARN = re.compile(r"arn:[a-z0-9-]+:secretsmanager:(?P<region>[a-z0-9-]+):\d{12}:secret:.+")


class SecretsManagerSettings(AwsConnection):
    """One secret, and who reads it."""

    name: str = Field(min_length=1, max_length=2048, description="the secret's name or ARN")
    version_stage: str = Field("AWSCURRENT", min_length=1, description="which version is read, by its staging label")
    label: str | None = Field(None, description="what a person sees; absent = the name")
    auth: SourceAuth = Field(AwsDefaultAuth(), description="where the credentials come from")

    @model_validator(mode="before")
    @classmethod
    def _label(cls, values: Any) -> Any:
        return {"label": values.get("name"), **values} if isinstance(values, dict) else values


class SecretsManagerSource:
    """Reads the secret; the client is kept, and its credentials renew themselves."""

    def __init__(self, settings: SecretsManagerSettings) -> None:
        self._settings = settings
        self._client: Any = None

    def read(self) -> str | None:
        """Return the secret's text; ``None`` where it, or that version of it, is absent. Blocks."""
        from dragoman_aws.identity.errors import ask

        identity = self._identity()
        try:
            answer = ask("Secrets Manager", identity.who, lambda: self._ask(identity))
        except ProviderError as error:  # of Secrets Manager, or of STS on the way
            if error.provider_code == "ResourceNotFoundException":
                return None
            raise SecretError(f"cannot be read: {error.message}", hint=error.hint) from None
        return _text(answer)

    def _ask(self, identity: Identity) -> dict[str, Any]:
        if self._client is None:
            from dragoman_aws.identity.clients import Clients

            self._client = Clients(identity).client(
                "secretsmanager", endpoint_url=self._settings.endpoint_url, max_attempts=2, read_timeout_s=10
            )
        stage = self._settings.version_stage
        answer: dict[str, Any] = self._client.get_secret_value(SecretId=self._settings.name, VersionStage=stage)
        return answer

    def _identity(self) -> Identity:
        settings = self._settings
        return Identity(settings.auth, self._region(), tuple(settings.roles), {}, settings.sts_endpoint_url)

    def _region(self) -> str:
        named = _ARN.fullmatch(self._settings.name)
        if self._settings.region is None and named:
            return named["region"]
        try:
            return choose_region(self._settings, os.environ).name
        except DocumentError:
            raise SecretError("has no region", hint="set region here, or AWS_REGION in the environment") from None


def _text(answer: dict[str, Any]) -> str:
    if isinstance(text := answer.get("SecretString"), str):
        return text
    try:
        return bytes(answer.get("SecretBinary", b"")).decode("utf-8-sig")
    except UnicodeDecodeError:
        pass  # raised below and not here: the decoder's error holds the content
    raise SecretError("holds bytes that are not UTF-8 text", hint="store it as text")
