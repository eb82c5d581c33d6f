"""The codec of Rerank, an operation of bedrock-agent-runtime.

Members and limits: its service model, botocore 1.44.5 (2026-11). No call of it was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from dragoman.errors import ProtocolError, ProviderError, UnsupportedError
from dragoman.events import Ranked, RerankResponse
from dragoman.plugin import RerankCodec, RerankRequest, WireReply, WireRequest

from dragoman_aws.bedrock.converse.call import checked_headers, refuse_argument
from dragoman_aws.bedrock.errors import REQUEST_ID_HEADER, error_of

Wire = dict[str, Any]

MAX_DOCUMENTS = 1000

#: What Rerank writes, or makes for the model.
_WRITTEN = frozenset({"queries", "sources", "rerankingConfiguration", "nextToken", "query", "documents", "top_n"})


class BedrockRerankCodec(RerankCodec):
    """Pure functions between rankings and Rerank's JSON.

    Args:
        endpoint: Address of bedrock-agent-runtime, without a path.
        model_arn: ARN of the model that ranks.
        who: The identity that calls, for errors.
    """

    max_documents = MAX_DOCUMENTS

    def __init__(self, endpoint: str, model_arn: str, *, who: str) -> None:
        self._url = f"{endpoint}/rerank"
        self._model_arn = model_arn
        self._who = who

    def encode(self, request: RerankRequest) -> WireRequest:
        return self._request(request, None)

    def next_page(self, request: RerankRequest, reply: WireReply) -> WireRequest | None:
        token = orjson.loads(reply.body).get("nextToken")
        return None if token is None else self._request(request, token)

    def decode(self, request: RerankRequest, reply: WireReply) -> RerankResponse:
        answer = orjson.loads(reply.body)
        found = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise ProtocolError("the answer has no results")
        ranked = [Ranked(one["index"], float(one["relevanceScore"])) for one in found]
        ranked.sort(key=lambda one: (-one.score, one.index))
        return RerankResponse(ranked, request_id=reply.headers.get(REQUEST_ID_HEADER))

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply, self._who)

    def _request(self, request: RerankRequest, token: str | None) -> WireRequest:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        for name, value in request.settings.endpoint_kwargs.items():
            if name != "headers":
                refuse_argument("is not known", name, "there are headers")
            headers.update(checked_headers(value))
        return WireRequest("POST", self._url, headers, orjson.dumps(self._body(request, token)))

    def _body(self, request: RerankRequest, token: str | None) -> Wire:
        settings = request.settings
        if settings.inference.max_tokens_per_document is not None:
            hint = "a member of the model's own goes into model_kwargs"
            raise UnsupportedError("Rerank does not take it", path="inference.max_tokens_per_document", hint=hint)
        model: Wire = {"modelArn": self._model_arn}
        if settings.model_kwargs:
            _refuse_written(settings.model_kwargs)
            model["additionalModelRequestFields"] = dict(settings.model_kwargs)
        count = len(request.documents) if request.top_n is None else min(request.top_n, len(request.documents))
        body: Wire = {
            "queries": [{"type": "TEXT", "textQuery": {"text": request.query}}],
            "rerankingConfiguration": {
                "type": "BEDROCK_RERANKING_MODEL",
                "bedrockRerankingConfiguration": {"modelConfiguration": model, "numberOfResults": count},
            },
            "sources": [
                {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}}
                for text in request.documents
            ],
        }
        return body if token is None else {**body, "nextToken": token}


def _refuse_written(model_kwargs: Mapping[str, Any]) -> None:
    for name in model_kwargs:
        if name in _WRITTEN:
            raise UnsupportedError("is written by the call itself", path=f"model_kwargs.{name}")
