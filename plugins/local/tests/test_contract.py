"""The contract of a provider, kept by the toy model, which sends nothing."""

from __future__ import annotations

import pytest
from dragoman.testing.contract import EmbedContract, ProviderCase, ProviderContract, RerankContract


class TestContract(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        return ProviderCase(
            kind="local",
            document={"model": "ngram"},
            supports={
                "temperature", "top_p", "top_k", "max_tokens", "stop_sequences", "seed", "presence_penalty",
                "frequency_penalty", "json_object", "json_schema", "system", "tools", "tool_required", "tool_named",
                "tool_results",
            },
        )  # fmt: skip


class TestEmbedding(EmbedContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        document = {"operation": "embed", "model": "hashing"}
        return ProviderCase(kind="local", document=document, supports={"dimensions", "normalize"})


class TestRanking(RerankContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        document = {"operation": "rerank", "model": "hashing"}
        return ProviderCase(kind="local", document=document, supports={"max_tokens_per_document"})
