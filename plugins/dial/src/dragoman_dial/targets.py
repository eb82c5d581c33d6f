"""Which provider an upstream belongs to, as rows of data: by its address, its adapter, its extra data, its model.

Adapters of DIAL: openai, bedrock, vertexai, and a dial adapter for other gateways (ai-dial-adapter-*, read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from dragoman_dial.reading import Json

#: What extra data of the Bedrock adapter may hold (ai-dial-adapter-bedrock, upstream_config.py, read 2026-11).
AWS_MEMBERS = (
    "region",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_assume_role_arn",
    "compatible_model_id",
    "claude_client",
)

#: Host and path of a provider's API -> provider. The first that fits counts.
ADDRESSES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (provider, re.compile(pattern, re.IGNORECASE))
    for provider, pattern in (
        ("azure-openai", r"[\w-]+\.openai\.azure\.(com|us|cn)(/.*)?"),
        ("azure-openai", r"[\w-]+\.(cognitiveservices|services\.ai)\.azure\.(com|us|cn)(/openai/.*)?"),
        ("openai", r"api\.openai\.com(/.*)?"),
        ("cohere", r"api\.cohere\.(com|ai)(/(?!compatibility/).*)?"),
        ("ai21", r"api\.ai21\.com(/.*)?"),
        ("bedrock", r"bedrock-runtime(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?(/.*)?"),
    )
)

#: APIs and adapters that no provider of ours speaks to as DIAL's do -> what to do instead.
STRANGERS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (what, re.compile(pattern, re.IGNORECASE))
    for what, pattern in (
        ("Anthropic's own API", r"api\.anthropic\.com(/.*)?"),
        ("Google's Vertex AI", r"([\w-]+-)?aiplatform\.googleapis\.com(/.*)?"),
        ("Google's Vertex AI", r"[^/]*vertex.*"),
    )
)

BEDROCK_ADAPTER = re.compile(r"[^/]*bedrock.*", re.IGNORECASE)
#: Ids of Bedrock's foundation models and inference profiles, and ARNs of whatever it invokes.
BEDROCK_MODEL = re.compile(
    r"arn:aws[a-z-]*:bedrock:.+|((us|eu|apac|au|jp|ca|global|us-gov)\.)?"
    r"(ai21|amazon|anthropic|cohere|deepseek|meta|mistral|moonshot|moonshotai|openai|qwen|stability|writer)\.[\w.:-]+"
)

_DEPLOYMENT = re.compile(
    r"(?P<base>.*?)/openai/deployments/(?P<name>[^/]+)/(chat/completions|completions|embeddings)/?"
)
_ROUTE = re.compile(r"(?P<base>.*?)/(chat/completions|completions|embeddings)/?")
_REGION = re.compile(r"\.([a-z0-9-]+)\.amazonaws\.")
_API_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?")


@dataclass(slots=True)
class Target:
    """Where an upstream's calls go, as members of an adapter document; ``problem`` says why that cannot be said."""

    provider: str = ""
    model: str = ""
    reason: str = ""
    connection: Json = field(default_factory=dict)
    label: str = ""  # what its secrets are called by
    problem: str | None = None


def deployment_name(address: Any) -> str | None:
    """Return the deployment that an adapter's address names; ``None`` where it names none."""
    found = _DEPLOYMENT.fullmatch(_split(address).path)
    return unquote(found["name"]) if found else None


def target_of(adapter: Any, address: Any, extra: Mapping[str, Any], model: str) -> Target:
    """Decide where the calls of an upstream go.

    Args:
        adapter: The model's ``endpoint``: an adapter's address.
        address: The upstream's ``endpoint``; for the Bedrock adapter any text.
        extra: The upstream's extra data.
        model: What the model is called there, as far as the model's own members say.
    """
    upstream, speaker = _split(address), _split(adapter)
    place, adapter_place = _place(upstream), _place(speaker)
    for provider, pattern in ADDRESSES:
        if pattern.fullmatch(place):
            return _at_provider(provider, upstream, model)
    for what, pattern in STRANGERS:
        if pattern.fullmatch(place) or pattern.fullmatch(adapter_place):
            return Target(problem=f"belongs to {what}, for which there is no provider")
    if reason := _bedrock_reason(adapter_place, extra, model):
        return Target("bedrock", model, reason, label="BEDROCK")
    if upstream.hostname:
        return _compatible(upstream, model, "its address is none of a known provider")
    if speaker.hostname:
        return _compatible(speaker, model, "it has no upstream of a known provider, so DIAL's adapter itself is called")
    return Target(problem="has no address that says which provider it belongs to")


def _bedrock_reason(adapter: str, extra: Mapping[str, Any], model: str) -> str | None:
    if BEDROCK_ADAPTER.fullmatch(adapter):
        return "the adapter's address names Bedrock"
    if any(name in extra for name in AWS_MEMBERS if name != "region"):
        return "its extra data is that of the Bedrock adapter"
    if BEDROCK_MODEL.fullmatch(model):
        return "the model's name is one of Bedrock's"
    return None


def _at_provider(provider: str, address: SplitResult, model: str) -> Target:
    target = Target(provider, model, f"the address is at {address.hostname}", label=variable_of(provider))
    if provider == "azure-openai":
        target.connection["endpoint"] = _origin(address)
        target.label = f"AZURE_OPENAI_{variable_of((address.hostname or '').split('.')[0])}"
        if found := _DEPLOYMENT.fullmatch(address.path):
            target.model = unquote(found["name"])
        version = parse_qs(address.query).get("api-version", [""])[0]
        if _API_VERSION.fullmatch(version):
            target.connection["api_version"] = version
    elif provider == "bedrock" and (region := _REGION.search(address.hostname or "")):
        target.connection["region"] = region[1]
    return target


def _compatible(address: SplitResult, model: str, reason: str) -> Target:
    target = Target("openai-compatible", model, reason, label=variable_of(address.hostname or ""))
    if found := _DEPLOYMENT.fullmatch(address.path):
        path = f"{found['base']}/openai/deployments/{found['name']}"
        target.model = unquote(found["name"])
        target.connection["auth"] = {"kind": "api_key", "header": "api-key"}
    else:
        found = _ROUTE.fullmatch(address.path)
        path = found["base"] if found else address.path.rstrip("/")
    target.connection["base_url"] = _origin(address) + path
    return target


def variable_of(text: str) -> str:
    """Return a text as a part of a variable's name."""
    return re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")


def _split(address: Any) -> SplitResult:
    """Return an address's parts; those of nothing where it is none."""
    try:
        parts = urlsplit(address.strip() if isinstance(address, str) else "")
        if parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port):
            return parts
    except ValueError:
        pass
    return urlsplit("")


def _place(address: SplitResult) -> str:
    return f"{address.hostname}{address.path}" if address.hostname else ""


def _origin(address: SplitResult) -> str:
    """Return scheme, host and port: without a user's name or password, which an address may carry."""
    host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
    return f"{address.scheme}://{host}" + (f":{address.port}" if address.port else "")
