"""``CohereEmbeddings`` and ``CohereRerank`` without their silent gaps.

langchain-cohere 0.6.0 embeds through the API's first version, where the length of a vector cannot be chosen, and tries
three times with waits of its own; its rerank cannot be configured with ``max_tokens_per_doc``, and returns three
documents unless told otherwise. So these subclasses take every setting of an adapter and speak v2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from dragoman.plugin import CallSettings, EmbedRequest, RerankRequest, Target
from langchain_cohere import CohereEmbeddings, CohereRerank
from langchain_core.documents import Document
from pydantic import Field, SecretStr, model_validator

from dragoman_cohere.codec.embed import INPUT_TYPES, CohereEmbedCodec
from dragoman_cohere.codec.rerank import CohereRerankCodec
from dragoman_cohere.langchain import PLACEHOLDER, Clients
from dragoman_cohere.wire import Endpoint


def build(target: Target, settings: CallSettings[Any], clients: Clients) -> Any:
    """Return the embeddings or the rerank of an adapter."""
    endpoint = Endpoint("", target.model)
    if target.operation == "embed":
        request = CohereEmbedCodec(endpoint).encode(EmbedRequest((), _without_address(settings), "document"))
        body = _settings_of(request.body, ("model", "texts"))
        named = settings.inference.input_type
        return AdapterCohereEmbeddings(
            model=target.model,
            client=clients.blocking,
            async_client=clients.asynchronous,
            cohere_api_key=SecretStr(PLACEHOLDER),
            base_url=target.connection.base_url,
            input_types={purpose: named or word for purpose, word in INPUT_TYPES.items()},
            call_settings={name: value for name, value in body.items() if name != "input_type"},
            call_options=dict(clients.options),
        )
    ranking = CohereRerankCodec(endpoint).encode(RerankRequest("", (), _without_address(settings)))
    return AdapterCohereRerank(
        model=target.model,
        client=clients.ranking,
        cohere_api_key=SecretStr(PLACEHOLDER),
        base_url=target.connection.base_url,
        top_n=None,
        call_settings=_settings_of(ranking.body, ("model", "query", "documents")),
        call_options=dict(clients.options),
    )


def _without_address(settings: CallSettings[Any]) -> CallSettings[Any]:
    """Return the settings without what the HTTP client adds."""
    return CallSettings(settings.inference, settings.model_kwargs, {}, settings.limits)


def _settings_of(body: bytes | None, others: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in orjson.loads(body or b"{}").items() if name not in others}


class AdapterCohereEmbeddings(CohereEmbeddings):
    """``CohereEmbeddings`` for an adapter.

    Args:
        input_types: ``document`` and ``query`` -> Cohere's word.
        call_settings: Members of every request's body.
        call_options: The SDK's options of every call.
    """

    input_types: dict[str, str] = Field(default_factory=lambda: dict(INPUT_TYPES))
    call_settings: dict[str, Any] = Field(default_factory=dict)
    call_options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def validate_environment(cls, values: dict[str, Any]) -> Any:
        """Make no client and read no variable: both are given."""
        return values

    def embed(self, texts: list[str], *, input_type: str | None = None) -> list[list[float]]:
        """Return the vectors of any number of texts, in as many calls as that needs."""
        vectors: list[list[float]] = []
        for arguments in self._calls(texts, input_type):
            vectors += self.client.v2.embed(**arguments).embeddings.float_
        return vectors

    async def aembed(self, texts: list[str], *, input_type: str | None = None) -> list[list[float]]:
        """Return the same, without blocking the loop."""
        vectors: list[list[float]] = []
        for arguments in self._calls(texts, input_type):
            vectors += (await self.async_client.v2.embed(**arguments)).embeddings.float_
        return vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.embed(texts, input_type=self.input_types["document"])

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return await self.aembed(texts, input_type=self.input_types["document"])

    def embed_query(self, text: str) -> list[float]:
        return self.embed([text], input_type=self.input_types["query"])[0]

    async def aembed_query(self, text: str) -> list[float]:
        return (await self.aembed([text], input_type=self.input_types["query"]))[0]

    def _calls(self, texts: Sequence[str], input_type: str | None) -> Iterator[dict[str, Any]]:
        size = CohereEmbedCodec.max_texts
        said = {"model": self.model, "input_type": input_type or self.input_types["document"]}
        known, options = _split(self.call_settings, self.call_options, _EMBED_ARGUMENTS)
        for start in range(0, len(texts), size):
            yield {**known, **said, "texts": list(texts[start : start + size]), "request_options": options}


class AdapterCohereRerank(CohereRerank):
    """``CohereRerank`` for an adapter; every document comes back, unless ``top_n`` is set.

    Args:
        call_settings: Members of every request's body.
        call_options: The SDK's options of every call.
    """

    call_settings: dict[str, Any] = Field(default_factory=dict)
    call_options: dict[str, Any] = Field(default_factory=dict)

    def rerank(
        self,
        documents: Sequence[str | Document | dict[Any, Any]],
        query: str,
        *,
        rank_fields: Sequence[str] | None = None,
        model: str | None = None,
        top_n: int | None = -1,
        max_tokens_per_doc: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return ``index`` and ``relevance_score`` of the documents, the most relevant first."""
        if not documents:
            return []
        said = {"max_tokens_per_doc": max_tokens_per_doc, "top_n": self.top_n if top_n == -1 else top_n}
        known, options = _split(self.call_settings, self.call_options, _RERANK_ARGUMENTS)
        answer = self.client.rerank(
            query=query,
            documents=[self._document_to_str(document, rank_fields) for document in documents],
            model=model or self.model,
            **{**known, **{name: value for name, value in said.items() if value is not None}},
            request_options=options,
        )
        return [{"index": one.index, "relevance_score": one.relevance_score} for one in answer.results]


#: What the SDK's calls have an argument for.
_EMBED_ARGUMENTS = frozenset(
    {"input_type", "output_dimension", "embedding_types", "truncate", "max_tokens", "priority"}
)
_RERANK_ARGUMENTS = frozenset({"top_n", "max_tokens_per_doc", "priority"})


def _split(
    settings: Mapping[str, Any], options: Mapping[str, Any], arguments: frozenset[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return arguments of the SDK's call, and its options with the members that it has no argument for."""
    others = {name: value for name, value in settings.items() if name not in arguments}
    known = {name: value for name, value in settings.items() if name in arguments}
    return known, {**options, **({"additional_body_parameters": others} if others else {})}
