"""Which models a key can call: Cohere's ``GET /v1/models``, of which there is no v2 (recorded in 2024 and 2025)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args
from urllib.parse import urlencode

import orjson
from dragoman.adapter import Operation
from dragoman.errors import ProtocolError
from dragoman.plugin import Authorizer, Context, Limits, ListedModel, ModelList, WireRequest

from dragoman_cohere.connection import CohereConnection
from dragoman_cohere.errors import error_of

#: Of one page, the most that Cohere takes (docs.cohere.com/reference/list-models, November 2026).
PAGE_SIZE = 1000

_LIMITS = Limits(connect_timeout_s=10, first_byte_timeout_s=30, chunk_timeout_s=30)


async def list_models(connection: CohereConnection, authorizer: Authorizer, context: Context) -> Sequence[ModelList]:
    """Return all pages of the list."""
    models: list[ListedModel] = []
    token: str | None = None
    while True:
        query = {"page_size": PAGE_SIZE, **({"page_token": token} if token else {})}
        request = WireRequest(
            "GET", f"{connection.base_url}/v1/models?{urlencode(query)}", {"Accept": "application/json"}
        )
        reply = await context.send(authorizer.sign(request, await context.credentials(authorizer)), _LIMITS)
        if not 200 <= reply.status < 300:
            raise error_of(reply)
        try:
            page = orjson.loads(reply.body)
            models += [_row(row) for row in page["models"]]
            token = page.get("next_page_token")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise ProtocolError("the list of models is not Cohere's: models with names are expected") from None
        if not token:
            return [ModelList("models", models)]


def _row(row: Mapping[str, Any]) -> ListedModel:
    endpoints = row.get("endpoints") or []
    operations: tuple[Operation, ...] = tuple(name for name in get_args(Operation) if name in endpoints)
    why_not = None if operations else f"it is for {', '.join(endpoints) or 'nothing'}, which no adapter calls"
    detail = {
        "context_length": row.get("context_length"),
        "finetuned": row.get("finetuned"),
        "features": row.get("features"),
        "deprecated": row.get("is_deprecated"),
    }
    return ListedModel(
        row["name"], operations=operations, can_invoke=bool(operations), why_not=why_not,
        detail={name: value for name, value in detail.items() if value is not None},
    )  # fmt: skip
