"""Who is let in: keys with their ranges, adapters and ends; tokens of issuers; this machine alone without keys."""

import datetime as dt
import json
import time

import httpx
import jwt
import openai
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from dragoman.errors import SettingsError
from dragoman.server.serving import serve as serve_here
from dragoman.settings import Settings
from dragoman.testing.upstream import Reply

ASK = {"model": "model", "messages": [{"role": "user", "content": "hello"}]}


def ask(gateway, key=None, **headers):
    with gateway.client(key, **headers) as client:
        return client.post("/v1/chat/completions", json=ASK)


# --- keys --------------------------------------------------------------------------------------------------------


@pytest.fixture
def gateway(serve):
    return serve(server={"trusted_proxies": ["127.0.0.0/8"]})


def test_a_key_comes_in_either_header(gateway):
    key = gateway.key()
    for headers in (
        {"authorization": f"Bearer {key}"},
        {"authorization": f"bearer  {key}"},
        {"api-key": key},
        {"api-key": key, "authorization": "Bearer"},
        {"api-key": key, "authorization": f"Bearer {key}"},
        {"x-upstream-key": key, "api-key": "per-request-key-of-the-gateway-in-front", "authorization": "Bearer other"},
    ):
        assert ask(gateway, **headers).status_code == 200, headers


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "missing_api_key"),
        ({"authorization": "Bearer"}, 401, "missing_api_key"),
        ({"authorization": "Basic abc"}, 401, "missing_api_key"),
        ({"authorization": "Bearer drg_nobody_x"}, 401, "invalid_api_key"),
        ({"api-key": "sk-1"}, 401, "invalid_api_key"),
        ({"api-key": "one", "authorization": "Bearer two"}, 400, "two_credentials"),
        ({"x-upstream-key": "drg_nobody_x"}, 401, "invalid_api_key"),
        ({"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}, 401, "invalid_api_key"),
    ],
)
def test_nobody_else_gets_in(gateway, headers, status, code):
    answer = ask(gateway, **headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert gateway.calls() == []


def test_a_revoked_and_an_expired_key_are_refused(gateway):
    key = gateway.key("short")
    assert ask(gateway, key).status_code == 200
    keys = gateway.application.state.keys
    gateway.run(keys.revoke(gateway.run(keys.find("short")).id, by="a test"))
    assert ask(gateway, key).status_code == 401
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.2)
    expiring = gateway.key("expiring", expires_at=ends)
    time.sleep(max(0.0, ends.timestamp() - time.time()))
    assert ask(gateway, expiring).status_code == 401


def test_a_key_may_come_from_its_networks_only(gateway):
    key = gateway.key("inside", networks=["198.51.100.0/24"])
    assert ask(gateway, key).json()["error"]["code"] == "address_not_allowed"
    assert ask(gateway, key, **{"x-forwarded-for": "198.51.100.7"}).status_code == 200
    assert ask(gateway, key, **{"x-forwarded-for": "198.51.100.7, 203.0.113.9"}).status_code == 403
    assert ask(gateway, key, **{"x-forwarded-for": "203.0.113.9, 198.51.100.7, 127.0.0.1"}).status_code == 200
    assert ask(gateway, gateway.key("nowhere", networks=[])).status_code == 403


def test_a_proxy_that_is_not_trusted_is_not_believed(serve):
    gateway = serve()
    key = gateway.key("inside", networks=["198.51.100.0/24"])
    assert ask(gateway, key, **{"x-forwarded-for": "198.51.100.7"}).status_code == 403


def test_a_key_may_use_its_adapters_only(gateway):
    key = gateway.key("one", adapters=["other"])
    with gateway.openai(key) as client:
        assert [m.id for m in client.models.list()] == ["other"]
        assert client.models.retrieve("other").id == "other"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("model")
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(**ASK)
        client.chat.completions.create(**{**ASK, "model": "other"})
    with gateway.openai(gateway.key("none", adapters=[])) as client:
        assert list(client.models.list()) == []


def test_a_key_is_in_no_log_line_and_no_answer(gateway, capfd):
    key = gateway.key("careful")
    answers = [ask(gateway, key), ask(gateway, key + "x"), ask(gateway, **{"api-key": key + "y"})]
    said = "".join(capfd.readouterr())
    assert not [text for text in (said, *(a.text for a in answers)) if key in text]


# --- tokens ------------------------------------------------------------------------------------------------------

ISSUER = "https://issuer.test/pool"


@pytest.fixture(scope="session")
def signing():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published(*keys):
    rows = [
        {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", "alg": "RS256"}
        for kid, key in keys
    ]
    return Reply.json({"keys": rows})


@pytest.fixture
def trusting(serve, upstream, signing):
    """Start a gateway that trusts the test's issuer."""
    upstream.answer(published(("k1", signing)))

    def start(**issuer):
        about = {"issuer": ISSUER, "jwks_url": f"{upstream.url}/jwks", "audience": ["app"], **issuer}
        return serve(server={"issuers": [about]})

    return start


def token(key, kid="k1", algorithm="RS256", **claims):
    about = {"iss": ISSUER, "aud": "app", "sub": "u-1", "exp": int(time.time()) + 600, **claims}
    return jwt.encode({k: v for k, v in about.items() if v is not None}, key, algorithm, headers={"kid": kid})


SHAPES = {
    "cognito": (
        {"audience_claim": "client_id", "role_claims": ["cognito:groups"], "roles": {"Administrators": "admin"}},
        {"aud": None, "client_id": "app", "token_use": "access", "cognito:groups": ["Administrators", "x"]},
    ),
    "keycloak": (
        {"role_claims": ["realm_access.roles", "resource_access.dragoman.roles"], "roles": {"llm-admin": "admin"}},
        {"aud": ["account", "app"], "resource_access": {"dragoman": {"roles": ["llm-admin"]}}, "realm_access": {}},
    ),
    "entra": (
        {"role_claims": ["roles"], "roles": {"Dragoman.Admin": "admin"}, "name_claim": "preferred_username"},
        {"roles": ["Dragoman.Admin"], "preferred_username": "u-1", "sub": "pairwise", "tid": "t"},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_tokens_of_the_usual_issuers(trusting, signing, shape):
    issuer, claims = SHAPES[shape]
    gateway = trusting(project_claim="project", **issuer)
    answer = ask(gateway, token(signing, **claims, project="shop"))
    assert answer.status_code == 200
    (call,) = gateway.calls()
    assert (call["principal"], call["project"], call["key_id"]) == ("u-1", "shop", None)
    with gateway.client(token(signing, **claims)) as client:
        assert client.get("/metrics").status_code == 200  # an administrator


def test_keys_work_beside_tokens(trusting, signing):
    gateway = trusting(default_role="user")
    assert ask(gateway, gateway.key()).status_code == 200
    assert ask(gateway, token(signing)).status_code == 200


BAD = {
    "expired": {"exp": 1},
    "without an end": {"exp": None},
    "of another issuer": {"iss": "https://evil.test"},
    "for another audience": {"aud": "other"},
    "without an audience": {"aud": None},
    "not yet valid": {"nbf": int(time.time()) + 3600},
}


@pytest.mark.parametrize("what", BAD)
def test_a_token_that_does_not_hold_is_refused(trusting, signing, what):
    answer = ask(trusting(default_role="user"), token(signing, **BAD[what]))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_token")


def test_a_forged_token_is_refused(trusting, signing):
    gateway = trusting(default_role="user")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    curve = ec.generate_private_key(ec.SECP256R1())
    good = token(signing)
    head, payload, signature = good.split(".")
    public = jwt.algorithms.RSAAlgorithm.to_jwk(signing.public_key())
    forged = [
        token(other),
        token(curve, algorithm="ES256"),
        token(public * 2, algorithm="HS256"),
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[:-4]}AAAA",
        jwt.encode({"iss": ISSUER, "aud": "app", "exp": int(time.time()) + 60}, None, "none", headers={"kid": "k1"}),
    ]
    assert ask(gateway, good).status_code == 200
    assert [ask(gateway, one).status_code for one in forged] == [401] * len(forged)


def test_a_token_without_a_role_that_is_known_is_refused(trusting, signing):
    answer = ask(trusting(roles={"boss": "admin"}), token(signing, roles=["clerk"]))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "no_role")


def test_published_keys_are_read_once_and_again_for_a_new_key(trusting, signing, upstream, monkeypatch):
    gateway = trusting(default_role="user")
    for _ in range(3):
        assert ask(gateway, token(signing, jti=str(time.time()))).status_code == 200
    assert len(upstream.received) == 1
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    upstream.answer(published(("k1", signing), ("k2", new)))
    assert ask(gateway, token(new, kid="k2")).status_code == 401  # looked a moment ago
    monkeypatch.setattr("dragoman.server.tokens.MIN_LOOK_S", -1)
    assert ask(gateway, token(new, kid="k2")).status_code == 200
    assert len(upstream.received) == 2


def test_an_issuer_that_cannot_be_asked_is_no_fault_of_the_caller(trusting, signing, upstream):
    upstream.answer(Reply.text("down", 500))
    answer = ask(trusting(default_role="user"), token(signing))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "issuer_unreachable")
    assert int(answer.headers["retry-after"]) > 0


# --- without keys ------------------------------------------------------------------------------------------------


def test_without_keys_this_machine_is_administrator_in_stage_dev(serve):
    gateway = serve(no_auth=True, stage="dev")
    with gateway.client() as client:
        answer = client.post("/v1/chat/completions", json={**ASK, "dragoman": {"adapter": {"model": "m-9"}}})
        assert answer.status_code == 200
        assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "localhost"}, 200),
        ({"host": "localhost:1"}, 200),
        ({"host": "[::1]:8080"}, 200),
        ({"host": "127.0.0.5"}, 200),
        ({"origin": "http://localhost:3000"}, 200),
        ({"origin": "https://127.0.0.1"}, 200),
        ({"host": "evil.test"}, 403),
        ({"host": "localhost.evil.test"}, 403),
        ({"host": "10.0.0.1:80"}, 403),
        ({"host": ""}, 403),
        ({"origin": "https://evil.test"}, 403),
        ({"origin": "http://localhost.evil.test"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost@evil.test"}, 403),
    ],
)
def test_without_keys_pages_of_other_sites_stay_out(serve, headers, status):
    gateway = serve(no_auth=True, stage="dev")
    answer = httpx.post(f"{gateway.url}/v1/chat/completions", json=ASK, headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test"])  # noqa: S104
def test_without_keys_no_other_machine_is_served(host):
    with pytest.raises(SettingsError, match="serves this machine alone"):
        serve_here(Settings(server={"host": host}), no_auth=True, say=print)
