"""Trace context that goes out with a call's requests, to those hosts that the deployment names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from dragoman.provider import WireRequest
from dragoman.settings import AllowedHost


@dataclass(frozen=True, slots=True)
class OutgoingTrace:
    """The headers that name a call's span (``traceparent``), and the hosts that are told."""

    headers: Mapping[str, str]
    hosts: Sequence[AllowedHost]

    def added_to(self, wire: WireRequest) -> WireRequest:
        """Return the request with the headers where its host is told; a header that it has already is left alone."""
        address = urlsplit(wire.url)
        if not any(_matches(entry, address.hostname or "", address.port) for entry in self.hosts):
            return wire
        return replace(wire, headers={**self.headers, **wire.headers})


#: Set for a call's task by whoever traces it; ``None``: nothing goes out.
outgoing_trace: ContextVar[OutgoingTrace | None] = ContextVar("dragoman_outgoing_trace", default=None)


def _matches(entry: AllowedHost, host: str, port: int | None) -> bool:
    if entry.port is not None and entry.port != port:
        return False
    if entry.network is None:
        return entry.host == host.rstrip(".").lower()
    try:
        return ip_address(host) in ip_network(entry.network)
    except ValueError:  # a name, and the entry is a range
        return False
