"""Where calls may go whose address an API caller had a hand in."""

from __future__ import annotations

import pickle
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NoReturn

import pytest
from dragoman.adapter import Limits
from dragoman.errors import AddressRefusedError, ConnectionFailedError
from dragoman.provider import WireRequest
from dragoman.settings import AllowedHost
from dragoman.transport.addresses import AddressCheck, is_public
from dragoman.transport.connections import Resolve, ask_system
from dragoman.transport.http import Transport
from hypothesis import given, strategies

LIMITS = Limits(connect_timeout_s=5)

PRIVATE = [
    "127.0.0.1", "127.8.9.10", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "0.0.0.1", "169.254.169.254",
    "169.254.170.2", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1",
    "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::1", "::", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001::1", "100::1", "5f00::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "52.94.133.131", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]

#: Ways to write an address so that it does not look like one.
DISGUISED = [
    "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "017700000001", "127.0.0.1.",
    "10.0.0.1..", "\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.0.0.1", "127\u30020\u30020\u30021",
    "127.0.0.1%00.example.com", "127.0.0.%31", "localhost%2e", "0x",
    "1.2.3.4.5", "999.1.1.1", "8.8.8.8.",
]  # fmt: skip


class Table:
    """A name's server of one's own: each question takes the next of a name's answers; the last one stays."""

    def __init__(self, **names: list[list[str]]) -> None:
        self.names = {name.replace("_", "."): answers for name, answers in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Any:
        self.asked.append(host)
        answers = self.names[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [info for address in found for info in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)]


@asynccontextmanager
async def checked(*allowed: str, resolve: Resolve = ask_system) -> AsyncIterator[Transport]:
    transport = Transport(check=AddressCheck([AllowedHost.of(entry) for entry in allowed]), resolve=resolve)
    try:
        yield transport
    finally:
        await transport.aclose()


async def answer(connection: Any, request: Any) -> None:
    await connection.answer(b"{}", connection="close")


def at(host: str, port: int | str = 80) -> WireRequest:
    return WireRequest("GET", f"http://{host}:{port}/", {})


def port_of(upstream: Any) -> str:
    return str(upstream.url.rpartition(":")[2])


# --- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PRIVATE)
async def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    async with checked() as transport:
        with pytest.raises(AddressRefusedError) as caught:
            await transport.send(at(host), LIMITS)
    assert caught.value.http_status == 403
    assert not caught.value.retryable
    assert host in caught.value.message
    assert "network.allowed_hosts" in str(caught.value)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address: str) -> None:
    AddressCheck().check_host(address, 443)


@pytest.mark.parametrize("host", DISGUISED)
async def test_an_address_in_disguise_is_refused_whatever_it_is(host: str) -> None:
    async with checked("127.0.0.0/8", "0.0.0.0/0") as transport:
        with pytest.raises(AddressRefusedError):
            await transport.send(at(host), LIMITS)


@pytest.mark.parametrize("host", ["[fe80::1%25eth0]", "[::1%25lo]", "[2606:4700:4700::1111%25eth0]"])
async def test_a_zone_is_refused(host: str) -> None:
    async with checked() as transport:
        with pytest.raises(AddressRefusedError):
            await transport.send(at(host), LIMITS)


@given(strategies.integers(0, 2**32 - 1))
def test_no_ipv4_address_passes_that_python_knows_as_special(number: int) -> None:
    address = IPv4Address(number)
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert not is_public(address)


@given(strategies.integers(0, 2**128 - 1) | strategies.integers(0, 2**48).map(lambda low: 0xFFFF_0000_0000 + low))
def test_no_ipv6_address_passes_that_python_knows_as_special(number: int) -> None:
    address = IPv6Address(number)
    if address.ipv4_mapped is not None:
        assert is_public(address) == is_public(address.ipv4_mapped)
    elif not address.is_global or address.is_multicast or address.sixtofour or address.teredo:
        assert not is_public(address)


@given(strategies.text("0123456789abcdefxX.", min_size=1, max_size=20))
def test_nothing_passes_as_a_name_that_the_operating_system_reads_as_a_number(host: str) -> None:
    try:
        socket.inet_aton(host)
    except OSError:
        return
    with suppress(ValueError):
        if is_public(IPv4Address(host)):
            return
    with pytest.raises(AddressRefusedError):
        AddressCheck().check_host(host, 80)


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST"])
async def test_a_name_that_leads_to_loopback_is_refused_and_nothing_connects(serve: Any, host: str) -> None:
    upstream = await serve(answer)
    async with checked() as transport:
        with pytest.raises(AddressRefusedError) as caught:
            await transport.send(at(host, port_of(upstream)), LIMITS)
        with pytest.raises(AddressRefusedError):
            async with transport.stream(at(host, port_of(upstream)), LIMITS):
                pass
    assert not upstream.connections
    assert "127.0.0.1" not in str(caught.value)
    assert "::1" not in str(caught.value)


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_is_refused_for_what_it_resolves_to(address: str) -> None:
    table = Table(a_example=[[address]])
    async with checked(resolve=table) as transport:
        with pytest.raises(AddressRefusedError) as caught:
            await transport.send(at("a.example"), LIMITS)
    assert address not in str(caught.value).replace("a.example:80", "")


@pytest.mark.parametrize("found", [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["8.8.8.8", "::1"]])
async def test_one_private_address_among_public_ones_refuses_the_name(found: list[str]) -> None:
    async with checked(resolve=Table(mixed_example=[found])) as transport:
        with pytest.raises(AddressRefusedError):
            await transport.send(at("mixed.example"), LIMITS)


async def test_the_connection_goes_to_the_address_that_was_checked(serve: Any) -> None:
    """Rebinding: the first answer may be called (here by a setting, as nothing public can be), the second may not."""
    upstream = await serve(answer)
    table = Table(rebinds_example=[["127.0.0.1"], ["127.0.0.2"]])
    async with checked("127.0.0.1", resolve=table) as transport:
        reply = await transport.send(at("rebinds.example", port_of(upstream)), LIMITS)
        assert (reply.status, table.asked) == (200, ["rebinds.example"])
        with pytest.raises(AddressRefusedError):
            await transport.send(at("rebinds.example", port_of(upstream)), LIMITS)
    assert len(upstream.connections) == 1


async def test_a_redirect_into_the_own_network_is_not_followed(serve: Any) -> None:
    async def redirect(connection: Any, request: Any) -> None:
        await connection.answer(b"", status="307 Elsewhere", location=f"{inside.url}/secret")

    inside, outside = await serve(answer), await serve(redirect)
    async with checked(f"127.0.0.1:{port_of(outside)}") as transport:
        assert (await transport.send(outside.request(), LIMITS)).status == 307
        with pytest.raises(AddressRefusedError):
            await transport.send(inside.request(), LIMITS)
    assert not inside.connections


async def test_a_connection_of_the_deployment_is_not_lent_to_a_caller(serve: Any) -> None:
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    trusted = Transport()
    try:
        assert (await trusted.send(upstream.request(), LIMITS)).status == 200
        async with checked() as transport:
            with pytest.raises(AddressRefusedError):
                await transport.send(upstream.request(), LIMITS)
    finally:
        await trusted.aclose()


async def test_a_proxy_of_the_environment_is_not_asked(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, upstream = await serve(answer), await serve(answer)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    async with checked(resolve=Table(inside_example=[["127.0.0.1"]])) as transport:
        with pytest.raises(AddressRefusedError):
            await transport.send(at("inside.example", port_of(upstream)), LIMITS)
    assert not proxy.connections
    assert not upstream.connections


async def test_a_name_without_an_answer_is_a_connection_error() -> None:
    async def nobody(host: str, port: int) -> NoReturn:
        raise OSError(None, "no such name")

    async with checked(resolve=nobody) as transport:
        with pytest.raises(ConnectionFailedError):
            await transport.send(at("nobody.example"), LIMITS)


# --- what the settings allow -------------------------------------------------------------------------------------

ALLOWING: dict[str, Callable[[str], str]] = {
    "address": lambda port: "127.0.0.1",
    "address and port": lambda port: f"127.0.0.1:{port}",
    "range": lambda port: "127.0.0.0/8",
    "range and port": lambda port: f"127.0.0.0/8:{port}",
    "everything": lambda port: "0.0.0.0/0",
}


@pytest.mark.parametrize("entry", ALLOWING)
@pytest.mark.parametrize("host", ["127.0.0.1", "named.example", "[::ffff:127.0.0.1]"])
async def test_an_allowed_range_may_be_called_by_address_and_by_name(serve: Any, entry: str, host: str) -> None:
    upstream = await serve(answer)
    allowed = ALLOWING[entry](port_of(upstream))
    async with checked(allowed, resolve=Table(named_example=[["127.0.0.1"]])) as transport:
        assert (await transport.send(at(host, port_of(upstream)), LIMITS)).status == 200


@pytest.mark.parametrize("entry", ["named.example", "NAMED.example.", "named.example:{port}"])
async def test_an_allowed_name_may_be_called_wherever_it_leads(serve: Any, entry: str) -> None:
    upstream = await serve(answer)
    table = Table(named_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
    async with checked(entry.format(port=port_of(upstream)), resolve=table) as transport:
        assert (await transport.send(at("named.example", port_of(upstream)), LIMITS)).status == 200
        for other in ("other.example", "127.0.0.1"):
            with pytest.raises(AddressRefusedError):
                await transport.send(at(other, port_of(upstream)), LIMITS)


@pytest.mark.parametrize("entry", ["127.0.0.1:1", "127.0.0.0/8:1", "named.example:1", "127.0.0.2", "::1"])
async def test_another_port_or_address_is_not_allowed(serve: Any, entry: str) -> None:
    upstream = await serve(answer)
    async with checked(entry, resolve=Table(named_example=[["127.0.0.1"]])) as transport:
        for host in ("127.0.0.1", "named.example"):
            with pytest.raises(AddressRefusedError):
                await transport.send(at(host, port_of(upstream)), LIMITS)
    assert not upstream.connections


def test_the_error_survives_pickling() -> None:
    with pytest.raises(AddressRefusedError) as caught:
        AddressCheck().check_host("127.0.0.1", 80)
    restored = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (str(restored), restored.code) == (str(caught.value), "address_refused")
