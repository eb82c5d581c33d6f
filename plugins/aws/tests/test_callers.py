"""What an API caller may say about a connection: addresses that are checked, and nothing of the engine's machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.errors import AddressRefusedError, DocumentError
from dragoman.testing.upstream import Reply, Upstream

ROLE = "arn:aws:iam::111122223333:role/Invoke"


@pytest.fixture
def inside() -> Iterator[Upstream]:
    """A server on this machine that no API caller should reach."""
    with Upstream() as upstream:
        upstream.answer(Reply.json({}))
        yield upstream


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-deployment")
    async with Engine(Settings(plugins={"allow": ["aws"]})) as engine:
        yield engine


def adapter(provider: str, **connection: Any) -> dict[str, Any]:
    return {
        "provider": provider,
        "model": "my-model",
        **({"mapping": {"preset": "tgi"}} if provider == "sagemaker" else {}),
        "limits": {"max_attempts": 1, "timeout_s": 20},
        "connection": {"region": "us-east-1", "auth": {"kind": "aws_keys"}, **connection},
    }


CHECKED: dict[str, tuple[str, dict[str, Any]]] = {
    "bedrock": ("bedrock", {"endpoint_url": "{inside}"}),
    "sagemaker": ("sagemaker", {"endpoint_url": "{inside}"}),
    "s3": (
        "sagemaker",
        {"invocation": "async", "s3": {"input": "s3://bucket/requests", "endpoint_url": "{inside}"}},
    ),
}


@pytest.mark.parametrize("case", CHECKED)
async def test_an_address_that_an_api_caller_names_is_checked(engine: Engine, inside: Upstream, case: str) -> None:
    provider, connection = CHECKED[case]
    document = adapter(provider, **_addressed(connection, inside.url))
    resolved = await engine.resolve(document, trusted=False)
    with pytest.raises(AddressRefusedError):
        await engine.chat(resolved, "hello")
    assert not inside.connections


OF_THE_DEPLOYMENT: dict[str, dict[str, Any]] = {
    "connection.sts_endpoint_url": {"sts_endpoint_url": "https://sts.example", "roles": [{"arn": ROLE}]},
    "connection.auth.profile": {"auth": {"kind": "aws_profile", "profile": "admin"}},
    "connection.auth.token_file": {
        "auth": {"kind": "web_identity", "token_file": "/etc/passwd", "role_arn": ROLE},
    },
}


@pytest.mark.parametrize("provider", ["bedrock", "sagemaker"])
@pytest.mark.parametrize("path", OF_THE_DEPLOYMENT)
async def test_what_only_the_deployment_may_name_is_refused(engine: Engine, provider: str, path: str) -> None:
    document = adapter(provider, **OF_THE_DEPLOYMENT[path])
    assert await engine.resolve(document)
    with pytest.raises(DocumentError) as caught:
        await engine.resolve(document, trusted=False)
    assert [problem.path for problem in caught.value.problems] == [path]


def _addressed(value: Any, url: str) -> Any:
    if isinstance(value, dict):
        return {name: _addressed(inner, url) for name, inner in value.items()}
    return value.replace("{inside}", url)
