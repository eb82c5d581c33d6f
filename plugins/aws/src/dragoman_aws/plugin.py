"""What the entry point names: models of data and the hooks. No botocore."""

from __future__ import annotations

from dragoman.adapter import Operation
from dragoman.plugin import ImporterDescription, ProviderDescription, SecretSourceDescription, hookimpl

from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.bedrock.inference import BedrockInference
from dragoman_aws.bedrock.rules import RULES
from dragoman_aws.sagemaker.connection import SageMakerConnection
from dragoman_aws.secrets_manager import SecretsManagerSettings
from dragoman_aws.uses import ENDPOINT_USES, USES

PLUGIN_API = (1, 0)

#: The secrets that `connection.auth` of the kind `aws_keys` reads. A session token is read only where it is named.
_KEYS = {
    "access_key_id": "AWS_ACCESS_KEY_ID",
    "secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "session_token": None,
}

_OPERATIONS: tuple[Operation, ...] = ("chat", "embed", "rerank")


@hookimpl
def dragoman_providers() -> list[ProviderDescription]:
    return [
        ProviderDescription(
            kind="bedrock",
            title="Amazon Bedrock",
            factory="dragoman_aws.providers.bedrock:BedrockProvider",
            connection=BedrockConnection,
            inference=BedrockInference,
            credentials={**_KEYS, "api_key": "AWS_BEARER_TOKEN_BEDROCK"},
            operations=_OPERATIONS,
            mapping=True,
            rules=RULES,
            permission_purposes=USES,
        ),
        ProviderDescription(
            kind="sagemaker",
            title="Amazon SageMaker endpoint",
            factory="dragoman_aws.providers.sagemaker:SageMakerProvider",
            connection=SageMakerConnection,
            credentials=_KEYS,
            operations=_OPERATIONS,
            mapping=True,
            permission_purposes=ENDPOINT_USES,
        ),
    ]


@hookimpl
def dragoman_secret_sources() -> list[SecretSourceDescription]:
    return [
        SecretSourceDescription(
            kind="aws-secrets-manager",
            title="AWS Secrets Manager",
            settings=SecretsManagerSettings,
            factory="dragoman_aws.secrets_manager:SecretsManagerSource",
        )
    ]


@hookimpl
def dragoman_importers() -> list[ImporterDescription]:
    return [
        ImporterDescription(
            name="galileo", title="AWS Galileo: models and inventories", factory="dragoman_aws.galileo:import_galileo"
        )
    ]
