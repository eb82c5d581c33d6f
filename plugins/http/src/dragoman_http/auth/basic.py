"""HTTP's basic scheme, RFC 7617."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Hashable

from dragoman.plugin import Authorizer, Context, Credentials, WireRequest
from dragoman.secret import MASK, Secret


class Basic(Authorizer):
    """Sends a user name and a secret as the password, in UTF-8."""

    def __init__(self, context: Context, username: str, password: str) -> None:
        self._context = context
        self._username = username
        self._password = password

    @property
    def identity(self) -> Hashable:
        return ("basic", self._username, self._password)

    async def acquire(self) -> Credentials:
        password = (await self._context.secret(self._password)).reveal()
        return Credentials(Secret(basic_token(self._username, password)))

    def sign(self, request: WireRequest, credentials: Credentials) -> WireRequest:
        headers = {**request.headers, "Authorization": f"Basic {credentials.value.reveal()}"}
        return WireRequest(request.method, request.url, headers, request.body)

    def placeholder(self) -> Credentials:
        return Credentials(Secret(MASK))


def basic_token(username: str, password: str) -> str:
    """Return what follows the word Basic."""
    return b64encode(f"{username}:{password}".encode()).decode()
