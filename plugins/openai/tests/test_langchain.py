"""The LangChain door: explicit in everything, whatever the environment says."""

from __future__ import annotations

import json
import sys

import pytest
from dragoman.errors import UnsupportedError

pytest.importorskip("langchain_openai", reason="dragoman-openai[langchain] is not installed")

EVIL = "evil-secret-of-the-environment"


@pytest.fixture
def hostile_environment(monkeypatch, free_port_origin):
    """Set every variable that could redirect a call or replace a key."""
    for name in (
        "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_ORGANIZATION", "OPENAI_PROJECT_ID", "OPENAI_WEBHOOK_SECRET",
        "AZURE_OPENAI_AD_TOKEN", "LANGSMITH_API_KEY", "LANGSMITH_GATEWAY_API_KEY", "AZURE_CLIENT_ID",
        "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST",
    ):  # fmt: skip
        monkeypatch.setenv(name, EVIL)
    for name in (
        "OPENAI_API_BASE", "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "OPENAI_PROXY", "HTTP_PROXY", "HTTPS_PROXY",
        "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "LANGSMITH_GATEWAY_URL", "LANGSMITH_ENDPOINT",
    ):  # fmt: skip
        monkeypatch.setenv(name, free_port_origin)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"Authorization: Bearer {EVIL}\nX-Evil: {EVIL}\napi-key: {EVIL}")
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    monkeypatch.setenv("OPENAI_API_VERSION", "1999-01-01")
    monkeypatch.setenv("OPENAI_API_TYPE", "amazon-bedrock")
    monkeypatch.setenv("LC_OUTPUT_VERSION", "v1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def free_port_origin(unused_tcp_port):
    return f"http://127.0.0.1:{unused_tcp_port}"


def documents(adapter, origin):
    azure = {**adapter, "provider": "azure-openai", "model": "dep 1"}
    compatible = {**adapter, "provider": "openai-compatible"}
    return {
        "openai": adapter,
        "azure v1": {**azure, "connection": {"endpoint": origin}},
        "azure dated": {**azure, "connection": {"endpoint": origin, "api_version": "2024-10-21"}},
        "compatible with a key": {
            **compatible,
            "connection": {"server": "vllm", "base_url": f"{origin}/v1"},
            "credentials": {"api_key": "SERVER_KEY"},
        },
        "compatible without": {**compatible, "connection": {"server": "vllm", "base_url": f"{origin}/v1"}},
        "own header": {
            **compatible,
            "connection": {"base_url": f"{origin}/v1", "auth": {"kind": "api_key", "header": "X-Key"}},
            "credentials": {"api_key": "SERVER_KEY"},
        },
    }


EXPECTED = {
    "openai": ("ChatOpenAI", "/v1/chat/completions", "authorization", "Bearer "),
    "azure v1": ("ChatOpenAI", "/openai/v1/chat/completions", "api-key", ""),
    "azure dated": ("AzureChatOpenAI", "/openai/deployments/dep%201/chat/completions", "api-key", ""),
    "compatible with a key": ("ChatOpenAI", "/v1/chat/completions", "authorization", "Bearer "),
    "compatible without": ("ChatOpenAI", "/v1/chat/completions", None, ""),
    "own header": ("ChatOpenAI", "/v1/chat/completions", "x-key", ""),
}


@pytest.mark.parametrize("way", ["ainvoke", "astream", "invoke"])
@pytest.mark.parametrize("case", EXPECTED)
async def test_no_variable_redirects_a_call_or_replaces_a_key(
    hostile_environment, engine, adapter, upstream, canary, answers, chunk, case, way
):
    name, path, header, prefix = EXPECTED[case]
    model = await engine.langchain_model(documents(adapter, upstream.origin)[case])
    assert type(model).__name__ == name
    if way == "astream":
        upstream.script = [answers.sse([chunk({"content": "hello"}), chunk({}, "stop"), "[DONE]"])]
        text = "".join([piece.text async for piece in model.astream("hi")])
    elif way == "ainvoke":
        text = (await model.ainvoke("hi")).text
    else:
        text = (await engine.run_blocking(model.invoke, "hi")).text
    assert text == "hello"
    received = upstream.last
    assert received.path == path
    assert EVIL not in repr(received)
    sent = {k: v for k, v in received.headers.items() if canary in v or k in ("authorization", "api-key", "x-key")}
    assert sent == ({header: prefix + canary} if header else {})
    assert not {"openai-organization", "openai-project", "x-evil"} & received.headers.keys()
    assert received.query == ({"api-version": "2024-10-21"} if case == "azure dated" else {})


async def test_the_class_holds_no_key(engine, adapter, canary):
    from langchain_core.load import dumps

    model = await engine.langchain_model(adapter)
    assert canary not in dumps(model)
    assert canary not in repr(model)
    assert canary not in repr(vars(model))


async def test_what_the_adapter_says_is_sent(engine, adapter, upstream):
    document = {
        **adapter,
        "model": "gpt-5-mini",
        "connection": {**adapter["connection"], "organization": "org-1", "project": "proj-1"},
        "inference": {
            "temperature": 0.3, "top_p": 0.5, "max_tokens": 9, "stop_sequences": ["X"], "seed": 1, "user": "u",
            "reasoning": {"effort": "low"}, "response_format": {"type": "json_object"}, "prompt_cache_key": "k",
        },
        "model_kwargs": {"odd": {"a": 1}},
        "endpoint_kwargs": {"headers": {"X-Team": "a"}, "query": {"q": "1"}},
    }  # fmt: skip
    model = await engine.langchain_model(document)
    await model.ainvoke("hi")
    theirs = upstream.last
    await engine.chat(document, "hi")
    ours = upstream.last
    assert {k: v for k, v in theirs.json.items() if k != "stream"} == ours.json
    for name in ("openai-organization", "openai-project", "x-team"):
        assert theirs.headers[name] == ours.headers[name]
    assert theirs.query == ours.query == {"q": "1"}


@pytest.mark.parametrize("name", ["o1-mini", "gpt-5", "gpt-5-codex", "gpt-5-pro"])
async def test_no_models_name_changes_what_is_sent(engine, adapter, upstream, name):
    model = await engine.langchain_model({**adapter, "model": name})
    await model.ainvoke("hi")
    assert upstream.last.path == "/v1/chat/completions"
    assert "temperature" not in upstream.last.json


async def test_a_call_may_still_say_more(engine, adapter, upstream):
    model = await engine.langchain_model({**adapter, "inference": {"temperature": 0.3, "stop_sequences": ["X"]}})
    await model.ainvoke("hi", temperature=1, stop=["Y"])
    assert (upstream.last.json["temperature"], upstream.last.json["stop"]) == (1, ["Y"])


async def test_a_failure_is_not_tried_again_by_the_class(engine, adapter, upstream, answers):
    upstream.script = [answers.of({"error": {"message": "m"}}, 500)]
    model = await engine.langchain_model(adapter)
    with pytest.raises(Exception, match="m"):
        await model.ainvoke("hi")
    assert len(upstream.requests) == 1


async def test_a_redirect_is_not_followed(engine, adapter, upstream, answers):
    upstream.script = [answers(307, b"", {"location": f"{upstream.origin}/elsewhere"})]
    model = await engine.langchain_model(adapter)
    with pytest.raises(Exception, match="307"):
        await model.ainvoke("hi")
    assert [r.path for r in upstream.requests] == ["/v1/chat/completions"]


async def test_parallel_tool_calls_belong_to_the_tools(engine, adapter):
    with pytest.raises(UnsupportedError, match="bind_tools"):
        await engine.langchain_model({**adapter, "inference": {"parallel_tool_calls": False}})


@pytest.mark.parametrize("way", ["ainvoke", "invoke"])
async def test_an_entra_token_is_fetched_and_kept(
    hostile_environment, engine, adapter, upstream, answers, chat_answer, monkeypatch, way
):
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "client-secret-canary")
    auth = {"kind": "entra_client_secret", "tenant_id": "t", "client_id": "c", "authority": upstream.origin}
    document = {**adapter, "provider": "azure-openai", "connection": {"endpoint": upstream.origin, "auth": auth}}
    upstream.script = [answers.of({"access_token": "token-1", "expires_in": 3600}), answers.of(chat_answer())]
    model = await engine.langchain_model(document)
    for _ in range(2):
        await (model.ainvoke("hi") if way == "ainvoke" else engine.run_blocking(model.invoke, "hi"))
    asked, *calls = upstream.requests
    assert asked.path == "/t/oauth2/v2.0/token"
    assert [c.headers["authorization"] for c in calls] == ["Bearer token-1"] * 2
    assert "api-key" not in calls[0].headers


async def test_a_missing_package_says_what_to_install(engine, adapter, monkeypatch):

    monkeypatch.setitem(sys.modules, "langchain_openai", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'dragoman-openai\[langchain\]'"):
        await engine.langchain_model(adapter)


async def test_the_runtime_langchain_answers_as_the_codec_does(engine, adapter, upstream, answers):
    ours = await engine.chat(adapter, "hi")
    theirs = await engine.chat({**adapter, "runtime": "langchain"}, "hi")
    assert (theirs.text, theirs.finish_reason, theirs.usage[:3]) == (ours.text, ours.finish_reason, ours.usage[:3])
    assert json.loads(upstream.requests[0].body)["messages"] == json.loads(upstream.requests[1].body)["messages"]
