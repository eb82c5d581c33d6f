"""Live lists of models, read from a server on loopback."""

from __future__ import annotations

import pytest
from dragoman import Engine, Settings
from dragoman.testing.upstream import Reply, Upstream

CANARY = "sk-canary-8c1f52d0"


@pytest.fixture
def upstream():
    with Upstream() as server:
        yield server


@pytest.fixture
async def engine(monkeypatch):
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.setenv(name, CANARY)
    async with Engine(Settings(plugins={"allow": ["openai"]})) as engine:
        yield engine


def openai(upstream):
    return {"provider": "openai", "model": "m", "connection": {"base_url": f"{upstream.url}/v1", "project": "p-1"}}


async def test_openai_says_which_models_an_adapter_has_an_operation_for(engine, upstream):
    names = ("gpt-5-mini", "text-embedding-3-small", "whisper-1", "gpt-image-1")
    upstream.answer(Reply.json({"object": "list", "data": [{"id": n, "owned_by": "openai"} for n in names]}))
    (listed,) = await engine.models([openai(upstream)])
    (found,) = listed.lists
    rows = {row.id: row for row in found.models}
    assert (rows["gpt-5-mini"].operations, rows["gpt-5-mini"].can_invoke) == (("chat",), True)
    assert rows["whisper-1"].why_not == "it writes down speech, for which an adapter has no operation"
    assert rows["gpt-image-1"].can_invoke is False
    (asked,) = upstream.received
    assert (asked.method, asked.target) == ("GET", "/v1/models")
    assert (asked.headers["authorization"], asked.headers["openai-project"]) == (f"Bearer {CANARY}", "p-1")
    written = listed.adapter_for(rows["text-embedding-3-small"], "vectors")
    assert (await engine.resolve(written)).target.operation == "embed"


async def test_a_refused_list_is_the_servers_own_error(engine, upstream):
    body = {"error": {"message": f"Incorrect API key provided: {CANARY}", "code": "invalid_api_key"}}
    upstream.answer(Reply.json(body, 401))
    (listed,) = await engine.models([openai(upstream)])
    failure = listed.lists[0].failure
    assert failure.code == "authentication"
    assert CANARY not in str(failure)


@pytest.mark.parametrize("reply", [Reply.json({"models": []}), Reply.text("<html>"), Reply.json({"data": [{"x": 1}]})])
async def test_what_is_no_list_is_refused(engine, upstream, reply):
    upstream.answer(reply)
    (listed,) = await engine.models([openai(upstream)])
    assert "the list of models is not the protocol's" in str(listed.lists[0].failure)


async def test_a_compatible_server_serves_what_it_lists(engine, upstream):
    upstream.answer(Reply.json({"data": [{"id": "Qwen/Qwen3-8B", "owned_by": "vllm", "max_model_len": 40960}]}))
    connection = {"server": "vllm", "base_url": f"{upstream.url}/v1"}
    (listed,) = await engine.models([{"provider": "openai-compatible", "model": "m", "connection": connection}])
    (row,) = listed.lists[0].models
    assert (row.id, row.can_invoke, row.detail["max_model_len"]) == ("Qwen/Qwen3-8B", True, 40960)
    assert listed.adapter_for(row, "q")["connection"]["server"] == "vllm"


async def test_azures_deployments_are_what_is_called_and_its_models_are_not(engine, upstream):
    deployments = [
        {"id": "my-gpt", "model": "gpt-4o-mini", "status": "succeeded"},
        {"id": "my-new", "model": "gpt-4o", "status": "creating"},
    ]
    models = [
        {"id": "gpt-4o-mini", "lifecycle_status": "generally-available", "capabilities": {"chat_completion": True}}
    ]
    upstream.answer(
        lambda r: Reply.json({"data": deployments if r.target.startswith("/openai/deployments") else models})
    )
    (listed,) = await engine.models(
        [{"provider": "azure-openai", "model": "m", "connection": {"endpoint": upstream.url}}]
    )
    found = {one.source: {row.id: row for row in one.models} for one in listed.lists}
    assert found["deployments"]["my-gpt"].can_invoke is True
    assert found["deployments"]["my-new"].why_not == "it is creating"
    assert found["models"]["gpt-4o-mini"].why_not == "it is called by the name of a deployment of it"
    assert listed.adapter_for(found["deployments"]["my-gpt"], "g")["base_model"] == "gpt-4o-mini"
    assert all(r.headers["api-key"] == CANARY for r in upstream.received)


async def test_azure_where_deployments_cannot_be_listed_still_lists_models(engine, upstream):
    upstream.answer(
        lambda r: (
            Reply.json({"error": {"message": "no"}}, 404) if "deployments" in r.target else Reply.json({"data": []})
        )
    )
    (listed,) = await engine.models(
        [{"provider": "azure-openai", "model": "m", "connection": {"endpoint": upstream.url}}]
    )
    assert [(one.source, one.failure is None) for one in listed.lists] == [("deployments", False), ("models", True)]


async def test_azure_without_a_resource_says_what_is_missing(engine):
    (listed,) = await engine.models(provider="azure-openai")
    assert "connection.endpoint" in str(listed.lists[0].failure)
    assert "--adapter NAME" in str(listed.lists[0].failure)


async def test_the_check_names_the_model_that_is_not_there(engine, upstream):
    refusal = {"error": {"message": "The model `m` does not exist", "code": "model_not_found"}}
    upstream.answer(Reply.json(refusal, 404))
    steps = [step async for step in engine.check(openai(upstream))]
    assert (steps[-1].name, steps[-1].state) == ("call", "failed")
    assert steps[-1].hint == "check the adapter's model, and that the key may use it"
    assert CANARY not in repr(steps)
