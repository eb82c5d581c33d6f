"""Embeddings and reranking: requests taken apart, answers put together."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from dragoman.engine import Engine
from dragoman.events import EmbedResponse, RerankResponse
from dragoman.gateway_settings import RoleName
from dragoman.server.doors.asked import Asked, Take, as_it_is, asked_for, take_fields
from dragoman.server.doors.chat_answer import aside_object
from dragoman.server.refusals import Refusal

_EMBED_OWN = frozenset({"model", "input", "encoding_format", "purpose", "dragoman"})
_EMBED_SETTINGS: Mapping[str, tuple[str, Take]] = {
    name: (name, as_it_is) for name in ("dimensions", "input_type", "truncate", "normalize")
}
_RERANK_OWN = frozenset({"model", "query", "documents", "top_n", "return_documents", "dragoman"})
_RERANK_SETTINGS: Mapping[str, tuple[str, Take]] = {
    "max_tokens_per_doc": ("max_tokens_per_document", as_it_is),
    "max_tokens_per_document": ("max_tokens_per_document", as_it_is),
}


async def read_embed(
    engine: Engine, body: Mapping[str, Any], deployment: str | None
) -> tuple[Asked, Sequence[str], str]:
    """Return what is asked, the texts, and how vectors are to be written: ``float`` or ``base64``."""
    asked = await asked_for(engine, body, deployment)
    take_fields(body, _EMBED_OWN, _EMBED_SETTINGS, asked)
    texts = body.get("input")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        what = "input must be a text or a list of texts; lists of token numbers mean nothing to most models"
        raise Refusal(400, "invalid_input", what, param="input")
    written = body.get("encoding_format") or "float"
    if written not in ("float", "base64"):
        raise Refusal(400, "invalid_request", "encoding_format is float or base64", param="encoding_format")
    if body.get("purpose") not in (None, "document", "query"):
        raise Refusal(400, "invalid_request", "purpose is document or query", param="purpose")
    return asked, texts, written


def embed_answer(response: EmbedResponse, *, model: str, role: RoleName, written: str) -> dict[str, Any]:
    """Return the answer's body; every text must have its vector."""
    as_base64 = written == "base64"
    data = [
        {"object": "embedding", "index": place, "embedding": _packed(vector) if as_base64 else vector}
        for place, vector in enumerate(response.vectors)
    ]
    usage = response.usage
    read = usage.input_tokens or 0
    answer: dict[str, Any] = {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": read, "total_tokens": usage.total_tokens or read},
    }
    if aside := aside_object(response.reports, usage, response.extra, role):
        answer["dragoman"] = aside
    return answer


def _packed(vector: Sequence[float] | None) -> str:
    """Return a vector as OpenAI packs it: 32-bit floats, little-endian."""
    packed = array("f", vector or ())
    return base64.b64encode(packed.tobytes()).decode()


async def read_rerank(
    engine: Engine, body: Mapping[str, Any], deployment: str | None
) -> tuple[Asked, str, Sequence[str], int | None]:
    """Return what is asked, the query, the documents, and how many results are wanted."""
    asked = await asked_for(engine, body, deployment)
    take_fields(body, _RERANK_OWN, _RERANK_SETTINGS, asked)
    query, top_n = body.get("query"), body.get("top_n")
    if not isinstance(query, str) or not query:
        raise Refusal(400, "invalid_input", "query must be a text", param="query")
    documents = body.get("documents")
    texts = [_document_text(found) for found in documents] if isinstance(documents, list) else []
    if not texts:
        raise Refusal(400, "invalid_input", "documents must be a list of texts", param="documents")
    if top_n is not None and (not isinstance(top_n, int) or isinstance(top_n, bool) or top_n < 1):
        raise Refusal(400, "invalid_input", "top_n must be a whole number from 1 on", param="top_n")
    return asked, query, texts, top_n


def _document_text(document: Any) -> str:
    text = document.get("text") if isinstance(document, dict) else document
    if not isinstance(text, str):
        raise Refusal(400, "invalid_input", "a document is a text, or an object with its text", param="documents")
    return text


def rerank_answer(
    response: RerankResponse, documents: Sequence[str] | None, *, id: str, model: str, role: RoleName
) -> dict[str, Any]:
    """Return the answer's body, in the shape that Cohere and Jina share; ``documents`` are sent back where given."""
    results: list[dict[str, Any]] = []
    for ranked in response.results:
        result: dict[str, Any] = {"index": ranked.index, "relevance_score": ranked.score}
        if documents is not None:
            result["document"] = {"text": documents[ranked.index]}
        results.append(result)
    usage = response.usage
    answer: dict[str, Any] = {"id": id, "object": "list", "model": model, "results": results}
    if usage.input_tokens is not None:
        answer["usage"] = {
            "prompt_tokens": usage.input_tokens,
            "total_tokens": usage.total_tokens or usage.input_tokens,
        }
    if aside := aside_object(response.reports, usage, response.extra, role):
        answer["dragoman"] = aside
    return answer
