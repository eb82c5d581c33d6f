"""Where a call may go whose address an API caller had a hand in: the public internet, and what the settings allow.

The check is made where the connection is: on a host that is written as an address before it is used, on a host's name
when it is resolved, and the connection then goes to the very addresses that were checked. So neither a second answer
of the name's server, nor a redirect, nor another way to write an address leads past it. An answer that names a public
and a private address is refused as a whole: no public service has one, and half a check would depend on the order.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohappyeyeballs import AddrInfoType

from dragoman.errors import AddressRefusedError
from dragoman.settings import AllowedHost

logger = logging.getLogger("dragoman.network")

#: IPv4 ranges that are no public service's. IANA IPv4 Special-Purpose Address Registry and RFC 5771, read 2026-11; the
#: last one is the address of a cloud's host agent, which lies in a public range.
NOT_PUBLIC_IPV4 = tuple(
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",
    )
)

#: The one range of IPv6 that public services are in, and what in it is not theirs: protocol assignments with Teredo
#: (2001::/23), documentation, 6to4, AS112, SRv6. IANA IPv6 Special-Purpose Address Registry, read 2026-11.
PUBLIC_IPV6 = IPv6Network("2000::/3")
NOT_PUBLIC_IPV6 = tuple(
    IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16")
)
#: IPv6 addresses that stand for the IPv4 address in their last 32 bits: mapped ones, and those of NAT64 (RFC 6052),
#: by which networks without IPv4 reach public services.
CARRIES_IPV4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))

#: What a resolver of the operating system may read as a number: the last label is one, as in ``0x7f.1``.
_ENDS_IN_A_NUMBER = re.compile(r"(^|\.)(\d+|0[xX][0-9a-fA-F]*)\.*$")

#: A name, or an address without a zone. Others exist only to look like something else: IDNs are sent as ``xn--``.
_PLAIN_HOST = re.compile(r"[A-Za-z0-9._:-]+")

Address = IPv4Address | IPv6Address


def is_public(address: Address) -> bool:
    """Whether a public service can have this address."""
    address = _plain(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_IPV4)
    return address in PUBLIC_IPV6 and not any(address in network for network in NOT_PUBLIC_IPV6)


def _plain(address: Address) -> Address:
    if isinstance(address, IPv6Address) and any(address in network for network in CARRIES_IPV4):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


class AddressCheck:
    """Decides about hosts and addresses.

    Args:
        allowed: What the settings allow beside the public internet.
    """

    def __init__(self, allowed: Sequence[AllowedHost] = ()) -> None:
        self._names = {(entry.host, entry.port) for entry in allowed if entry.network is None}
        self._networks = [(ip_network(entry.network), entry.port) for entry in allowed if entry.network is not None]

    def check_host(self, host: str, port: int) -> None:
        """Refuse a host that is written as an address which may not be called; for a name, its addresses are checked.

        Raises:
            AddressRefusedError: The address may not be called, or is written in a way that hides what it is.
        """
        if not _PLAIN_HOST.fullmatch(host):
            raise _refused(host, port, _ODD, _WRITE_IT_OUT)
        try:
            address = ip_address(host)
        except ValueError:
            if ":" in host or _ENDS_IN_A_NUMBER.search(host):
                raise _refused(host, port, _ODD, _WRITE_IT_OUT) from None
            return
        if not self._may_call(address, port):
            raise _refused(host, port, _NOT_PUBLIC)

    def check_addresses(self, host: str, port: int, found: Sequence[AddrInfoType]) -> None:
        """Refuse a name among whose addresses is one that may not be called.

        Raises:
            AddressRefusedError: One may not; which one it is, only the deployment's log says.
        """
        name = host.rstrip(".").lower()
        if (name, port) in self._names or (name, None) in self._names:
            return
        for *_, socket_address in found:
            shown = str(socket_address[0])
            try:
                address = ip_address(shown.partition("%")[0])
                if self._may_call(address, port):
                    continue
            except ValueError:
                pass
            logger.warning("%s:%s, named by an API caller, leads to %s and was refused", host, port, shown)
            raise _refused(host, port, _NOT_PUBLIC)

    def _may_call(self, address: Address, port: int) -> bool:
        plain = _plain(address)
        return is_public(plain) or any(
            plain in network and allowed_port in (None, port) for network, allowed_port in self._networks
        )


_ODD = "it is neither a name nor an address in its usual form"
_NOT_PUBLIC = "it is not on the public internet"
_WRITE_IT_OUT = "write a name, with xn-- for other scripts, or an address such as 192.0.2.1"
_ALLOW_IT = "the deployment allows it with the setting network.allowed_hosts"


def _refused(host: str, port: int, why: str, hint: str = _ALLOW_IT) -> AddressRefusedError:
    shown = f"[{host}]" if ":" in host else host
    return AddressRefusedError(f"an API caller may not have {shown}:{port} called: {why}", hint=hint)
