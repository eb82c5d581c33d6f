"""Keys, passwords and OAuth tokens: sent where they belong, shown nowhere."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import pytest
from dragoman import Engine
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    DocumentError,
    DragomanError,
    ProtocolError,
    RateLimitedError,
    SecretError,
    ServerError,
)
from dragoman.testing.upstream import RESET, Received, Reply, Upstream

from .conftest import ANSWER, CANARY

Document = Callable[..., dict[str, Any]]

KEYS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "bearer": ({"kind": "bearer"}, "api_key", "authorization", f"Bearer {CANARY}"),
    "header": ({"kind": "header", "name": "X-Api-Key"}, "api_key", "x-api-key", CANARY),
    "header with a prefix": (
        {"kind": "header", "name": "Authorization", "prefix": "Api-Key "}, "api_key", "authorization",
        f"Api-Key {CANARY}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", KEYS)
async def test_a_key_is_sent_and_not_shown(engine: Engine, endpoint: Upstream, document: Document, case: str) -> None:
    auth, field, header, value = KEYS[case]
    adapter = document({"credentials": {field: "THE_SECRET"}}, auth=auth)
    await engine.chat(adapter, "Hi")
    assert endpoint.received[0].headers[header] == value
    shown = await engine.dry_run(adapter, "Hi")
    assert {name.lower(): value for name, value in shown.headers.items()}[header] == value.replace(CANARY, "***")


async def test_a_password_is_sent_and_not_shown(engine: Engine, endpoint: Upstream, document: Document) -> None:
    adapter = document({"credentials": {"password": "THE_SECRET"}}, auth={"kind": "basic", "username": "bö"})
    await engine.chat(adapter, "Hi")
    scheme, _, token = endpoint.received[0].headers["authorization"].partition(" ")
    assert (scheme, b64decode(token).decode()) == ("Basic", f"bö:{CANARY}")
    assert (await engine.dry_run(adapter, "Hi")).headers["Authorization"] == "Basic ***"


@pytest.mark.parametrize(
    ("auth", "field"),
    [
        ({"kind": "bearer"}, "api_key"),
        ({"kind": "header", "name": "X-K"}, "api_key"),
        ({"kind": "basic", "username": "u"}, "password"),
        ({"kind": "oauth_client", "token_url": "https://t.example", "client_id": "c"}, "client_secret"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["kind"],
)
async def test_a_secret_that_is_not_named_or_not_there_says_so(
    engine: Engine, endpoint: Upstream, document: Document, auth: dict[str, Any], field: str
) -> None:
    with pytest.raises(DocumentError, match=rf"credentials\.{field}: is missing"):
        await engine.chat(document(auth=auth), "Hi")
    with pytest.raises(SecretError, match="NOBODY_SET_THIS"):
        await engine.chat(document({"credentials": {field: "NOBODY_SET_THIS"}}, auth=auth), "Hi")
    assert not endpoint.received


# --- OAuth -------------------------------------------------------------------------------------------------------


class Tokens:
    """A token server that gives a new token each time, and knows which of them an endpoint takes."""

    def __init__(self, server: Upstream) -> None:
        self.server = server
        self.given: list[str] = []
        self.revoked: set[str] = set()
        self.expires_in: Any = 3600
        server.answer(self._give)

    def _give(self, request: Received) -> Reply:
        self.given.append(f"token-{len(self.given) + 1}")
        return Reply.json({"access_token": self.given[-1], "token_type": "Bearer", "expires_in": self.expires_in})

    def guard(self, request: Received) -> Reply:
        """Answer as an endpoint that takes these tokens."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.given or token in self.revoked:
            return Reply.json({"fault": {"text": "who are you?"}}, 401)
        return ANSWER


@pytest.fixture
def tokens(endpoint: Upstream) -> Iterator[Tokens]:
    with Upstream() as server:
        tokens = Tokens(server)
        endpoint.answer(tokens.guard)
        yield tokens


@pytest.fixture
def adapter(tokens: Tokens, document: Document) -> Document:
    def make(**members: Any) -> dict[str, Any]:
        auth = {"kind": "oauth_client", "token_url": f"{tokens.server.url}/token", "client_id": "my client"}
        return document({"credentials": {"client_secret": "THE_SECRET"}}, auth={**auth, **members})

    return make


def form(request: Received) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


async def test_the_client_shows_itself_in_the_header(engine: Engine, tokens: Tokens, adapter: Document) -> None:
    await engine.chat(adapter(scope="read write", audience="models", parameters={"resource": "r"}), "Hi")
    (asked,) = tokens.server.received
    assert (asked.method, asked.target) == ("POST", "/token")
    assert form(asked) == {
        "grant_type": "client_credentials", "scope": "read write", "audience": "models", "resource": "r",
    }  # fmt: skip
    scheme, _, token = asked.headers["authorization"].partition(" ")
    user, _, password = b64decode(token).decode().partition(":")
    assert (scheme, user, unquote_plus(user), unquote_plus(password)) == ("Basic", "my+client", "my client", CANARY)


async def test_the_client_shows_itself_in_the_form(engine: Engine, tokens: Tokens, adapter: Document) -> None:
    await engine.chat(adapter(style="post"), "Hi")
    (asked,) = tokens.server.received
    assert form(asked) == {"grant_type": "client_credentials", "client_id": "my client", "client_secret": CANARY}
    assert "authorization" not in asked.headers


async def test_one_token_serves_many_calls(engine: Engine, tokens: Tokens, adapter: Document) -> None:
    await asyncio.gather(*(engine.chat(adapter(), "Hi") for _ in range(8)))
    await engine.chat({**adapter(), "model": "another"}, "Hi")
    assert tokens.given == ["token-1"]
    await engine.chat(adapter(scope="other"), "Hi")
    assert tokens.given == ["token-1", "token-2"]


@pytest.mark.parametrize("expires_in", ["3600", None, 0, -1, "soon", 1e400])
async def test_a_lifetime_may_be_anything(engine: Engine, tokens: Tokens, adapter: Document, expires_in: Any) -> None:
    tokens.expires_in = expires_in if expires_in != 1e400 else "inf"
    await engine.chat(adapter(), "Hi")
    await engine.chat(adapter(), "Hi")
    assert tokens.given == ["token-1"]


async def test_a_401_gets_one_new_token(engine: Engine, endpoint: Upstream, tokens: Tokens, adapter: Document) -> None:
    await engine.chat(adapter(), "Hi")
    tokens.revoked.add("token-1")
    assert (await engine.chat(adapter(), "Hi")).text == "Hello"
    assert tokens.given == ["token-1", "token-2"]
    endpoint.answer(Reply.json({}, 401))
    with pytest.raises(AuthenticationError):
        await engine.chat(adapter(), "Hi")
    assert tokens.given == ["token-1", "token-2", "token-3"]


async def test_a_dry_run_asks_for_no_token(engine: Engine, tokens: Tokens, adapter: Document) -> None:
    shown = await engine.dry_run(adapter(), "Hi")
    assert shown.headers["Authorization"] == "Bearer ***"
    assert not tokens.server.received


REFUSALS: dict[str, tuple[Reply, type[DragomanError], str]] = {
    "a wrong secret": (Reply.json({"error": "invalid_client"}, 401), AuthenticationError, "invalid_client"),
    "a wrong scope": (
        Reply.json({"error": "invalid_scope", "error_description": "no such\n scope"}, 400), AuthenticationError,
        "400 invalid_scope: no such scope",
    ),
    "too often": (Reply.json({"error": "slow_down"}, 429), RateLimitedError, "slow_down"),
    "a broken server": (Reply.text("<h1>oops</h1>", 500, "text/html"), ServerError, "500: no reason given"),
    "no JSON": (Reply.text("token"), ProtocolError, "holds no access_token"),
    "no token": (Reply.json({"token": "t"}), ProtocolError, "holds no access_token"),
    "a token of two lines": (Reply.json({"access_token": "a\r\nb"}), ProtocolError, "holds no access_token"),
    "another kind of token": (
        Reply.json({"access_token": "t", "token_type": "mac"}), ProtocolError, "no bearer token",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
async def test_refusals_of_the_token_server(
    engine: Engine, endpoint: Upstream, tokens: Tokens, adapter: Document, case: str
) -> None:
    reply, kind, words = REFUSALS[case]
    tokens.server.answer(reply)
    with pytest.raises(kind, match=words) as caught:
        await engine.chat(adapter(), "Hi")
    assert CANARY not in repr(caught.value.__dict__)
    assert not endpoint.received


async def test_the_token_server_says_how_long_to_wait(engine: Engine, tokens: Tokens, adapter: Document) -> None:
    tokens.server.answer(Reply.json({"error": "slow_down"}, 429, retry_after="7"))
    with pytest.raises(RateLimitedError) as caught:
        await engine.chat(adapter(), "Hi")
    assert caught.value.retry_after_s == 7


async def test_a_secret_that_the_token_server_echoes_is_removed(
    engine: Engine, tokens: Tokens, adapter: Document
) -> None:
    tokens.server.answer(Reply.json({"error": "invalid_client", "error_description": f"not {CANARY}"}, 401))
    with pytest.raises(AuthenticationError) as caught:
        await engine.chat(adapter(), "Hi")
    assert CANARY not in repr(caught.value.__dict__) + str(caught.value)


async def test_a_token_server_that_breaks_off_is_no_endpoints_error(
    engine: Engine, endpoint: Upstream, tokens: Tokens, adapter: Document
) -> None:
    tokens.server.answer(Reply((RESET,)))
    with pytest.raises(DragomanError) as caught:
        await engine.chat(adapter(), "Hi")
    assert caught.value.code == "connection"
    assert not isinstance(caught.value, CallTimeoutError)
    assert not endpoint.received
