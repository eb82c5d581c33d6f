"""The addresses of Azure's and DIAL's clients."""

import openai
import pytest


@pytest.fixture
def gateway(serve):
    return serve()


@pytest.fixture
def azure(gateway):
    with openai.AzureOpenAI(
        azure_endpoint=gateway.url, api_key=gateway.key(), api_version="2024-10-21", max_retries=0
    ) as client:
        yield client


def test_chat_and_stream_by_deployment(azure):
    ask = [{"role": "user", "content": "hello there"}]
    assert azure.chat.completions.create(model="model", messages=ask).choices[0].message.content == "hello there "
    pieces = azure.chat.completions.create(model="model", messages=ask, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in pieces) == "hello there "


def test_embeddings_by_deployment(azure):
    assert azure.embeddings.create(model="vectors", input="ab").data[0].embedding == [2.0, 0.5]


def test_the_address_wins_over_the_body(gateway):
    body = {"model": "nope", "messages": [{"role": "user", "content": "!model"}]}
    with gateway.client(**{"api-key": gateway.key()}) as client:
        answer = client.post("/openai/deployments/other/chat/completions?api-version=2023-05-15", json=body)
        alias = client.post("/openai/deployments/a/b/chat/completions", json=body)
    assert answer.json()["choices"][0]["message"]["content"] == "m-2"
    assert alias.json()["model"] == "model"


def test_models_and_deployments_are_listed(gateway):
    with gateway.client(gateway.key()) as client:
        models = client.get("/openai/models").json()
        deployments = client.get("/openai/deployments?api-version=2023-05-15").json()
        one = client.get("/openai/deployments/model").json()
        missing = client.get("/openai/deployments/nope")
    assert [m["id"] for m in models["data"]] == ["model", "other", "ranks", "vectors"]
    assert [d["id"] for d in deployments["data"]] == ["model", "other", "ranks", "vectors"]
    assert one["object"] == "deployment"
    assert missing.status_code == 404
