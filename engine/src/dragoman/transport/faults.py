"""What the HTTP client raises, as errors of ours: by type, in one table; never with a URL, a header or a body."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientOSError,
    ClientPayloadError,
    ClientResponseError,
    ConnectionTimeoutError,
    InvalidURL,
    NonHttpUrlClientError,
    ServerDisconnectedError,
    SocketTimeoutError,
)

from dragoman.adapter import Limits
from dragoman.errors import (
    CallTimeoutError,
    ConnectionFailedError,
    InvalidRequestError,
    ProtocolError,
    ProviderError,
)


class _Fault(NamedTuple):
    """``text`` follows the server's name; ``retryable`` overrules the class's own answer."""

    kind: type[ProviderError]
    text: str
    hint: str | None = None
    retryable: bool | None = None


_BAD_ADDRESS = _Fault(
    ConnectionFailedError,
    "the address is no http: or https: URL of a server, without user name and password",
    "check the address in the adapter's connection",
    retryable=False,
)

#: An error's nearest class in its method resolution order counts.
_FAULTS: Mapping[type[BaseException], _Fault] = {
    InvalidURL: _BAD_ADDRESS,
    NonHttpUrlClientError: _BAD_ADDRESS,
    ClientConnectorDNSError: _Fault(
        ConnectionFailedError, "the host name cannot be resolved", "check the address in the adapter's connection"
    ),
    ClientConnectorCertificateError: _Fault(
        ConnectionFailedError,
        "the server's TLS certificate is not trusted",
        "check the address, and the certificate authorities of this machine",
        retryable=False,
    ),
    ClientConnectorSSLError: _Fault(
        ConnectionFailedError, "the TLS handshake failed", "check that the server speaks https at this port"
    ),
    ClientConnectorError: _Fault(ConnectionFailedError, "no connection", "check the address, and that the server runs"),
    ServerDisconnectedError: _Fault(
        ConnectionFailedError, "the server closed the connection before its answer was complete"
    ),
    ClientPayloadError: _Fault(ConnectionFailedError, "the answer broke off, or cannot be decompressed"),
    ClientOSError: _Fault(ConnectionFailedError, "the connection broke"),
    ClientConnectionError: _Fault(ConnectionFailedError, "the connection was closed"),
    ClientResponseError: _Fault(
        ProtocolError, "the answer is not HTTP", "check that the address is that of the provider's API"
    ),
    RuntimeError: _Fault(ConnectionFailedError, "the connection was closed on this side", retryable=False),
    ValueError: _Fault(
        InvalidRequestError,
        "the request cannot be written as HTTP",
        "look for line ends in the secret and in the headers of endpoint_kwargs",
    ),
}
_OTHER = _Fault(ConnectionFailedError, "the connection failed")


def translate(error: Exception, server: str, limits: Limits) -> ProviderError:
    """Return the error of ours for one of the HTTP client's.

    Args:
        error: What it raised; a bare ``TimeoutError`` is the deadline for the first byte.
        server: ``host:port``, for the text.
        limits: Their seconds are named in the text of a time-out.
    """
    if isinstance(error, TimeoutError):
        return _timeout(error, server, limits)
    fault = next((_FAULTS[kind] for kind in type(error).__mro__ if kind in _FAULTS), _OTHER)
    text = f"{server}: {fault.text}"
    if isinstance(error, OSError) and error.errno and error.errno > 0:  # a resolver's codes are negative
        text = f"{text}: {os.strerror(error.errno)}"
    return fault.kind(text, hint=fault.hint, retryable=fault.retryable)


def _timeout(error: TimeoutError, server: str, limits: Limits) -> CallTimeoutError:
    if isinstance(error, ConnectionTimeoutError):
        seconds, phase, what, setting = limits.connect_timeout_s, "connect", "no connection", "connect_timeout_s"
    elif isinstance(error, SocketTimeoutError):
        seconds, phase, what, setting = (
            limits.chunk_timeout_s, "between_chunks", "nothing more of the answer", "chunk_timeout_s"
        )  # fmt: skip
    else:
        seconds, phase, what, setting = (
            limits.first_byte_timeout_s, "first_byte", "no answer", "first_byte_timeout_s"
        )  # fmt: skip
    return CallTimeoutError(f"{server}: {what} within {seconds:g} s", phase=phase, hint=f"limits.{setting} sets it")
