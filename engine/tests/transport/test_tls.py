"""Certificates of a target: whom it trusts, who it says it is, and files that change."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dragoman.adapter import Limits
from dragoman.errors import ConnectionFailedError, DocumentError
from dragoman.provider import Tls, WireRequest
from dragoman.testing.upstream import Reply, Upstream
from dragoman.transport.pool import TransportPool
from dragoman.transport.tls import LOOK_AGAIN_S, TlsContexts

trustme = pytest.importorskip("trustme", reason="trustme is not installed")

LIMITS = Limits(connect_timeout_s=10)


@pytest.fixture(scope="module")
def authority() -> Any:
    return trustme.CA()


@pytest.fixture(scope="module")
def stranger() -> Any:
    return trustme.CA()


@pytest.fixture
def server(authority: Any) -> Iterator[Upstream]:
    """A server whose certificate the authority issued, and that asks clients for one of the same."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    with Upstream(tls=context) as server:
        server.answer(Reply.text("hello"))
        yield server


@pytest.fixture
def files(tmp_path: Path, authority: Any) -> dict[str, str]:
    client = authority.issue_cert("client.example")
    written = {
        "ca": authority.cert_pem,
        "certificate": client.cert_chain_pems[0],
        "key": client.private_key_pem,
        "both": client.private_key_and_cert_chain_pem,
    }
    for name, blob in written.items():
        blob.write_to_path(tmp_path / name)
    (tmp_path / "text").write_text("no certificate")
    return {name: str(tmp_path / name) for name in (*written, "text", "absent")}


async def ask(server: Upstream, tls: Tls | None) -> int:
    pool = TransportPool()
    try:
        transport = await pool.transport(tls)
        return (await transport.send(WireRequest("GET", f"{server.url}/", {}), LIMITS)).status
    finally:
        await pool.aclose()


async def test_an_authority_of_ones_own_is_trusted(server: Upstream, files: dict[str, str]) -> None:
    assert await ask(server, Tls(files["ca"])) == 200


async def test_without_it_the_server_is_not_trusted(server: Upstream) -> None:
    with pytest.raises(ConnectionFailedError, match="not trusted") as caught:
        await ask(server, None)
    assert not caught.value.retryable


async def test_another_authority_is_not_enough(server: Upstream, stranger: Any, tmp_path: Path) -> None:
    stranger.cert_pem.write_to_path(tmp_path / "other")
    with pytest.raises(ConnectionFailedError, match="not trusted"):
        await ask(server, Tls(str(tmp_path / "other")))


async def test_targets_do_not_share_connections(server: Upstream, files: dict[str, str]) -> None:
    pool = TransportPool()
    try:
        request = WireRequest("GET", f"{server.url}/", {})
        for tls in (Tls(files["ca"]), Tls(files["ca"], files["both"])):
            assert (await (await pool.transport(tls)).send(request, LIMITS)).status == 200
            assert (await (await pool.transport(tls)).send(request, LIMITS)).status == 200
        with pytest.raises(ConnectionFailedError):
            await (await pool.transport()).send(request, LIMITS)
    finally:
        await pool.aclose()
    assert len(server.received) == 4


WRONG = {
    "no such authority": (("absent", None, None), "connection.tls.ca_file: cannot be read: No such file"),
    "no authority": (("text", None, None), "connection.tls.ca_file: holds no certificates"),
    "no such certificate": (("ca", "absent", None), "connection.tls.client_certificate_file: cannot be read"),
    "no certificate": (("ca", "text", None), "connection.tls.client_certificate_file: and its key are no pair"),
    "no key": (("ca", "certificate", None), "connection.tls.client_certificate_file: and its key are no pair"),
    "no such key": (("ca", "certificate", "absent"), "connection.tls.client_key_file: cannot be read"),
    "not its key": (("ca", "certificate", "ca"), "connection.tls.client_certificate_file: and its key are no pair"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_file_that_cannot_be_used_is_named(server: Upstream, files: dict[str, str], case: str) -> None:
    names, words = WRONG[case]
    with pytest.raises(DocumentError) as caught:
        await ask(server, Tls(*(files[name] if name else None for name in names)))
    assert words in str(caught.value)
    assert not server.received


@pytest.fixture
def locked_key(files: dict[str, str], tmp_path: Path) -> str:
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = serialization.load_pem_private_key(Path(files["key"]).read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )
    (tmp_path / "locked").write_bytes(locked)
    return str(tmp_path / "locked")


async def test_a_key_with_a_password_asks_nobody(server: Upstream, files: dict[str, str], locked_key: str) -> None:
    with pytest.raises(DocumentError, match="client_key_file: is encrypted"):
        await ask(server, Tls(files["ca"], files["certificate"], locked_key))


async def test_files_that_change_are_read_again_and_not_before(files: dict[str, str], stranger: Any) -> None:
    now_s, read = [0.0], []

    async def run(function: Any, *args: Any) -> Any:
        read.append(args)
        return function(*args)

    contexts = TlsContexts(run, clock_s=lambda: now_s[0])
    first = await contexts.get(Tls(files["ca"]))
    assert await contexts.get(Tls(files["ca"])) is first
    assert len(read) == 1
    now_s[0] += LOOK_AGAIN_S + 1
    assert await contexts.get(Tls(files["ca"])) is first
    stranger.cert_pem.write_to_path(files["ca"])
    assert await contexts.get(Tls(files["ca"])) is first
    now_s[0] += LOOK_AGAIN_S + 1
    assert await contexts.get(Tls(files["ca"])) is not first
    assert len(read) == 3
