"""The contract of a provider, kept by the toy model and the hashing embedding, which send nothing."""

from __future__ import annotations

import pytest
from dragoman.testing.contract import EmbedContract, ProviderCase, ProviderContract, RerankContract
from dragoman_local.cases import CHAT, EMBED, RERANK


class TestChat(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        return CHAT


class TestEmbed(EmbedContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        return EMBED


class TestRerank(RerankContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        return RERANK
