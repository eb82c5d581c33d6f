"""The codec of Cohere's rerank, v2 of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.errors import ProviderError
from dragoman.events import Ranked, RerankResponse
from dragoman.plugin import RerankCodec, RerankRequest, WireReply, WireRequest

from dragoman_cohere.codec.texts import Meta, refuse_unknown
from dragoman_cohere.errors import error_of
from dragoman_cohere.wire import Endpoint, Wire, broken, merge_model_kwargs, post, read_answer, request_id_of

#: Setting -> body member that takes its value as it is.
SAME_VALUE: Mapping[str, str] = {"max_tokens_per_document": "max_tokens_per_doc", "priority": "priority"}
WRITTEN_MEMBERS: Mapping[str, str] = {
    **{member: f"inference.{name}" for name, member in SAME_VALUE.items()},
    "model": "model",
    "query": "the call's query",
    "documents": "the call's documents",
    "top_n": "the call's top_n",
}

ANSWER_MEMBERS = frozenset({"id", "results", "meta"})


class CohereRerankCodec(RerankCodec):
    """Pure functions between documents and the JSON of ``POST /v2/rerank``.

    At most 1,000 documents: the API's reference (2026) recommends no more. Their scores do not depend on each other,
    so that the results of several requests can stand in one order.
    """

    max_documents = 1000

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def encode(self, request: RerankRequest) -> WireRequest:
        settings = request.settings
        inference: Any = settings.inference
        refuse_unknown(inference, SAME_VALUE)
        body: Wire = {"model": self.endpoint.model, "query": request.query, "documents": list(request.documents)}
        if request.top_n is not None:
            body["top_n"] = request.top_n
        for name, member in SAME_VALUE.items():
            if (value := getattr(inference, name, None)) is not None:
                body[member] = value
        merge_model_kwargs(body, settings.model_kwargs, WRITTEN_MEMBERS)
        return post(self.endpoint, body, settings.endpoint_kwargs)

    def decode(self, request: RerankRequest, reply: WireReply) -> RerankResponse:
        answer = read_answer(reply)
        results = answer.get("results")
        if not isinstance(results, list):
            raise broken(reply, "the answer has no results")
        count = len(request.documents)
        ranked = [Ranked(result["index"], float(result["relevance_score"])) for result in results]
        if not all(0 <= one.index < count for one in ranked):
            raise broken(reply, f"the answer ranks a document that is none of the {count}")
        usage, warnings = Meta.of(answer.get("meta"))
        return RerankResponse(
            results=ranked,
            usage=usage,
            response_id=answer.get("id") or None,
            request_id=request_id_of(reply),
            reports=warnings,
            extra={name: value for name, value in answer.items() if name not in ANSWER_MEMBERS and value},
        )

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply)
