"""How to test the provider, which sends nothing; `dragoman plugins check local` reads it."""

from __future__ import annotations

from dragoman.testing import ProviderCase

CHAT = ProviderCase(
    kind="local",
    document={"model": "ngram"},
    supports={
        "temperature", "top_p", "top_k", "max_tokens", "stop_sequences", "seed", "presence_penalty",
        "frequency_penalty", "json_object", "json_schema", "system", "tools", "tool_required", "tool_named",
        "tool_results",
    },
)  # fmt: skip

EMBED = ProviderCase(
    kind="local",
    document={"operation": "embed", "model": "hashing"},
    supports={"dimensions", "normalize"},
    values={"dimensions": 64},
)

RERANK = ProviderCase(
    kind="local", document={"operation": "rerank", "model": "hashing"}, supports={"max_tokens_per_document"}
)
