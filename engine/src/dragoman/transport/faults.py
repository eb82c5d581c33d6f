"""What can go wrong on the wire, and the error of ours that each becomes; never with a URL, a header or a body."""

from __future__ import annotations

import os
import ssl
from typing import ClassVar, Literal

from dragoman.adapter import Limits
from dragoman.errors import (
    CallTimeoutError,
    ConnectionFailedError,
    InvalidRequestError,
    ProtocolError,
    ProviderError,
)


class WireError(Exception):
    """Something that went wrong on the wire.

    ``text`` follows the server's name in the error's message; ``retryable`` overrules the answer of ``kind`` itself.

    Args:
        cause: What the operating system says; its errno is named.
    """

    kind: ClassVar[type[ProviderError]] = ConnectionFailedError
    text: ClassVar[str]
    hint: ClassVar[str | None] = None
    retryable: ClassVar[bool | None] = None

    def __init__(self, cause: BaseException | None = None) -> None:
        super().__init__()
        number = cause.errno if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) else None
        self.reason = os.strerror(number) if number and number > 0 else None  # a resolver's codes are negative

    def as_error(self, server: str, limits: Limits) -> ProviderError:
        """Return the error of ours.

        Args:
            server: ``host:port``, for the text.
            limits: Their seconds are named in the text of a time-out.
        """
        text = f"{server}: {self.text}" if self.reason is None else f"{server}: {self.text}: {self.reason}"
        return self.kind(text, hint=self.hint, retryable=self.retryable)


class BadAddressError(WireError):
    """A URL that is none."""

    text = "the address is no http: or https: URL of a server, without user name and password"
    hint = "check the address in the adapter's connection"
    retryable = False


class UnwritableError(WireError):
    """A request that would not be one on the wire."""

    kind = InvalidRequestError
    text = "the request cannot be written as HTTP"
    hint = "look for line ends in the secret, and for those and names such as Connection in endpoint_kwargs.headers"


class UnknownNameError(WireError):
    """A host that nobody knows."""

    text = "the host name cannot be resolved"
    hint = "check the address in the adapter's connection"


class NoConnectionError(WireError):
    """A server that cannot be reached."""

    text = "no connection"
    hint = "check the address, and that the server runs"


class UntrustedError(WireError):
    """A certificate that no authority vouches for."""

    text = "the server's TLS certificate is not trusted"
    hint = "check the address, and the certificate authorities of this machine"
    retryable = False


class HandshakeError(WireError):
    """A server that speaks no TLS, or another one."""

    text = "the TLS handshake failed"
    hint = "check that the server speaks https at this port"


class DisconnectedError(WireError):
    """An end of the connection where there should be more of the answer."""

    text = "the server closed the connection before its answer was complete"


class BrokenError(WireError):
    """A connection that was reset, or lost its network."""

    text = "the connection broke"


class UnreadableError(WireError):
    """A body that is not compressed as its head says, or ends too early."""

    text = "the answer broke off, or cannot be decompressed"


class UnknownCodingError(WireError):
    """A body that is compressed in a way that was not asked for."""

    kind = ProtocolError
    text = "the answer is compressed in a way that was not asked for"
    hint = "check that the address is that of the provider's API"


class NotHttpError(WireError):
    """An answer in no language that is understood here."""

    kind = ProtocolError
    text = "the answer is not HTTP"
    hint = "check that the address is that of the provider's API"


class ClosedError(WireError):
    """A transport that was closed under a call, or before it."""

    text = "the connection was closed on this side"
    retryable = False


Phase = Literal["connect", "first_byte", "between_chunks"]

_OVERDUE = {
    "connect": ("connect_timeout_s", "no connection"),
    "first_byte": ("first_byte_timeout_s", "no answer"),
    "between_chunks": ("chunk_timeout_s", "nothing more of the answer"),
}


class OverdueError(WireError):
    """A deadline that passed."""

    def __init__(self, phase: Phase) -> None:
        super().__init__()
        self.phase: Phase = phase

    def as_error(self, server: str, limits: Limits) -> ProviderError:
        """Return the error of ours."""
        setting, what = _OVERDUE[self.phase]
        text = f"{server}: {what} within {getattr(limits, setting):g} s"
        return CallTimeoutError(text, phase=self.phase, hint=f"limits.{setting} sets it")
