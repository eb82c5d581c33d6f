"""The contract of a provider, kept by the toy model, which sends nothing."""

from __future__ import annotations

import pytest
from dragoman.testing.contract import ProviderCase, ProviderContract


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
