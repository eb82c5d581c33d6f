"""What an API caller may say about a connection: addresses that are checked, and nothing of the engine's machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.errors import AddressRefusedError, DocumentError
from dragoman.testing.upstream import Reply, Upstream

ENTRA = {"kind": "entra_client_secret", "tenant_id": "t", "client_id": "c"}


@pytest.fixture
def inside() -> Iterator[Upstream]:
    """A server on this machine that no API caller should reach."""
    with Upstream() as upstream:
        upstream.answer(Reply.json({}))
        yield upstream


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "secret-of-the-deployment")
    async with Engine(Settings(plugins={"allow": ["openai"]})) as engine:
        yield engine


def adapter(provider: str, connection: dict[str, Any]) -> dict[str, Any]:
    return {"provider": provider, "model": "m", "limits": {"max_attempts": 1}, "connection": connection}


CHECKED = {
    "openai": lambda url: adapter("openai", {"base_url": url}),
    "azure": lambda url: adapter("azure-openai", {"endpoint": url}),
    "compatible": lambda url: adapter("openai-compatible", {"base_url": url}),
    "a known server of this machine": lambda url: adapter("openai-compatible", {"server": "ollama"}),
    "entra": lambda url: adapter("azure-openai", {"endpoint": "https://8.8.8.8", "auth": {**ENTRA, "authority": url}}),
}


@pytest.mark.parametrize("case", CHECKED)
async def test_an_address_that_an_api_caller_names_is_checked(engine: Engine, inside: Upstream, case: str) -> None:
    resolved = await engine.resolve(CHECKED[case](inside.url), trusted=False)
    with pytest.raises(AddressRefusedError):
        await engine.chat(resolved, "hello")
    assert not inside.connections


OF_THE_DEPLOYMENT: dict[str, dict[str, Any]] = {
    "connection.auth.command": {"kind": "entra_token_command", "command": ["cat", "/etc/passwd"]},
    "connection.auth.token_file": {
        "kind": "entra_workload_identity", "tenant_id": "t", "client_id": "c", "token_file": "/etc/passwd",
    },
}  # fmt: skip


@pytest.mark.parametrize("path", OF_THE_DEPLOYMENT)
async def test_what_only_the_deployment_may_name_is_refused(engine: Engine, path: str) -> None:
    document = adapter("azure-openai", {"endpoint": "https://r.openai.azure.com", "auth": OF_THE_DEPLOYMENT[path]})
    assert await engine.resolve(document)
    with pytest.raises(DocumentError) as caught:
        await engine.resolve(document, trusted=False)
    assert [problem.path for problem in caught.value.problems] == [path]
