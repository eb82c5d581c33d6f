"""Azure's own facts, and the convention by which one secret document describes several deployments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

from dragoman.plugin import PredefinedAdapter, SecretView
from pydantic import ValidationError

from dragoman_openai.codec.dialect import MaxTokensField
from dragoman_openai.connection import AzureConnection

MODELS = "AZURE_OPENAI_MODELS"

#: The first api-version with `max_completion_tokens` and `stream_options`; an older one refuses both. Microsoft's
#: page "Azure OpenAI API version lifecycle", changes between 2024-08-01-preview and 2024-09-01-preview.
_FIRST_WITH_NEW_MEMBERS = "2024-09-01"


def url(connection: AzureConnection, deployment: str, path: str) -> str:
    """Return a deployment's address for a path of OpenAI's; the v1 API names the deployment in the body instead."""
    if connection.api_version is None:
        return f"{connection.endpoint}/openai/v1/{path}"
    deployed = f"{connection.endpoint}/openai/deployments/{quote(deployment, safe='')}/{path}"
    return f"{deployed}?api-version={connection.api_version}"


def knows_new_members(api_version: str | None) -> bool:
    """Whether an api-version takes ``max_completion_tokens`` and ``stream_options``; ``None`` is the v1 API."""
    return api_version is None or api_version[:10] >= _FIRST_WITH_NEW_MEMBERS


def max_tokens_field(api_version: str | None) -> MaxTokensField:
    """Return the member for ``max_tokens`` in this api-version."""
    return "max_completion_tokens" if knows_new_members(api_version) else "max_tokens"


# --- AZURE_OPENAI_MODELS -----------------------------------------------------------------------------------------


class Member(NamedTuple):
    """A member of the convention: its secret's name without the model, and the field it fills."""

    prefix: str
    field: str

    def secret_of(self, model: str) -> str:
        """Return the exact name of the secret."""
        return f"{self.prefix}__{model}"


_TYPE = Member("AZURE_OPENAI_API_TYPE", "auth")
_VERSION = Member("AZURE_OPENAI_API_VERSION", "api_version")
_BASE = Member("AZURE_OPENAI_API_BASE", "endpoint")
_KEY = Member("AZURE_OPENAI_API_KEY", "")
_DEPLOYMENT = Member("AZURE_OPENAI_API_DEPLOYMENT_NAME", "")
_MEMBERS = (_TYPE, _VERSION, _BASE, _KEY, _DEPLOYMENT)


@dataclass(frozen=True, slots=True)
class _ApiType:
    """How a value of AZURE_OPENAI_API_TYPE is signed, and the credential that the KEY member then is."""

    auth: str
    credential: str


_API_TYPES: Mapping[str, _ApiType] = {
    "azure": _ApiType("api_key", "api_key"),
    "azure_ad": _ApiType("bearer", "token"),
    "azuread": _ApiType("bearer", "token"),
}


def convention_adapters(secrets: SecretView) -> list[PredefinedAdapter]:
    """Return one adapter for each model that ``AZURE_OPENAI_MODELS`` lists, or the reason why there is none."""
    listed = secrets.get(MODELS)
    models = list(dict.fromkeys(_split(listed.reveal()))) if listed else []
    names = {model: f"azure-{slug(model)}" for model in models}
    shared = Counter(names.values())
    adapters = [_adapter(model, name, secrets) for model, name in names.items() if shared[name] == 1]
    return adapters + [_shared(name, names) for name, count in shared.items() if count > 1]


def slug(text: str) -> str:
    """Return a model's name as part of an adapter's name; ``unnamed`` where nothing of it is left."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._") or "unnamed"


def _split(text: str) -> Iterable[str]:
    return (name for part in text.split(",") if (name := part.strip()))


def _shared(name: str, names: Mapping[str, str]) -> PredefinedAdapter:
    models = ", ".join(repr(model) for model, own in names.items() if own == name)
    return PredefinedAdapter(name, problem=f"{MODELS} lists {models}, which make one name; rename one of them")


def _adapter(model: str, name: str, secrets: SecretView) -> PredefinedAdapter:
    values = {member: _value(secrets, member.secret_of(model)) for member in _MEMBERS}
    if missing := [member.secret_of(model) for member, value in values.items() if not value]:
        verb = "is" if len(missing) == 1 else "are"
        return PredefinedAdapter(name, problem=f"{', '.join(missing)} {verb} missing; {MODELS} lists {model!r}")
    api_type = _API_TYPES.get(values[_TYPE].lower())
    if api_type is None:
        return PredefinedAdapter(name, problem=f"{_TYPE.secret_of(model)}: one of {', '.join(_API_TYPES)} is expected")
    connection = {
        "endpoint": values[_BASE],
        "api_version": values[_VERSION],
        "auth": {"kind": api_type.auth},
    }
    if problem := _problem(model, connection):
        return PredefinedAdapter(name, problem=problem)
    return PredefinedAdapter(
        name,
        {
            "name": name,
            "title": model,
            "aliases": [model],
            "provider": "azure-openai",
            "model": values[_DEPLOYMENT],
            "connection": connection,
            "credentials": {api_type.credential: _KEY.secret_of(model)},
        },
    )


def _value(secrets: SecretView, name: str) -> str:
    found = secrets.get(name)
    return found.reveal().strip() if found else ""


def _problem(model: str, connection: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the members' values, by the names of their secrets; never a value."""
    try:
        AzureConnection.model_validate(connection)
    except ValidationError as error:
        owners = {member.field: member.secret_of(model) for member in _MEMBERS if member.field}
        findings = error.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(
            f"{owners.get(str(f['loc'][0]), 'connection')}: {f['msg'].removeprefix('Value error, ')}" for f in findings
        )
    return None
