"""The codecs for texts on InvokeModel: by the rows of a family, or by an adapter's mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from dragoman.errors import ProtocolError, ProviderError, UnsupportedError
from dragoman.events import EmbedResponse, Report, RerankResponse, Usage
from dragoman.plugin import (
    CallSettings,
    EmbedCodec,
    EmbedPayload,
    EmbedRequest,
    RerankCodec,
    RerankPayload,
    RerankRequest,
    WireReply,
    WireRequest,
)

from dragoman_aws.bedrock.address import model_url
from dragoman_aws.bedrock.converse.settings import filled, leaves, merge
from dragoman_aws.bedrock.embed_families import TEXTS, EmbedFamily, Template
from dragoman_aws.bedrock.errors import REQUEST_ID_HEADER, error_of
from dragoman_aws.bedrock.invoke.envelope import add_endpoint_kwargs, latency_of, usage_of_headers
from dragoman_aws.bedrock.texts.vectors import READERS

JSON = "application/json"

R = TypeVar("R", EmbedResponse, RerankResponse)


class Invocation:
    """What every codec for texts on InvokeModel shares: where the model is, and what comes around its answers.

    Args:
        endpoint: Address of bedrock-runtime, without a path.
        model: Anything that can be invoked; it goes into the path whole.
        who: The identity that calls, for errors.
    """

    def __init__(self, endpoint: str, model: str, *, who: str) -> None:
        self.model = model
        self._url = f"{model_url(endpoint, model)}/invoke"
        self._who = who

    def request(
        self, body: bytes, settings: CallSettings[Any], *, content_type: str = JSON, accept: str = JSON
    ) -> WireRequest:
        """Return the request with its headers and those of the call's own arguments."""
        headers = {"Content-Type": content_type, "Accept": accept}
        add_endpoint_kwargs(headers, settings.endpoint_kwargs)
        return WireRequest("POST", self._url, headers, body)

    def enclosed(self, response: R, reply: WireReply) -> R:
        """Return the answer with what its headers say."""
        response.request_id = reply.headers.get(REQUEST_ID_HEADER) or response.request_id
        response.extra = {**response.extra, **latency_of(reply)}
        if (usage := usage_of_headers(reply.headers)) is not None:
            response.usage = usage._replace(total_tokens=usage.total_tokens or usage.input_tokens)
        return response

    def error(self, reply: WireReply) -> ProviderError:
        """Return the error of a reply outside 2xx."""
        return error_of(reply, self._who)


class MappedEmbedCodec(EmbedCodec):
    """Embeddings through an adapter's mapping."""

    def __init__(self, invocation: Invocation, payload: EmbedPayload) -> None:
        self._invocation = invocation
        self._payload = payload
        self.max_texts = payload.max_texts

    def encode(self, request: EmbedRequest) -> WireRequest:
        payload, invocation = self._payload, self._invocation
        body = payload.encode(request, invocation.model)
        return invocation.request(body, request.settings, content_type=payload.content_type, accept=payload.accept)

    def decode(self, request: EmbedRequest, reply: WireReply) -> EmbedResponse:
        return self._invocation.enclosed(self._payload.decode(reply.body, request), reply)

    def error(self, reply: WireReply) -> ProviderError:
        return self._invocation.error(reply)


class MappedRerankCodec(RerankCodec):
    """Rankings through an adapter's mapping."""

    def __init__(self, invocation: Invocation, payload: RerankPayload) -> None:
        self._invocation = invocation
        self._payload = payload

    def encode(self, request: RerankRequest) -> WireRequest:
        payload, invocation = self._payload, self._invocation
        body = payload.encode(request, invocation.model)
        return invocation.request(body, request.settings, content_type=payload.content_type, accept=payload.accept)

    def decode(self, request: RerankRequest, reply: WireReply) -> RerankResponse:
        return self._invocation.enclosed(self._payload.decode(reply.body, request), reply)

    def error(self, reply: WireReply) -> ProviderError:
        return self._invocation.error(reply)


class FamilyEmbedCodec(EmbedCodec):
    """Embeddings by the rows of a family.

    Args:
        invocation: The model.
        name: The family's, for errors.
        family: Its row.
    """

    def __init__(self, invocation: Invocation, name: str, family: EmbedFamily) -> None:
        self._invocation = invocation
        self._name = name
        self._family = family
        self.max_texts = family.max_texts
        templates = (family.body, *family.settings.values())
        self._written = frozenset(path for template in templates for path, _ in leaves(template))

    def encode(self, request: EmbedRequest) -> WireRequest:
        family = self._family
        texts = request.texts[0] if family.max_texts == 1 else list(request.texts)
        body = _placed(family.body, texts)
        for setting, value in {**family.defaults, **self._settings(request)}.items():
            merge(body, filled(self._template(setting), value))
        self._add_model_kwargs(body, request.settings.model_kwargs)
        return self._invocation.request(orjson.dumps(body), request.settings)

    def decode(self, request: EmbedRequest, reply: WireReply) -> EmbedResponse:
        answer = orjson.loads(reply.body)
        if not isinstance(answer, dict):
            raise ProtocolError("the answer is no JSON object")
        vectors, encodings = READERS[self._family.answer](answer)
        response = EmbedResponse(vectors, response_id=answer.get("id"), encodings=encodings)
        if isinstance(tokens := answer.get("inputTextTokenCount"), int):
            response.usage = Usage(tokens, None, tokens, source="provider")
        response.reports = self._reports(request)
        return self._invocation.enclosed(response, reply)

    def error(self, reply: WireReply) -> ProviderError:
        return self._invocation.error(reply)

    # --- settings

    def _settings(self, request: EmbedRequest) -> dict[str, Any]:
        """Return every setting that is set, and the purpose of the texts where the family has a word for it."""
        inference = request.settings.inference
        given = {name: value for name, value in inference.__dict__.items() if value is not None}
        given |= inference.model_extra or {}
        given.pop("configuration", None)  # expanded when the adapter was resolved
        if self._family.purposes:
            given.setdefault("input_type", self._family.purposes[request.purpose or "document"])
        return given

    def _template(self, setting: str) -> Template:
        template = self._family.settings.get(setting)
        if template is None:
            known = ", ".join(self._family.settings) or "no settings"
            path = f"inference.{setting}"
            raise UnsupportedError(f"the family {self._name} has no place for it", path=path, hint=f"it takes {known}")
        return template

    def _add_model_kwargs(self, body: dict[str, Any], model_kwargs: Mapping[str, Any]) -> None:
        for path, _ in leaves(model_kwargs):
            if any(path[: len(known)] == known or known[: len(path)] == path for known in self._written):
                dotted = ".".join(path)
                raise UnsupportedError("is written by the adapter's own settings", path=f"model_kwargs.{dotted}")
        merge(body, model_kwargs)

    def _reports(self, request: EmbedRequest) -> tuple[Report, ...]:
        unsaid = request.purpose is None and request.settings.inference.input_type is None
        if not (unsaid and self._family.purposes):
            return ()
        word = self._family.purposes["document"]
        text = f"nothing says what the texts are for, so they were embedded as documents: {word}"
        return (Report("input_type_assumed", text, "inference.input_type"),)


def _placed(template: Any, texts: Any) -> Any:
    if isinstance(template, Mapping):
        return {name: _placed(inner, texts) for name, inner in template.items()}
    return texts if template == TEXTS else template
