"""The LangChain door for embeddings: texts go as texts, nothing is downloaded, no variable takes part."""

from __future__ import annotations

import pytest
from dragoman.errors import UnsupportedError

pytest.importorskip("langchain_openai", reason="dragoman-openai[langchain] is not installed")

EVIL = "evil-secret-of-the-environment"
TEXTS = ["one", "two", "three"]


@pytest.fixture(autouse=True)
def hostile_environment(monkeypatch, unused_tcp_port):
    """Set every variable that could redirect a call, replace a key or fetch a vocabulary."""
    elsewhere = f"http://127.0.0.1:{unused_tcp_port}"
    for name in (
        "OPENAI_API_BASE", "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "OPENAI_PROXY", "HTTP_PROXY", "HTTPS_PROXY",
        "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "LANGSMITH_GATEWAY_URL",
    ):  # fmt: skip
        monkeypatch.setenv(name, elsewhere)
    for name in ("OPENAI_ORG_ID", "OPENAI_ORGANIZATION", "AZURE_OPENAI_AD_TOKEN", "LANGSMITH_API_KEY"):
        monkeypatch.setenv(name, EVIL)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"Authorization: Bearer {EVIL}\nX-Evil: {EVIL}")
    monkeypatch.setenv("OPENAI_API_VERSION", "1999-01-01")
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def documents(adapter, origin):
    embed = {**adapter, "operation": "embed", "model": "text-embedding-ada-002"}
    azure = {**embed, "provider": "azure-openai"}
    compatible = {**embed, "provider": "openai-compatible"}
    return {
        "openai": embed,
        "azure v1": {**azure, "connection": {"endpoint": origin}},
        "azure dated": {**azure, "connection": {"endpoint": origin, "api_version": "2024-10-21"}},
        "compatible": {**compatible, "connection": {"server": "vllm", "base_url": f"{origin}/v1"}},
        "with a key": {**compatible, "credentials": {"api_key": "SERVER_KEY"}},
    }


CASES = {
    "openai": ("OpenAIEmbeddings", "authorization", "Bearer "),
    "azure v1": ("OpenAIEmbeddings", "api-key", ""),
    "azure dated": ("AzureOpenAIEmbeddings", "api-key", ""),
    "compatible": ("OpenAIEmbeddings", None, ""),
    "with a key": ("OpenAIEmbeddings", "authorization", "Bearer "),
}


def answer(*vectors):
    data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3}}


@pytest.mark.parametrize("way", ["async", "sync"])
@pytest.mark.parametrize("case", CASES)
async def test_the_same_texts_are_sent_and_the_same_vectors_read(engine, adapter, upstream, canary, answers, case, way):
    name, header, prefix = CASES[case]
    document = documents(adapter, upstream.origin)[case]
    upstream.script = [answers.of(answer([0.5, 1.0], [0.25, 2.0], [0.125, 3.0]))]
    ours = await engine.embed(document, TEXTS, dimensions=2, user="u")
    model = await engine.langchain_model({**document, "inference": {"dimensions": 2, "user": "u"}})
    assert type(model).__name__ == name
    if way == "async":
        theirs = await model.aembed_documents(TEXTS)
    else:
        theirs = await engine.run_blocking(model.embed_documents, TEXTS)
    assert theirs == ours.vectors
    native, received = upstream.requests
    assert received.path == native.path
    assert received.query == native.query
    assert {**received.json, "model": None, "encoding_format": None} == {
        **native.json, "model": None, "encoding_format": None,
    }  # fmt: skip
    assert received.json["input"] == TEXTS
    assert EVIL not in repr(received)
    signed = {k: v for k, v in received.headers.items() if canary in v or k in ("authorization", "api-key")}
    assert signed == ({header: prefix + canary} if header else {})


async def test_base64_is_read_as_numbers(engine, adapter, upstream, answers):
    upstream.script = [answers.of(answer("AAAAPwAAgD8="))]
    model = await engine.langchain_model(documents(adapter, upstream.origin)["openai"])
    assert await model.aembed_query("one") == [0.5, 1.0]
    assert upstream.last.json["encoding_format"] == "base64"


async def test_texts_go_in_requests_of_the_adapters_size(engine, adapter, upstream, answers):
    upstream.script = [answers.of(answer([1.0], [2.0])), answers.of(answer([3.0]))]
    document = documents(adapter, upstream.origin)["openai"]
    model = await engine.langchain_model({**document, "limits": {"max_batch_size": 2}})
    assert await model.aembed_documents(TEXTS) == [[1.0], [2.0], [3.0]]
    assert [request.json["input"] for request in upstream.requests] == [TEXTS[:2], TEXTS[2:]]


async def test_the_class_holds_no_key(engine, adapter, upstream, canary):
    model = await engine.langchain_model(documents(adapter, upstream.origin)["openai"])
    assert canary not in repr(vars(model))


async def test_what_has_no_place_is_refused(engine, adapter, upstream):
    document = documents(adapter, upstream.origin)["openai"]
    with pytest.raises(UnsupportedError, match=r"inference\.truncate"):
        await engine.langchain_model({**document, "inference": {"truncate": "END"}})
    compatible = {"provider": "openai-compatible", "model": "m", "operation": "rerank"}
    with pytest.raises(UnsupportedError, match="no LangChain class for rerank"):
        await engine.langchain_model({**compatible, "connection": {"server": "vllm"}})
    with pytest.raises(UnsupportedError, match="documents no operation embed"):
        await engine.langchain_model({**compatible, "operation": "embed", "connection": {"server": "groq"}})
