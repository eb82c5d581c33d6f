from __future__ import annotations

import pytest
from dragoman.errors import DocumentError, UnsupportedError
from dragoman_openai.connection import AzureConnection, CompatibleConnection, OpenAIConnection
from dragoman_openai.provider import CompatibleProvider
from dragoman_openai.servers import SERVERS
from pydantic import ValidationError


@pytest.mark.parametrize(
    "address",
    [
        "api.openai.com/v1",
        "ftp://h/v1",
        "https://",
        "https://user:hunter2@h/v1",
        "https://h/v1?api-version=1",
        "https://h/v1#x",
        "file:///etc/passwd",
        "",
    ],
)
def test_an_address_that_is_none_is_refused_without_being_quoted(address):
    with pytest.raises(ValidationError) as refused:
        OpenAIConnection(base_url=address)
    assert "hunter2" not in refused.value.errors()[0]["msg"]


@pytest.mark.parametrize("address", ["https://h/v1", "https://h/v1/", " https://h/v1/ "])
def test_slashes_at_the_end_do_not_matter(speak, address):
    assert speak(base_url=address).wire().url == "https://h/v1/chat/completions"


def test_organization_and_project_go_as_headers(speak):
    headers = speak(organization="org-1", project="proj-1").wire().headers
    assert (headers["OpenAI-Organization"], headers["OpenAI-Project"]) == ("org-1", "proj-1")
    assert not {"OpenAI-Organization", "OpenAI-Project"} & speak().wire().headers.keys()


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://r.openai.azure.com",
        "https://r.openai.azure.com/",
        "https://r.openai.azure.com/openai",
        "https://r.openai.azure.com/openai/v1/",
    ],
)
def test_azure_addresses(speak, endpoint):
    v1 = speak("azure-openai", "my deployment/1", endpoint=endpoint)
    assert v1.wire().url == "https://r.openai.azure.com/openai/v1/chat/completions"
    assert v1.body()["model"] == "my deployment/1"
    dated = speak("azure-openai", "my deployment/1", endpoint=endpoint, api_version="2024-10-21")
    path = "/openai/deployments/my%20deployment%2F1/chat/completions?api-version=2024-10-21"
    assert dated.wire().url == f"https://r.openai.azure.com{path}"
    assert "model" not in dated.body()


@pytest.mark.parametrize("version", ["latest", "2024-1-1", "2024-10-21-beta", "2024-10-21&x=1"])
def test_an_api_version_is_a_date(version):
    with pytest.raises(ValidationError):
        AzureConnection(endpoint="https://r", api_version=version)


@pytest.mark.parametrize(
    "auth",
    [
        {"kind": "api_key"},
        {"kind": "bearer"},
        {"kind": "entra_client_secret", "tenant_id": "t", "client_id": "c"},
        {"kind": "entra_workload_identity", "tenant_id": "t", "client_id": "c", "token_file": "/f"},
        {"kind": "entra_token_command", "command": ["az"]},
    ],
)
def test_kinds_of_azure_auth(auth):
    assert AzureConnection(endpoint="https://r", auth=auth).auth.kind == auth["kind"]


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"kind": "guess"},
        {"kind": "entra_client_secret"},
        {"kind": "entra_token_command", "command": []},
        {"kind": "entra_token_command", "command": "az account get-access-token"},
        {"kind": "api_key", "tenant_id": "t"},
    ],
)
def test_auth_that_does_not_hold_is_refused(auth):
    with pytest.raises(ValidationError):
        AzureConnection(endpoint="https://r", auth=auth)


def test_a_compatible_server_needs_an_address():
    with pytest.raises(ValidationError, match="base_url or server is needed"):
        CompatibleConnection()
    with pytest.raises(ValidationError, match="one of vllm"):
        CompatibleConnection(server="no-such-server")


@pytest.mark.parametrize("name", SERVERS)
async def test_every_known_server_is_usable_by_its_name(engine, name):
    row = SERVERS[name]
    document = {"provider": "openai-compatible", "model": "m", "connection": {"server": name}}
    paths = {"chat": "/chat/completions", "embed": "/embeddings", "rerank": "/rerank"}
    asks = {
        "chat": lambda d: engine.dry_run(d, "hi"),
        "embed": lambda d: engine.embed_dry_run(d, "hi"),
        "rerank": lambda d: engine.rerank_dry_run(d, "hi", ["a"]),
    }
    assert row.documentation_url.startswith("https://")
    for operation, ask in asks.items():
        if operation not in row.operations:
            with pytest.raises(UnsupportedError, match=f"documents no operation {operation}"):
                await ask({**document, "operation": operation})
            continue
        shown = await ask({**document, "operation": operation})
        base_url = row.base_url.removesuffix("/v1") if (name, operation) == ("tei", "rerank") else row.base_url
        assert shown.url == f"{base_url}{paths[operation]}"
        assert shown.url.startswith(("http://127.0.0.1:", "https://"))


def test_an_address_wins_over_the_servers_usual_one(speak):
    speaker = speak("openai-compatible", server="vllm", base_url="https://gpu/v1")
    assert speaker.wire().url == "https://gpu/v1/chat/completions"
    assert speaker.body(top_k=1)["top_k"] == 1


@pytest.mark.parametrize(
    ("connection", "credentials", "header"),
    [
        ({}, {}, None),
        ({}, {"api_key": "SERVER_KEY"}, ("Authorization", "Bearer ***")),
        ({"auth": {"kind": "none"}}, {"api_key": "SERVER_KEY"}, None),
        ({"auth": {"kind": "api_key"}}, {"api_key": "SERVER_KEY"}, ("Authorization", "Bearer ***")),
        ({"auth": {"kind": "api_key", "header": "X-Key"}}, {"api_key": "SERVER_KEY"}, ("X-Key", "***")),
    ],
)
def test_who_signs_for_a_compatible_server(make_target, speak, connection, credentials, header):
    target = make_target("openai-compatible", {"server": "vllm", **connection}, **credentials)
    authorizer = CompatibleProvider().authorizer(target, context=None)
    signed = authorizer.sign(speak("openai-compatible", server="vllm").wire(), authorizer.placeholder())
    assert {k: v for k, v in signed.headers.items() if k in ("Authorization", "X-Key")} == dict(
        [header] if header else []
    )


def test_a_key_that_is_demanded_and_not_named_is_a_clear_error(make_target):
    target = make_target("openai-compatible", {"server": "vllm", "auth": {"kind": "api_key"}})
    with pytest.raises(DocumentError, match=r"credentials\.api_key"):
        CompatibleProvider().authorizer(target, context=None)
