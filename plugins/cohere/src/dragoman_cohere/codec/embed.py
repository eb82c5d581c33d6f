"""The codec of Cohere's embeddings, v2 of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.errors import ProviderError
from dragoman.events import EmbedResponse, Report
from dragoman.plugin import EmbedCodec, EmbedRequest, WireReply, WireRequest

from dragoman_cohere.codec.texts import Meta, refuse_unknown
from dragoman_cohere.errors import error_of
from dragoman_cohere.wire import Endpoint, Wire, broken, merge_model_kwargs, post, read_answer, request_id_of

#: What texts are for -> Cohere's word.
INPUT_TYPES: Mapping[str, str] = {"document": "search_document", "query": "search_query"}
_ASSUMED = "search_document"
_ASSUMED_REPORT = Report(
    "input_type_assumed",
    f"Cohere wants to know what texts are for; {_ASSUMED} was sent: give the call a purpose, or set the input_type",
    "inference.input_type",
)

#: Setting -> body member that takes its value as it is.
SAME_VALUE: Mapping[str, str] = {
    "dimensions": "output_dimension",
    "truncate": "truncate",
    "max_tokens": "max_tokens",
    "priority": "priority",
}
_WRITTEN_SETTINGS = {**SAME_VALUE, "input_type": "input_type", "encodings": "embedding_types"}
WRITTEN_MEMBERS: Mapping[str, str] = {
    **{member: f"inference.{name}" for name, member in _WRITTEN_SETTINGS.items()},
    "model": "model",
    "texts": "the call's texts",
}

ANSWER_MEMBERS = frozenset({"id", "embeddings", "meta", "response_type", "texts"})


class CohereEmbedCodec(EmbedCodec):
    """Pure functions between texts and the JSON of ``POST /v2/embed``; at most 96 texts (API reference, 2026)."""

    max_texts = 96

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def encode(self, request: EmbedRequest) -> WireRequest:
        settings = request.settings
        inference: Any = settings.inference
        refuse_unknown(inference, _WRITTEN_SETTINGS)
        body: Wire = {
            "model": self.endpoint.model,
            "texts": list(request.texts),
            "input_type": inference.input_type or INPUT_TYPES.get(request.purpose or "", _ASSUMED),
            # The floats are what every caller reads; other forms come beside them.
            "embedding_types": list(dict.fromkeys(["float", *(inference.encodings or ())])),
            "truncate": "NONE",  # Cohere's own default cuts the end off and says nothing
        }
        for name, member in SAME_VALUE.items():
            if (value := getattr(inference, name, None)) is not None:
                body[member] = value
        merge_model_kwargs(body, settings.model_kwargs, WRITTEN_MEMBERS)
        return post(self.endpoint, body, settings.endpoint_kwargs)

    def decode(self, request: EmbedRequest, reply: WireReply) -> EmbedResponse:
        answer = read_answer(reply)
        forms = answer.get("embeddings")
        if not isinstance(forms, dict) or not isinstance(forms.get("float"), list):
            raise broken(reply, "the answer has no embeddings of type float")
        count = len(request.texts)
        for name, vectors in forms.items():
            if vectors and len(vectors) != count:
                raise broken(reply, f"the answer has {len(vectors)} embeddings of type {name} for {count} texts")
        if len(forms["float"]) != count:
            raise broken(reply, f"the answer has no embeddings for {count} texts")
        usage, warnings = Meta.of(answer.get("meta"))
        return EmbedResponse(
            vectors=forms["float"],
            usage=usage,
            response_id=answer.get("id") or None,
            request_id=request_id_of(reply),
            encodings={name: vectors for name, vectors in forms.items() if name != "float" and vectors},
            reports=(*self._reports(request), *warnings),
            extra={name: value for name, value in answer.items() if name not in ANSWER_MEMBERS and value},
        )

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply)

    def _reports(self, request: EmbedRequest) -> tuple[Report, ...]:
        is_said = request.purpose is not None or request.settings.inference.input_type is not None
        return () if is_said else (_ASSUMED_REPORT,)
