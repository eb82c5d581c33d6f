"""The contract of a provider, kept by servers that presets describe, for each of the three operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from dragoman.events import Ranked
from dragoman.testing.contract import (
    Answer,
    EmbedContract,
    EmbedWire,
    ProviderCase,
    ProviderContract,
    Received,
    Reply,
    RerankContract,
    RerankWire,
    Wire,
)


class CompletionsWire(Wire):
    """A server that speaks chat completions."""

    def whole(self, answer: Answer) -> Reply:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
        if answer.tool_calls:
            message["tool_calls"] = [self._call(call, index) for index, call in enumerate(answer.tool_calls)]
        choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason}
        return Reply.json({"id": "a", "choices": [choice], "usage": self._usage(answer)})

    def streamed(self, answer: Answer) -> Reply:
        chunks = [self._chunk({"content": piece}) for piece in answer.pieces]
        for index, call in enumerate(answer.tool_calls):
            chunks.append(self._chunk({"tool_calls": [{**self._call(call, index), "function": {"name": call.name}}]}))
            chunks += [
                self._chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
                for piece in call.arguments
            ]
        chunks += [self._chunk({}, answer.finish_reason), {"choices": [], "usage": self._usage(answer)}]
        return Reply.sse(chunks, done="[DONE]")

    def _chunk(self, delta: Any, finish: str | None = None) -> dict[str, Any]:
        return {"choices": [{"delta": delta, "finish_reason": finish}]}

    def _call(self, call: Any, index: int) -> dict[str, Any]:
        function = {"name": call.name, "arguments": call.arguments}
        return {"index": index, "id": call.id, "type": "function", "function": function}

    def _usage(self, answer: Answer) -> dict[str, int]:
        return {"prompt_tokens": answer.input_tokens, "completion_tokens": answer.output_tokens}


class TestHttp(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        return ProviderCase(
            kind="http",
            document={
                "model": "m-1",
                "connection": {"url": "{upstream}/v1/chat/completions", "auth": {"kind": "bearer"}},
                "credentials": {"api_key": "THE_SECRET"},
                "mapping": {"preset": "openai-chat"},
            },
            wire=CompletionsWire(),
            supports={
                *("temperature", "top_p", "top_k", "max_tokens", "stop_sequences", "seed", "presence_penalty"),
                *("frequency_penalty", "reasoning_effort", "json_object", "json_schema", "system", "images"),
                *("image_urls", "documents", "audio", "tools", "tool_required", "tool_named", "tool_results"),
            },
        )


class EmbeddingsWire(EmbedWire):
    """A server that speaks OpenAI's embeddings."""

    def texts(self, sent: Received) -> Sequence[str]:
        texts: list[str] = sent.json()["input"]
        return texts

    def vectors(self, vectors: Sequence[Sequence[float]], input_tokens: int, sent: Received) -> Reply:
        data = [{"index": index, "embedding": list(vector)} for index, vector in enumerate(vectors)]
        return Reply.json({"data": data, "model": "m-1", "usage": {"prompt_tokens": input_tokens}})


class TestEmbeddings(EmbedContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        return ProviderCase(
            kind="http",
            document={
                "operation": "embed",
                "model": "m-1",
                "connection": {"url": "{upstream}/v1/embeddings", "auth": {"kind": "header", "name": "X-Api-Key"}},
                "credentials": {"api_key": "THE_SECRET"},
                "mapping": {"preset": "openai-embeddings"},
            },
            wire=EmbeddingsWire(),
            supports={"dimensions"},
        )


class InferenceWire(RerankWire):
    """A server that speaks Text Embeddings Inference's rerank."""

    def documents(self, sent: Received) -> Sequence[str]:
        texts: list[str] = sent.json()["texts"]
        return texts

    def ranking(self, ranked: Sequence[Ranked], sent: Received) -> Reply:
        return Reply.json([{"index": one.index, "score": one.score} for one in ranked])


class TestRanking(RerankContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        return ProviderCase(
            kind="http",
            document={
                "operation": "rerank",
                "model": "m-1",
                "connection": {"url": "{upstream}/rerank", "auth": {"kind": "basic", "username": "me"}},
                "credentials": {"password": "THE_SECRET"},
                "mapping": {"preset": "tei-rerank"},
            },
            wire=InferenceWire(),
            reports_usage=False,
        )
