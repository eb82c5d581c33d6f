"""The codec for servers that rank documents beside the protocol; what differs between them is data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import orjson
from dragoman.errors import ProviderError, UnsupportedError
from dragoman.events import Ranked, RerankResponse
from dragoman.plugin import RerankCodec, RerankRequest, WireReply, WireRequest

from dragoman_openai.codec.decode import broken
from dragoman_openai.codec.dialect import RerankDialect, RerankShape
from dragoman_openai.codec.endpoint import Endpoint, json_request
from dragoman_openai.codec.errors import error_in_answer, error_of, request_id_of
from dragoman_openai.codec.parameters import merge_model_kwargs
from dragoman_openai.codec.vocabulary import usage_of

#: Read in November 2026. jina: https://api.jina.ai/redoc, "Re-rank API" of vLLM's page on its OpenAI-compatible
#: server, llama.cpp's tools/server/README.md. tei: the OpenAPI document of Text Embeddings Inference.
SHAPES: Mapping[RerankShape, RerankDialect] = {
    "jina": RerankDialect(
        "this server", documents="documents", top_n="top_n", model=True, results="results", score="relevance_score"
    ),
    "tei": RerankDialect("this server", documents="texts", top_n=None, model=False, results=None, score="score"),
}

_ANSWER_MEMBERS = frozenset({"object", "model", "usage", "id"})


class DocumentRanking(RerankCodec):
    """Pure functions between a query with documents and a server's JSON."""

    def __init__(self, endpoint: Endpoint, dialect: RerankDialect) -> None:
        self.endpoint = endpoint
        self.dialect = dialect
        self.max_documents = dialect.max_documents
        self._places = {"model": "model", "query": "the call's query", dialect.documents: "the call's documents"}
        if dialect.top_n is not None:
            self._places[dialect.top_n] = "the call's top_n"

    def encode(self, request: RerankRequest) -> WireRequest:
        dialect = self.dialect
        _refuse_settings(request, dialect)
        body: dict[str, Any] = {"model": self.endpoint.model} if dialect.model else {}
        body |= {"query": request.query, dialect.documents: list(request.documents)}
        if dialect.top_n is not None and request.top_n is not None:
            body[dialect.top_n] = request.top_n
        merge_model_kwargs(body, request.settings.model_kwargs, self._places)
        return json_request(self.endpoint, body, request.settings.endpoint_kwargs)

    def decode(self, request: RerankRequest, reply: WireReply) -> RerankResponse:
        answer = _answer_of(reply)
        if isinstance(answer, dict) and answer.get("error"):
            raise error_in_answer(answer, reply)
        members = answer if isinstance(answer, dict) else {}
        results = self._results(answer, reply)
        results.sort(key=lambda ranked: (-ranked.score, ranked.index))
        kept = {*_ANSWER_MEMBERS, self.dialect.results}
        return RerankResponse(
            results=results[: request.top_n],
            usage=usage_of(members.get("usage")),
            model=members.get("model") or None,
            response_id=members.get("id") or None,
            request_id=request_id_of(reply),
            extra={name: value for name, value in members.items() if name not in kept and value is not None},
        )

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply)

    def _results(self, answer: Any, reply: WireReply) -> list[Ranked]:
        name = self.dialect.results
        found = answer if name is None else answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise broken(reply, "the answer has no list of scored documents")
        return [self._ranked(item, reply) for item in found]

    def _ranked(self, item: Any, reply: WireReply) -> Ranked:
        members = item if isinstance(item, dict) else {}
        index, score = members.get("index"), members.get(self.dialect.score)
        if type(index) is not int or not isinstance(score, int | float):
            raise broken(reply, f"a scored document has no index or no {self.dialect.score}")
        return Ranked(index, float(score))


def _answer_of(reply: WireReply) -> Any:
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        kind = reply.headers.get("content-type", "no content type")
        raise broken(reply, f"the answer is not JSON ({kind})") from None


def _refuse_settings(request: RerankRequest, dialect: RerankDialect) -> None:
    inference = request.settings.inference
    if inference.max_tokens_per_document is not None:
        _refuse(dialect, "inference.max_tokens_per_document")
    for name in inference.model_extra or ():
        _refuse(dialect, f"inference.{name}")


def _refuse(dialect: RerankDialect, path: str) -> NoReturn:
    raise UnsupportedError(f"{dialect.name} does not take it", path=path, hint="a body member goes into model_kwargs")
