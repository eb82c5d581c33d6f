"""The contracts of embeddings and rankings, kept by Bedrock's families and by Rerank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from dragoman.events import Ranked
from dragoman.testing.contract import (
    EmbedContract,
    EmbedWire,
    ProviderCase,
    Received,
    Reply,
    RerankContract,
    RerankWire,
)

from ..control_planes import BESIDE, URLS, beside  # noqa: TID252  (the tests are no package that could be installed)
from ..edge import error  # noqa: TID252  (the tests are no package that could be installed)
from .test_contract import TYPES

CONNECTION = {"region": "us-east-1", **URLS, **BESIDE, "auth": {"kind": "aws_keys"}}


class BedrockEmbedWire(EmbedWire):
    """What Bedrock sends around an embedding model's answer."""

    def error(self, status: int, message: str) -> Reply:
        return error(TYPES.get(status, "UnknownException"), message, status)

    def around(self, answer: dict[str, Any], input_tokens: int) -> Reply:
        return Reply.json(answer, x_amzn_bedrock_input_token_count=str(input_tokens))


class CohereWire(BedrockEmbedWire):
    max_texts = 96

    def texts(self, sent: Received) -> Sequence[str]:
        texts: list[str] = sent.json()["texts"]
        return texts

    def vectors(self, vectors: Sequence[Sequence[float]], input_tokens: int, sent: Received) -> Reply:
        return self.around({"id": "e-1", "embeddings": {"float": vectors}}, input_tokens)


class TitanWire(BedrockEmbedWire):
    max_texts = 1

    def texts(self, sent: Received) -> Sequence[str]:
        return [sent.json()["inputText"]]

    def vectors(self, vectors: Sequence[Sequence[float]], input_tokens: int, sent: Received) -> Reply:
        return self.around({"embedding": vectors[0] if len(vectors) == 1 else None}, input_tokens)


class NovaWire(BedrockEmbedWire):
    max_texts = 1

    def texts(self, sent: Received) -> Sequence[str]:
        return [sent.json()["singleEmbeddingParams"]["text"]["value"]]

    def vectors(self, vectors: Sequence[Sequence[float]], input_tokens: int, sent: Received) -> Reply:
        found = [{"embeddingType": "TEXT", "embedding": vector} for vector in vectors]
        return self.around({"embeddings": found}, input_tokens)


def case_of(wire: EmbedWire, base_model: str, supports: set[str], **values: Any) -> ProviderCase:
    """Return the case of a model behind a profile."""
    model = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc"
    document = {"operation": "embed", "model": model, "base_model": base_model, "connection": CONNECTION}
    return ProviderCase(kind="bedrock", document=document, wire=wire, supports=supports, values=values, beside=beside)


class TestCohere(EmbedContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        supports = {"dimensions", "input_type", "truncate", "encodings", "purpose"}
        return case_of(CohereWire(), "cohere.embed-v4:0", supports, truncate="END", input_type="clustering")


class TestTitan(EmbedContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        return case_of(TitanWire(), "amazon.titan-embed-text-v2:0", {"dimensions", "normalize", "encodings"})


class TestNova(EmbedContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        supports = {"dimensions", "input_type", "truncate", "purpose"}
        return case_of(
            NovaWire(),
            "amazon.nova-2-multimodal-embeddings-v1:0",
            supports,
            truncate="END",
            input_type="CLASSIFICATION",
        )


class AgentsWire(RerankWire):
    """What bedrock-agent-runtime sends."""

    max_documents = 1000

    def documents(self, sent: Received) -> Sequence[str]:
        return [source["inlineDocumentSource"]["textDocument"]["text"] for source in sent.json()["sources"]]

    def ranking(self, ranked: Sequence[Ranked], sent: Received) -> Reply:
        count = sent.json()["rerankingConfiguration"]["bedrockRerankingConfiguration"]["numberOfResults"]
        return Reply.json({"results": [{"index": r.index, "relevanceScore": r.score} for r in ranked[:count]]})

    def error(self, status: int, message: str) -> Reply:
        return error(TYPES.get(status, "UnknownException"), message, status)


class TestRerank(RerankContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        document = {"operation": "rerank", "model": "cohere.rerank-v3-5:0", "connection": CONNECTION}
        return ProviderCase(
            kind="bedrock",
            document=document,
            wire=AgentsWire(),
            beside=beside,
            reports_usage=False,
            model_kwargs_in="rerankingConfiguration.bedrockRerankingConfiguration.modelConfiguration"
            ".additionalModelRequestFields",
        )
