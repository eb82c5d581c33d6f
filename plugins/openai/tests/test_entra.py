from __future__ import annotations

import json
import sys
from urllib.parse import parse_qs

import pytest
from dragoman.errors import AuthenticationError, ProtocolError, RateLimitedError, SecretError, ServerError
from dragoman.plugin import WireReply
from dragoman_openai.connection import EntraClientSecretAuth
from dragoman_openai.entra import UNSTATED_LIFETIME_S, printed_token, token_of, token_request

NOW = 1_000_000.0


def reply(body, status=200):
    return WireReply(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.fixture
def azure(adapter, upstream, monkeypatch):
    """Return an adapter for Azure whose tokens come from the server on loopback too."""
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "client-secret-canary")

    def make(**auth):
        connection = {"endpoint": upstream.origin, "auth": auth}
        return {**adapter, "provider": "azure-openai", "connection": connection}

    return make


TOKEN = {"token_type": "Bearer", "expires_in": 3599, "access_token": "token-1"}


async def test_a_client_secret(engine, azure, upstream, answers, chat_answer):
    upstream.script = [answers.of(TOKEN), answers.of(chat_answer())]
    document = azure(kind="entra_client_secret", tenant_id="t", client_id="c", authority=upstream.origin)
    for _ in range(2):
        assert (await engine.chat(document, "hi")).text == "hello"
    asked, *calls = upstream.requests
    assert asked.path == "/t/oauth2/v2.0/token"
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["c"],
        "scope": ["https://cognitiveservices.azure.com/.default"],
        "client_secret": ["client-secret-canary"],
    }
    assert [c.headers["authorization"] for c in calls] == ["Bearer token-1"] * 2


async def test_a_workload_identity(engine, azure, upstream, answers, chat_answer, tmp_path):
    (tmp_path / "token").write_text("assertion-1\n")
    upstream.script = [answers.of(TOKEN), answers.of(chat_answer())]
    document = azure(
        kind="entra_workload_identity", tenant_id="t", client_id="c", authority=upstream.origin,
        token_file=str(tmp_path / "token"),
    )  # fmt: skip
    assert (await engine.chat(document, "hi")).text == "hello"
    form = parse_qs(upstream.requests[0].body.decode())
    assert form["client_assertion"] == ["assertion-1"]
    assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    assert upstream.last.headers["authorization"] == "Bearer token-1"


async def test_a_token_file_that_is_missing(engine, azure, upstream, tmp_path):
    document = azure(
        kind="entra_workload_identity", tenant_id="t", client_id="c", authority=upstream.origin,
        token_file=str(tmp_path / "none"),
    )  # fmt: skip
    with pytest.raises(SecretError, match="token file cannot be read"):
        await engine.chat(document, "hi")
    assert upstream.requests == []


async def test_a_token_command(engine, azure, upstream):
    program = "import json; print(json.dumps({'accessToken': 'token-2', 'expires_on': 4000000000}))"
    document = azure(kind="entra_token_command", command=[sys.executable, "-c", program])
    assert (await engine.chat(document, "hi")).text == "hello"
    assert upstream.last.headers["authorization"] == "Bearer token-2"


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ([sys.executable, "-c", "raise SystemExit(3)"], "exit status 3"),
        ([sys.executable, "-c", "print()"], "printed no token"),
        ([sys.executable, "-c", "print('please log in')"], "printed no token"),
        ([sys.executable, "-c", "print('{broken')"], "broken JSON"),
        (["/no/such/program"], "cannot be run"),
    ],
)
async def test_a_token_command_that_fails(engine, azure, upstream, command, what):
    with pytest.raises(SecretError, match=what):
        await engine.chat(azure(kind="entra_token_command", command=command), "hi")
    assert upstream.requests == []


async def test_a_token_command_that_hangs_is_ended(engine, azure):
    command = [sys.executable, "-c", "import socket; ours, theirs = socket.socketpair(); ours.recv(1)"]
    with pytest.raises(SecretError, match=r"took longer than 0\.05 s"):
        await engine.chat(azure(kind="entra_token_command", command=command, timeout_s=0.05), "hi")


async def test_a_token_from_a_secret(engine, azure, upstream, monkeypatch):
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "token-3")
    assert (await engine.chat(azure(kind="bearer"), "hi")).text == "hello"
    assert upstream.last.headers["authorization"] == "Bearer token-3"


async def test_a_refused_token_is_fetched_anew(engine, azure, upstream, answers, chat_answer):
    refused = answers.of({"error": {"code": "401", "message": "expired"}}, 401)
    second = {**TOKEN, "access_token": "token-2"}
    upstream.script = [answers.of(TOKEN), refused, answers.of(second), answers.of(chat_answer())]
    document = azure(kind="entra_client_secret", tenant_id="t", client_id="c", authority=upstream.origin)
    assert (await engine.chat({**document, "limits": {"max_attempts": 2}}, "hi")).text == "hello"
    assert upstream.last.headers["authorization"] == "Bearer token-2"


async def test_no_secret_is_in_a_dry_run_nor_is_a_token_fetched(engine, azure, upstream):
    document = azure(kind="entra_client_secret", tenant_id="t", client_id="c", authority=upstream.origin)
    shown = await engine.dry_run(document, "hi")
    assert shown.headers["Authorization"] == "Bearer ***"
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("status", "body", "kind", "stale"),
    [
        (
            401,
            {"error": "invalid_client", "error_description": "AADSTS7000215: bad\r\nTrace"},
            AuthenticationError,
            True,
        ),
        (400, {"error": "unauthorized_client"}, AuthenticationError, True),
        (400, {"error": "invalid_grant"}, AuthenticationError, True),
        (429, {"error": "throttled"}, RateLimitedError, False),
        (503, b"<html>", ServerError, False),
        (200, {"token_type": "Bearer"}, ProtocolError, False),
        (200, b"<html>", ProtocolError, False),
        (200, {"access_token": 7}, ProtocolError, False),
    ],
)
def test_entras_refusals(status, body, kind, stale):
    with pytest.raises(kind) as refused:
        token_of(reply(body, status), NOW)
    assert refused.value.stale_credentials is stale
    assert "Trace" not in str(refused.value)


@pytest.mark.parametrize(
    ("body", "expires_at_s"),
    [
        (TOKEN, NOW + 3599),
        ({**TOKEN, "expires_in": "60"}, NOW + 60),
        ({"access_token": "t"}, NOW + UNSTATED_LIFETIME_S),
        ({"access_token": "t", "expires_in": None}, NOW + UNSTATED_LIFETIME_S),
    ],
)
def test_expiry(body, expires_at_s):
    assert token_of(reply(body), NOW).expires_at_s == expires_at_s


@pytest.mark.parametrize(
    ("printed", "token", "expires_at_s"),
    [
        (b"abc.def\n", "abc.def", NOW + UNSTATED_LIFETIME_S),
        (b'{"accessToken": "a", "expires_on": 5, "expiresOn": "2030-01-01 00:00:00.000000"}', "a", 5),
        (b'{"token": "a", "expiresOn": "1970-01-01T00:01:00Z"}', "a", 60),
        (b'{"access_token": "a"}', "a", NOW + UNSTATED_LIFETIME_S),
        (b'{"access_token": "a", "expiresOn": "soon"}', "a", NOW + UNSTATED_LIFETIME_S),
    ],
)
def test_what_a_command_may_print(printed, token, expires_at_s):
    credentials = printed_token(printed, NOW)
    assert (credentials.value.reveal(), credentials.expires_at_s) == (token, expires_at_s)
    assert token not in repr(credentials) or token == "a"


@pytest.mark.parametrize("printed", [b"", b"{}", b'{"accessToken": ""}', b'{"accessToken": 7}', b"two words", b"a\nb"])
def test_what_is_no_token(printed):
    with pytest.raises(SecretError):
        printed_token(printed, NOW)


def test_the_tenant_cannot_change_the_address():
    auth = EntraClientSecretAuth(kind="entra_client_secret", tenant_id="../../evil?x=", client_id="c")
    wire = token_request(auth, {})
    assert wire.url == "https://login.microsoftonline.com/..%2F..%2Fevil%3Fx%3D/oauth2/v2.0/token"
