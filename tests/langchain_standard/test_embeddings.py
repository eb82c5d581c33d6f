"""LangChain's standard tests of embeddings, for the face on each provider that embeds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import pytest

pytest.importorskip("langchain_tests", reason="langchain-tests is not installed")

from dragoman import Engine, Settings, SyncEngine
from dragoman.langchain import DragomanEmbeddings
from dragoman.testing.upstream import Received, Reply, Upstream
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests


def _vector(text: str) -> list[float]:
    return [float(len(text)), 0.25, -0.5]


def _openai(request: Received) -> Reply:
    asked = request.json()
    texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
    data = [{"object": "embedding", "index": i, "embedding": _vector(text)} for i, text in enumerate(texts)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return Reply.json({"object": "list", "data": data, "model": "e-1", "usage": usage})


def _cohere(request: Received) -> Reply:
    texts = request.json()["texts"]
    meta = {"billed_units": {"input_tokens": 5}}
    return Reply.json({"id": "1", "embeddings": {"float": [_vector(t) for t in texts]}, "texts": texts, "meta": meta})


def _titan(request: Received) -> Reply:
    return Reply.json({"embedding": _vector(request.json()["inputText"]), "inputTextTokenCount": 5})


class Row(NamedTuple):
    """One provider: the members of its adapter for an address, and what answers there."""

    name: str
    members: Callable[[str], dict[str, Any]]
    answer: Callable[[Received], Reply] | None
    secrets: tuple[str, ...] = ()


def _bedrock_members(url: str) -> dict[str, Any]:
    connection = {"region": "us-east-1", "endpoint_url": url, "auth": {"kind": "aws_keys"}}
    model = "amazon.titan-embed-text-v2:0"
    return {"provider": "bedrock", "model": model, "base_model": model, "connection": connection}


def _http_members(url: str) -> dict[str, Any]:
    connection = {"url": f"{url}/v1/embeddings"}
    return {"provider": "http", "model": "e-1", "connection": connection, "mapping": {"preset": "openai-embeddings"}}


ROWS = (
    Row("Local", lambda _: {"provider": "local", "model": "hashing"}, None),
    Row(
        "OpenAI",
        lambda url: {"provider": "openai", "model": "e-1", "connection": {"base_url": f"{url}/v1"}},
        _openai,
        ("OPENAI_API_KEY",),
    ),
    Row(
        "AzureOpenAI",
        lambda url: {"provider": "azure-openai", "model": "e-1", "connection": {"endpoint": url}},
        _openai,
        ("AZURE_OPENAI_API_KEY",),
    ),
    Row(
        "OpenAICompatible",
        lambda url: {"provider": "openai-compatible", "model": "e-1", "connection": {"base_url": f"{url}/v1"}},
        _openai,
    ),
    Row("Bedrock", _bedrock_members, _titan, ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
    Row(
        "Cohere",
        lambda url: {"provider": "cohere", "model": "e-1", "connection": {"base_url": url}},
        _cohere,
        ("COHERE_API_KEY",),
    ),
    Row("Http", _http_members, _openai),
)


class Face:
    """The face's embeddings, on one provider."""

    row: ClassVar[Row]
    url: ClassVar[str] = ""
    engine: ClassVar[SyncEngine]

    @property
    def embeddings_class(self) -> type[DragomanEmbeddings]:
        return DragomanEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        limits = {"max_attempts": 1, "timeout_s": 30}
        return {
            "adapter": {"operation": "embed", "limits": limits, **self.row.members(self.url)},
            "engine": self.engine,
        }

    @pytest.fixture(autouse=True)
    def _secrets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in self.row.secrets:
            monkeypatch.setenv(name, "a-secret-of-the-tests")

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _upstream(cls) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            if cls.row.answer is not None:
                upstream = stack.enter_context(Upstream())
                upstream.answer(cls.row.answer)
                cls.url = upstream.url
            cls.engine = stack.enter_context(SyncEngine(Engine(Settings())))
            yield


for _row in ROWS:
    for _kind, _suite in (("Unit", EmbeddingsUnitTests), ("Integration", EmbeddingsIntegrationTests)):
        _name = f"Test{_row.name}Embeddings{_kind}"
        globals()[_name] = type(_name, (Face, _suite), {"row": _row, "__module__": __name__})
del EmbeddingsIntegrationTests, EmbeddingsUnitTests
