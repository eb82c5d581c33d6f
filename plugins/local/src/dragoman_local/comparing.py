"""The sessions that compare texts by the hashing embedding: operation embed, and operation rerank by its cosine."""

from __future__ import annotations

import json
from typing import Any

from dragoman.errors import InvalidRequestError, UnsupportedError
from dragoman.events import EmbedResponse, Ranked, Report, RerankResponse, Usage
from dragoman.plugin import CallSettings, Context, EmbedRequest, RerankRequest, Session, WireRequest

from dragoman_local.hashing import VERSION, cosine, is_blank, vector
from dragoman_local.plugin import DEFAULT_DIMENSIONS, HASHING_MODEL, KIND
from dragoman_local.tokens import count, pieces

_TOY = Report("toy_embedding", "a toy that hashes words and groups of letters: it compares spelling, not meaning")
_EXTRA = {"algorithm": "hashed words and groups of three letters", "algorithm_version": VERSION}


class EmbedSession(Session):
    """Embeds in this process, off the event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        """Return a vector for each text; one without any letter or sign has none."""
        return await self._context.run_blocking(embedded, request)

    async def dry_run(self, request: EmbedRequest) -> WireRequest:
        """Return what the model is given. There is no wire: the address only says who is called."""
        _refuse_settings(request.settings, _EMBED_SETTINGS)
        return _described(request.settings, texts=list(request.texts))


class RerankSession(Session):
    """Ranks in this process, off the event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def rerank(self, request: RerankRequest) -> RerankResponse:
        """Return the documents by the cosine of their vectors with the query's, from -1 to 1."""
        return await self._context.run_blocking(ranked, request)

    async def dry_run(self, request: RerankRequest) -> WireRequest:
        """Return what the model is given; see :meth:`EmbedSession.dry_run`."""
        _refuse_settings(request.settings, _RERANK_SETTINGS)
        return _described(request.settings, query=request.query, documents=list(request.documents), top_n=request.top_n)


def embedded(request: EmbedRequest) -> EmbedResponse:
    """Return the answer to a request; computes, and does nothing else."""
    _refuse_settings(request.settings, _EMBED_SETTINGS)
    inference = request.settings.inference
    dimensions = inference.dimensions or DEFAULT_DIMENSIONS
    normalize = inference.normalize is not False
    blank = {index for index, text in enumerate(request.texts) if is_blank(text)}
    return EmbedResponse(
        vectors=[
            None if index in blank else vector(text, dimensions, normalize=normalize)
            for index, text in enumerate(request.texts)
        ],
        usage=_usage(request.texts),
        model=HASHING_MODEL,
        failures={index: _nothing_to_hash() for index in sorted(blank)},
        reports=(_TOY,),
        extra=dict(_EXTRA),
    )


def ranked(request: RerankRequest) -> RerankResponse:
    """Return the ranking that a request asks for; computes, and does nothing else."""
    _refuse_settings(request.settings, _RERANK_SETTINGS)
    if is_blank(request.query):
        raise _nothing_to_hash("the query")
    limit = request.settings.inference.max_tokens_per_document
    documents = [text if limit is None else "".join(pieces(text)[:limit]) for text in request.documents]
    wanted = vector(request.query, DEFAULT_DIMENSIONS)
    scores = [cosine(wanted, vector(document, DEFAULT_DIMENSIONS)) for document in documents]
    best = sorted((Ranked(index, score) for index, score in enumerate(scores)), key=lambda r: (-r.score, r.index))
    return RerankResponse(
        results=best[: request.top_n],
        usage=_usage([request.query, *documents]),
        model=HASHING_MODEL,
        reports=(_TOY,),
        extra=dict(_EXTRA),
    )


def _usage(texts: Any) -> Usage:
    size = sum(count(text) for text in texts)
    return Usage(input_tokens=size, output_tokens=0, total_tokens=size, source="provider")


def _nothing_to_hash(what: str = "the text") -> InvalidRequestError:
    return InvalidRequestError(f"{what} is blank: there is nothing to hash", hint="leave it out")


_EMBED_SETTINGS = frozenset({"configuration", "dimensions", "normalize"})
_RERANK_SETTINGS = frozenset({"configuration", "max_tokens_per_document"})


def _refuse_settings(settings: CallSettings[Any], taken: frozenset[str]) -> None:
    inference = settings.inference
    for name in (*type(inference).model_fields, *(inference.model_extra or ())):
        if name not in taken and getattr(inference, name) is not None:
            raise UnsupportedError("the model does not take it", path=f"inference.{name}", hint="remove it with null")
    for member in ("model_kwargs", "endpoint_kwargs"):
        for name in getattr(settings, member):
            raise UnsupportedError("the model takes no such member", path=f"{member}.{name}")


def _described(settings: CallSettings[Any], **given: Any) -> WireRequest:
    inference = settings.inference.model_dump(mode="json", exclude_none=True)
    body = {name: value for name, value in {**given, "inference": inference}.items() if value is not None}
    return WireRequest("CALL", f"{KIND}:{HASHING_MODEL}", {}, json.dumps(body).encode())
