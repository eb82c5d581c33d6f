"""The LangChain door: langchain-aws's ``ChatBedrockConverse``, configured explicitly and in full.

The class reads keys, regions, addresses and gateways from the environment, and guesses from a model's name what it can
do. So both its clients are made here, every field that has such a default is given, and what it concludes from names
is put right after it is built (read in langchain-aws 1.9.1).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any

from dragoman.errors import UnsupportedError
from dragoman.plugin import CallSettings, LangChainContext, Target

from dragoman_aws.bedrock.address import endpoint_of
from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.bedrock.converse import dialect_of
from dragoman_aws.bedrock.converse.call import add_endpoint_kwargs
from dragoman_aws.bedrock.converse.encode import guardrail_config
from dragoman_aws.bedrock.converse.settings import ADDITIONAL, merge_model_kwargs, write_inference
from dragoman_aws.bedrock.families import family_of
from dragoman_aws.identity.connection import BedrockApiKeyAuth
from dragoman_aws.identity.identity import Identity
from dragoman_aws.identity.region import choose_region

#: What one model's threads use at a time.
_CONNECTIONS = 64

#: Family -> what the class calls its maker; it shapes a few blocks by it.
_MAKERS: Mapping[str, str] = {
    "claude": "anthropic", "claude-adaptive": "anthropic", "nova": "amazon", "nova-2": "amazon", "titan": "amazon",
    "mistral": "mistral", "cohere-command": "cohere", "jamba": "ai21", "gpt-oss": "openai", "qwen": "qwen",
    "llama": "meta",
}  # fmt: skip

#: Body member -> the class's field, for members that it takes as they are.
_FIELDS: Mapping[str, str] = {
    ADDITIONAL: "additional_model_request_fields",
    "additionalModelResponseFieldPaths": "additional_model_response_field_paths",
    "guardrailConfig": "guardrail_config",
    "outputConfig": "output_config",
    "performanceConfig": "performance_config",
    "requestMetadata": "request_metadata",
}
_CONFIG_FIELDS: Mapping[str, str] = {
    "maxTokens": "max_tokens",
    "stopSequences": "stop_sequences",
    "temperature": "temperature",
    "topP": "top_p",
}
#: Where the classes would look for a key, and must find none: the clients hold the credentials.
NO_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_NO_KEYS = (*NO_KEYS, "bedrock_api_key")
#: What the encoder writes beside the messages, and the class has no field for.
_WITH_MESSAGES = ("system_tools", "cache_points")


def chat_model(target: Target, settings: CallSettings, context: LangChainContext) -> Any:
    """Return a ``ChatBedrockConverse``; blocks while it is built.

    Raises:
        UnsupportedError: langchain-aws is not installed, or the adapter says something that the class cannot.
    """
    chat_bedrock_converse = langchain_aws().ChatBedrockConverse
    connection: BedrockConnection = target.connection
    if target.mapping is not None:
        raise UnsupportedError("the LangChain class speaks Converse only", path="mapping", hint="use runtime: native")
    region = choose_region(connection, os.environ).name
    endpoint = endpoint_of(connection, region)
    clients = _clients(target, region, context)
    runtime, control = (
        _runtime(clients, "bedrock-runtime", endpoint, settings),
        clients.client("bedrock", max_attempts=1),
    )
    model = chat_bedrock_converse(
        client=runtime,
        bedrock_client=control,
        model=target.model,
        base_model_id=target.base_model or target.model,
        provider=_MAKERS.get(family_of(connection.family, target.base_model) or "", "other"),
        region_name=region,
        endpoint_url=endpoint,
        credentials_profile_name=None,
        disable_streaming=False,
        supports_tool_choice_values=("auto", "any", "tool"),
        **dict.fromkeys(_NO_KEYS),
        **_members(target, settings),
    )
    # The constructor goes by the model's name once more: a profile that drops settings, streaming that it turns off.
    model.profile = {}
    model.disable_streaming = False
    return model


def langchain_aws() -> Any:
    """Return the package; raise ``UnsupportedError`` where it is not installed."""
    try:
        return importlib.import_module("langchain_aws")
    except ImportError:
        raise UnsupportedError(
            "the LangChain class needs the package langchain-aws", hint="pip install 'dragoman-aws[langchain]'"
        ) from None


def client_for(
    service: str, target: Target, endpoint: str, settings: CallSettings[Any], context: LangChainContext
) -> Any:
    """Return a botocore client of a data plane with the target's identity; it tries once, for the engine retries."""
    region = choose_region(target.connection, os.environ).name
    return _runtime(_clients(target, region, context), service, endpoint, settings)


def _clients(target: Target, region: str, context: LangChainContext) -> Any:
    from dragoman_aws.identity.clients import Clients  # botocore takes long to import

    identity = Identity.of(target, region)
    given = identity.keys_from({name: context.secret(secret) for name, secret in identity.secrets.items()})
    has_api_key = isinstance(identity.auth, BedrockApiKeyAuth)
    api_key = context.secret(target.credentials["api_key"]) if has_api_key else None
    return Clients(identity, given, api_key=api_key)


def _runtime(clients: Any, service: str, endpoint: str, settings: CallSettings[Any]) -> Any:
    limits = settings.limits
    return clients.client(
        service,
        endpoint_url=endpoint,
        max_attempts=1,  # the engine retries
        connect_timeout_s=limits.connect_timeout_s or limits.timeout_s or 60,
        read_timeout_s=limits.chunk_timeout_s or limits.timeout_s or 3600,
        max_pool_connections=_CONNECTIONS,
    )


def _members(target: Target, settings: CallSettings) -> dict[str, Any]:
    """Return the body members that the codec would write, as constructor arguments."""
    for name in _WITH_MESSAGES:
        if getattr(settings.inference, name, None):
            raise UnsupportedError("the LangChain class has no field for it", path=f"inference.{name}")
    dialect, headers = dialect_of(target), dict[str, str]()
    body: dict[str, Any] = {}
    write_inference(body, settings.inference, dialect)
    merge_model_kwargs(body, settings.model_kwargs, dialect)
    add_endpoint_kwargs(body, headers, settings.endpoint_kwargs)
    if (guardrail := target.connection.guardrail) is not None:
        body["guardrailConfig"] = guardrail_config(guardrail, stream=False)
    arguments = {_CONFIG_FIELDS[name]: value for name, value in body.pop("inferenceConfig", {}).items()}
    if "serviceTier" in body:
        arguments["service_tier"] = body.pop("serviceTier")["type"]
    if headers:
        arguments["default_headers"] = headers
    for member, value in body.items():
        if member not in _FIELDS:
            raise UnsupportedError("the LangChain class has no field for it", path=f"endpoint_kwargs.{member}")
        arguments[_FIELDS[member]] = value
    return arguments
