"""The contract of a provider, kept by each of the three."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
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

FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_calls"}

SETTINGS = {
    "temperature", "top_p", "max_tokens", "stop_sequences", "seed", "presence_penalty", "frequency_penalty",
    "reasoning_effort", "json_object", "json_schema",
}  # fmt: skip
MESSAGES = {"system", "images", "image_urls", "documents", "audio", "tool_results"}
TOOLS = {"tools", "tool_required", "tool_named"}
OPENAI = SETTINGS | MESSAGES | TOOLS


def listing(sent: Received) -> Reply | None:
    """Answer what is asked beside calls: the list of models, and Azure's of deployments."""
    path = sent.target.partition("?")[0]
    rows = [{"id": "my-model", "status": "succeeded", "model": "gpt-5", "capabilities": {"chat_completion": True}}]
    return Reply.json({"object": "list", "data": rows}) if path.endswith(("/models", "/deployments")) else None


class ChatWire(Wire):
    """What a server of OpenAI's chat API sends."""

    def whole(self, answer: Answer) -> Reply:
        calls = [self._call(call.id, call.name, call.arguments) for call in answer.tool_calls]
        message = {"role": "assistant", "content": answer.text or None, **({"tool_calls": calls} if calls else {})}
        choice = {"index": 0, "message": message, "finish_reason": FINISH[answer.finish_reason]}
        return Reply.json({"id": "c-1", "object": "chat.completion", "choices": [choice], "usage": self._usage(answer)})

    def streamed(self, answer: Answer) -> Reply:
        deltas: list[dict[str, Any]] = [{"content": piece} for piece in answer.pieces]
        for index, call in enumerate(answer.tool_calls):
            deltas.append({"tool_calls": [{"index": index, **self._call(call.id, call.name, "")}]})
            deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in call.arguments]
        return Reply.sse([*self._before(), *map(self._chunk, deltas), *self._after(answer)], done="[DONE]")

    def error(self, status: int, message: str) -> Reply:
        return Reply.json({"error": {"message": message, "type": "t", "param": None, "code": None}}, status)

    def _before(self) -> Iterable[Any]:
        return [self._chunk({"role": "assistant", "content": ""})]

    def _after(self, answer: Answer) -> Iterable[Any]:
        yield self._chunk({}, FINISH[answer.finish_reason])
        yield {"id": "c-1", "choices": [], "usage": self._usage(answer)}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {"id": "c-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": None}

    def _call(self, id: str, name: str, arguments: str) -> dict[str, Any]:
        return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}

    def _usage(self, answer: Answer) -> dict[str, int]:
        total = answer.input_tokens + answer.output_tokens
        return {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": total,
        }


class AzureWire(ChatWire):
    """Azure's first chunk holds no choice."""

    def _before(self) -> Iterable[Any]:
        yield {"id": "", "choices": [], "created": 0, "model": "", "object": "", "prompt_filter_results": []}
        yield from super()._before()


class TestOpenAI(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        document = {"model": "gpt-4o", "connection": {"base_url": "{upstream}/v1"}}
        return ProviderCase(kind="openai", document=document, wire=ChatWire(), supports=OPENAI, beside=listing)


class TestAzureV1(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        document = {"model": "my-deployment", "connection": {"endpoint": "{upstream}"}}
        return ProviderCase(kind="azure-openai", document=document, wire=AzureWire(), supports=OPENAI, beside=listing)


class TestAzureDated(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        connection = {"endpoint": "{upstream}", "api_version": "2024-10-21"}
        document = {"model": "my-deployment", "connection": connection}
        return ProviderCase(kind="azure-openai", document=document, wire=AzureWire(), supports=OPENAI, beside=listing)


class TestCompatible(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        connection = {"server": "vllm", "base_url": "{upstream}/v1"}
        document = {"model": "m", "connection": connection, "credentials": {"api_key": "VLLM_API_KEY"}}
        supports = OPENAI | {"top_k"}
        return ProviderCase(
            kind="openai-compatible", document=document, wire=ChatWire(), supports=supports, beside=listing
        )


class TestCompatibleWithoutKey(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        document = {"model": "m", "connection": {"base_url": "{upstream}/v1"}}
        return ProviderCase(
            kind="openai-compatible", document=document, wire=ChatWire(), supports=OPENAI, beside=listing
        )


@pytest.mark.skipif(find_spec("langchain_openai") is None, reason="langchain-openai is not installed")
class TestThroughLangChain(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        document = {"model": "gpt-4o", "connection": {"base_url": "{upstream}/v1"}, "runtime": "langchain"}
        return ProviderCase(kind="openai", document=document, wire=ChatWire(), supports=OPENAI, beside=listing)


# --- embeddings --------------------------------------------------------------------------------------------------


class EmbeddingsWire(EmbedWire):
    """What a server of OpenAI's embeddings sends: base64 where it is asked for, else numbers."""

    max_texts = 2048

    def texts(self, sent: Received) -> Sequence[str]:
        texts: list[str] = sent.json()["input"]
        return texts

    def vectors(self, vectors: Sequence[Sequence[float]], input_tokens: int, sent: Received) -> Reply:
        write = _packed if sent.json().get("encoding_format") == "base64" else list
        data = [{"object": "embedding", "index": i, "embedding": write(vector)} for i, vector in enumerate(vectors)]
        usage = {"prompt_tokens": input_tokens, "total_tokens": input_tokens}
        return Reply.json({"object": "list", "data": data, "model": "m", "usage": usage})

    def error(self, status: int, message: str) -> Reply:
        return ChatWire().error(status, message)


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


class TeiEmbeddingsWire(EmbeddingsWire):
    """Text Embeddings Inference takes 32 texts at a time, unless its operator says otherwise."""

    max_texts = 32


EMBEDDINGS = {
    "openai": ("openai", {"base_url": "{upstream}/v1"}, EmbeddingsWire()),
    "azure v1": ("azure-openai", {"endpoint": "{upstream}"}, EmbeddingsWire()),
    "azure dated": ("azure-openai", {"endpoint": "{upstream}", "api_version": "2024-10-21"}, EmbeddingsWire()),
    "compatible": ("openai-compatible", {"base_url": "{upstream}/v1"}, EmbeddingsWire()),
    "tei": ("openai-compatible", {"server": "tei", "base_url": "{upstream}/v1"}, TeiEmbeddingsWire()),
    "openrouter": ("openai-compatible", {"server": "openrouter", "base_url": "{upstream}/v1"}, EmbeddingsWire()),
}


@pytest.mark.parametrize("server", EMBEDDINGS)
class TestEmbeddings(EmbedContract):
    @pytest.fixture
    def case(self, server: str) -> ProviderCase:
        kind, connection, wire = EMBEDDINGS[server]
        document: dict[str, Any] = {"operation": "embed", "model": "m", "connection": connection}
        if kind == "openai-compatible":
            document["credentials"] = {"api_key": "SERVER_KEY"}
        supports = {"dimensions", "input_type"} if server == "openrouter" else {"dimensions"}
        return ProviderCase(kind=kind, document=document, wire=wire, supports=supports, beside=listing)


# --- ranking -----------------------------------------------------------------------------------------------------


class JinaWire(RerankWire):
    """What Jina, vLLM and llama.cpp send."""

    max_documents = 2048

    def documents(self, sent: Received) -> Sequence[str]:
        documents: list[str] = sent.json()["documents"]
        return documents

    def ranking(self, ranked: Sequence[Ranked], sent: Received) -> Reply:
        results = [{"index": r.index, "relevance_score": r.score} for r in ranked]
        return Reply.json({"model": "m", "results": results, "usage": {"prompt_tokens": 7, "total_tokens": 7}})


class TeiWire(RerankWire):
    """What Text Embeddings Inference sends."""

    max_documents = 32

    def documents(self, sent: Received) -> Sequence[str]:
        documents: list[str] = sent.json()["texts"]
        return documents

    def ranking(self, ranked: Sequence[Ranked], sent: Received) -> Reply:
        return Reply.json([{"index": r.index, "score": r.score} for r in ranked])

    def error(self, status: int, message: str) -> Reply:
        return Reply.json({"error": message, "error_type": "Backend"}, status)


RANKINGS = {"vllm": JinaWire(), "llama-cpp": JinaWire(), "jina": JinaWire(), "tei": TeiWire()}


@pytest.mark.parametrize("server", RANKINGS)
class TestRanking(RerankContract):
    @pytest.fixture
    def case(self, server: str) -> ProviderCase:
        return ProviderCase(
            kind="openai-compatible",
            document={
                "operation": "rerank",
                "model": "m",
                "connection": {"server": server, "base_url": "{upstream}/v1"},
                "credentials": {"api_key": "SERVER_KEY"},
            },
            wire=RANKINGS[server],
            reports_usage=server != "tei",
            beside=listing,
        )
