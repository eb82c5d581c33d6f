"""An endpoint with certificates of its own, that wants one of its callers, and a token server with another."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from dragoman import Engine
from dragoman.errors import ConnectionFailedError, DocumentError
from dragoman.testing.upstream import Reply, Upstream

from .conftest import ANSWER, MAPPING

Document = Callable[..., dict[str, Any]]


def serving(authority: trustme.CA, *, wants_client: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED if wants_client else ssl.CERT_NONE
    return context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def other_authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA, other_authority: trustme.CA) -> dict[str, str]:
    client = authority.issue_cert("client.example")
    written = {
        "ca": authority.cert_pem,
        "other_ca": other_authority.cert_pem,
        "certificate": client.cert_chain_pems[0],
        "key": client.private_key_pem,
    }
    for name, blob in written.items():
        blob.write_to_path(tmp_path / name)
    return {name: str(tmp_path / name) for name in written}


@pytest.fixture
def locked(authority: trustme.CA) -> Iterator[Upstream]:
    """An endpoint that talks only to clients that the authority knows."""
    with Upstream(tls=serving(authority, wants_client=True)) as server:
        server.answer(ANSWER)
        yield server


@pytest.fixture
def adapter(locked: Upstream) -> Document:
    def make(tls: dict[str, str], **connection: Any) -> dict[str, Any]:
        return {
            "provider": "http",
            "model": "m-1",
            "mapping": MAPPING,
            "credentials": {"client_secret": "THE_SECRET"},
            "limits": {"max_attempts": 1, "timeout_s": 20},
            "connection": {"url": f"{locked.url}/ask", "tls": tls, **connection},
        }

    return make


def shown(files: dict[str, str]) -> dict[str, str]:
    return {
        "ca_file": files["ca"],
        "client_certificate_file": files["certificate"],
        "client_key_file": files["key"],
    }


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_client_with_a_certificate_is_let_in(
    engine: Engine, locked: Upstream, adapter: Document, files: dict[str, str], is_streamed: bool
) -> None:
    if is_streamed:
        locked.answer(Reply.sse([{"piece": "Hello", "why": "done"}]))
        async with engine.stream(adapter(shown(files)), "Hi") as stream:
            assert "".join([piece async for piece in stream.text()]) == "Hello"
    else:
        assert (await engine.chat(adapter(shown(files)), "Hi")).text == "Hello"


async def test_a_client_without_one_is_not(
    engine: Engine, locked: Upstream, adapter: Document, files: dict[str, str]
) -> None:
    with pytest.raises(ConnectionFailedError):
        await engine.chat(adapter({"ca_file": files["ca"]}), "Hi")
    assert not locked.received


async def test_an_endpoint_of_another_authority_is_not_trusted(
    engine: Engine, locked: Upstream, adapter: Document, files: dict[str, str]
) -> None:
    with pytest.raises(ConnectionFailedError, match="not trusted"):
        await engine.chat(adapter({**shown(files), "ca_file": files["other_ca"]}), "Hi")
    assert not locked.received


async def test_a_file_that_is_not_there_is_named(engine: Engine, locked: Upstream, adapter: Document) -> None:
    with pytest.raises(DocumentError, match=r"connection\.tls\.ca_file: cannot be read"):
        await engine.chat(adapter({"ca_file": "/no/such/file"}), "Hi")
    assert not locked.received


async def test_the_token_server_has_certificates_of_its_own(
    engine: Engine, locked: Upstream, adapter: Document, files: dict[str, str], other_authority: trustme.CA
) -> None:
    with Upstream(tls=serving(other_authority, wants_client=False)) as server:
        server.answer(Reply.json({"access_token": "t-1", "expires_in": 3600}))
        auth = {"kind": "oauth_client", "token_url": f"{server.url}/token", "client_id": "c"}
        with pytest.raises(ConnectionFailedError, match="not trusted"):
            await engine.chat(adapter(shown(files), auth=auth), "Hi")
        auth["tls"] = {"ca_file": files["other_ca"]}  # type: ignore[assignment]
        assert (await engine.chat(adapter(shown(files), auth=auth), "Hi")).text == "Hello"
    assert locked.received[0].headers["authorization"] == "Bearer t-1"
