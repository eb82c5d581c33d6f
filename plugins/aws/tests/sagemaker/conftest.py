"""A SageMaker of one's own: an edge that verifies signatures, and containers that say what a test tells them to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.testing.upstream import Received, Reply

from ..edge import Admitted, Edge, event, event_stream  # noqa: TID252  (the tests are no package to install)

CANARY = "canary-7f3a9b2c4d5e6f708192"
ACCOUNT = "111122223333"


class SageMaker:
    """The runtime of one region, with any number of endpoints; the last answer told stays."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        edge.admit(Admitted("AKIDEXAMPLE", CANARY, who="alice"))

    @property
    def last(self) -> Received:
        """The last request that came."""
        return self.edge.received[-1]

    def says(self, answer: Reply | Callable[[Received], Reply], operation: str = "invocations") -> None:
        """Answer calls of an operation at any endpoint."""
        handler = answer if isinstance(answer, Reply) else lambda request, _caller: answer(request)
        self.edge.route("POST", rf"/endpoints/[^/]+/{operation}", handler)

    def streams(self, pieces: Iterable[bytes], *then: bytes, **headers: str) -> None:
        """Stream the container's bytes, a part for each piece, and then other messages."""
        self.says(event_stream([*map(part, pieces), *then], **headers), "invocations-response-stream")


def part(piece: bytes) -> bytes:
    """Return the message of a stream that holds these bytes of the container."""
    return event("PayloadPart", piece, "application/octet-stream")


def cut(whole: bytes, size: int) -> list[bytes]:
    """Return the bytes in pieces of one size."""
    return [whole[start : start + size] for start in range(0, len(whole), size)]


@pytest.fixture
def sagemaker(edge: Edge) -> Iterator[SageMaker]:
    runtime = SageMaker(edge)
    yield runtime
    assert all(caller.service in ("sagemaker", "s3", "sts") for caller in edge.callers)


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    """An engine with the keys that the runtime knows."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    async with Engine(Settings(plugins={"allow": ["aws"]})) as engine:
        yield engine


@pytest.fixture
def document(sagemaker: SageMaker) -> Callable[..., dict[str, Any]]:
    """Return a way to adapter documents for that runtime, with one attempt per call."""

    def make(preset: str = "tgi", /, **members: Any) -> dict[str, Any]:
        connection = {"region": "us-east-1", "endpoint_url": sagemaker.edge.url, "auth": {"kind": "aws_keys"}}
        return {
            "name": "on-loopback",
            "provider": "sagemaker",
            "model": "my-endpoint",
            "mapping": {"preset": preset},
            "limits": {"max_attempts": 1, "timeout_s": 20},
            **members,
            "connection": {**connection, **members.get("connection", {})},
        }

    return make
