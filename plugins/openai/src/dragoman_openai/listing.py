"""Which models a key can call: ``GET …/models``, and Azure's deployments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from dragoman.adapter import Operation
from dragoman.errors import DragomanError, ProtocolError
from dragoman.plugin import Authorizer, Context, Limits, ListedModel, ModelList, WireRequest

from dragoman_openai.codec.errors import error_of

Row = Mapping[str, Any]

_LIMITS = Limits(connect_timeout_s=10, first_byte_timeout_s=30, chunk_timeout_s=30)

#: Parts of OpenAI's model names -> what such a model does, where an adapter has no operation for it. Names of OpenAI's
#: model list, read November 2026; the list itself says nothing about it.
_OTHER_KINDS: Mapping[str, str] = {
    "dall-e": "makes images",
    "image": "makes images",
    "sora": "makes videos",
    "whisper": "writes down speech",
    "transcribe": "writes down speech",
    "tts": "speaks",
    "realtime": "talks over a connection of its own",
    "moderation": "moderates",
    "babbage": "completes texts by an older protocol",
    "davinci": "completes texts by an older protocol",
}

#: Azure's list of deployments exists under this version alone; later ones dropped it for the management plane, and the
#: v1 API never had it. "Deployments - List", Azure OpenAI REST reference. Unproven against the live service.
AZURE_DEPLOYMENTS_VERSION = "2022-12-01"
#: "Models - List", Azure OpenAI REST reference. Unproven against the live service.
AZURE_MODELS_VERSION = "2024-10-21"


async def rows_of(url: str, headers: Mapping[str, str], authorizer: Authorizer, context: Context) -> list[Row]:
    """Return the rows of a list; raise the server's own error where it refuses."""
    request = WireRequest("GET", url, {"Accept": "application/json", **headers})
    reply = await context.send(authorizer.sign(request, await context.credentials(authorizer)), _LIMITS)
    if not 200 <= reply.status < 300:
        raise error_of(reply)
    try:
        rows = orjson.loads(reply.body)["data"]
        return [row for row in rows if isinstance(row["id"], str)]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise ProtocolError("the list of models is not the protocol's: data with ids is expected") from None


def served(rows: Sequence[Row]) -> list[ListedModel]:
    """Return the rows of any server that speaks the protocol: what it lists, it serves."""
    return [ListedModel(row["id"], can_invoke=True, detail=_said(row)) for row in rows]


def openai_models(rows: Sequence[Row]) -> list[ListedModel]:
    """Return OpenAI's rows: what the key may call, and what an adapter has no operation for."""
    return [_openai_model(row) for row in sorted(rows, key=lambda row: str(row["id"]))]


def _openai_model(row: Row) -> ListedModel:
    name = str(row["id"])
    if other := next((does for part, does in _OTHER_KINDS.items() if part in name), None):
        why_not = f"it {other}, for which an adapter has no operation"
        return ListedModel(name, can_invoke=False, why_not=why_not, detail=_said(row))
    operation: Operation = "embed" if "embedding" in name else "chat"
    return ListedModel(name, operations=(operation,), can_invoke=True, detail=_said(row))


def _said(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("owned_by", "created", "max_model_len") if row.get(name) is not None}


# --- Azure -------------------------------------------------------------------------------------------------------


async def azure_lists(endpoint: str, authorizer: Authorizer, context: Context) -> Sequence[ModelList]:
    """Return a resource's deployments, which are what is called, and the models that could be deployed."""
    found = []
    for source, version, read in (
        ("deployments", AZURE_DEPLOYMENTS_VERSION, _deployment),
        ("models", AZURE_MODELS_VERSION, _azure_model),
    ):
        url = f"{endpoint}/openai/{source}?api-version={version}"
        try:
            rows = await rows_of(url, {}, authorizer, context)
            found.append(ModelList(source, [read(row) for row in rows]))
        except DragomanError as error:
            found.append(ModelList(source, failure=error))
    return found


def _deployment(row: Row) -> ListedModel:
    state = row.get("status")
    ready = state in (None, "succeeded")
    base = {"base_model": row["model"]} if isinstance(row.get("model"), str) else {}
    operations: tuple[Operation, ...] = ("embed",) if "embedding" in str(row.get("model")) else ("chat",)
    return ListedModel(
        row["id"], row.get("model"), "deployment", operations, ready, None if ready else f"it is {state}", base,
        {"model": row.get("model"), "status": state},
    )  # fmt: skip


def _azure_model(row: Row) -> ListedModel:
    abilities = row.get("capabilities") or {}
    names: tuple[tuple[str, Operation], ...] = (("chat_completion", "chat"), ("embeddings", "embed"))
    operations = tuple(operation for name, operation in names if abilities.get(name))
    why_not = "it is called by the name of a deployment of it"
    detail = {"lifecycle": row.get("lifecycle_status"), "status": row.get("status")}
    return ListedModel(row["id"], None, "model", operations, False, why_not, detail=detail)
