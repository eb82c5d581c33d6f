"""What goes wrong, in OpenAI's shape; nobody but administrators reads where calls go."""

import httpx
import openai
import pytest

SECRETS = ("secret-endpoint", "secret-region", "secret-host", "arn:aws")


def body(text="hello", **rest):
    return {"model": "model", "messages": [{"role": "user", "content": text}], **rest}


@pytest.fixture
def gateway(serve):
    return serve(adapters={"model": "{provider: scripted, model: secret-endpoint, limits: {max_attempts: 1}}"})


@pytest.fixture
def user(gateway):
    with gateway.client(gateway.key()) as client:
        yield client


@pytest.fixture
def admin(gateway):
    with gateway.client(gateway.key("boss", "admin")) as client:
        yield client


UPSTREAM = {
    "limited": (429, "rate_limit_exceeded"),
    "key": (502, "upstream_authentication"),
    "gone": (502, "upstream_unreachable"),
    "filter": (400, "content_filter"),
    "long": (400, "context_length_exceeded"),
    "late": (504, "timeout"),
    "broken": (502, "upstream_error"),
    "bug": (500, "internal"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", UPSTREAM)
def test_a_providers_error_has_a_real_status(gateway, user, name, stream):
    answer = user.post("/v1/chat/completions", json=body(f"!error:{name}", stream=stream))
    status, code = UPSTREAM[name]
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert set(error) >= {"message", "type", "param", "code", "display_message"}
    assert answer.headers["x-request-id"].startswith("req_")
    assert not [secret for secret in SECRETS if secret in answer.text]
    (call,) = gateway.calls()
    assert (call["status"], call["error_code"]) == (status, code)
    assert (call["input_tokens"], call["cost_picos"]) == (None, None)  # nothing was answered
    assert (answer.headers.get("retry-after") == "7") == (name == "limited")


def test_an_administrator_reads_the_providers_own_words(admin):
    answer = admin.post("/v1/chat/completions", json=body("!error:gone"))
    assert "secret-host" in answer.json()["error"]["message"]
    assert "secret-host" not in answer.json()["error"]["display_message"]


@pytest.mark.parametrize("name", ["broken", "bug"])
def test_an_answer_that_breaks_off_says_so_in_the_stream(gateway, name):
    with gateway.openai(gateway.key()) as client, pytest.raises(openai.APIError) as caught:
        list(
            client.chat.completions.create(
                model="model", stream=True, messages=[{"role": "user", "content": f"one two !error:{name}"}]
            )
        )
    assert caught.value.code == UPSTREAM[name][1]
    (call,) = gateway.calls()
    assert (call["status"], call["error_code"]) == (200, UPSTREAM[name][1])
    assert call["output_tokens"] > 0  # what came before is booked


@pytest.mark.parametrize(
    ("sent", "status", "code", "param"),
    [
        (b"{", 400, "invalid_json", None),
        (b"[]", 400, "invalid_json", None),
        (b'"text"', 400, "invalid_json", None),
        (b"[" * 5000, 400, "invalid_json", None),
        (b"{}", 400, "invalid_model", "model"),
        (b'{"model": 5}', 400, "invalid_model", "model"),
        (b'{"model": "model"}', 400, "invalid_messages", "messages"),
        (b'{"model": "model", "messages": []}', 400, "invalid_messages", "messages"),
        (b'{"model": "model", "messages": [{"role": "me", "content": "x"}]}', 400, "invalid_messages", None),
        (b'{"model": "model", "messages": [5]}', 400, "invalid_messages", None),
        (b'{"model": "nope", "messages": [{"role": "user", "content": "x"}]}', 404, "model_not_found", "model"),
        (b'{"model": "faulty", "messages": [{"role": "user", "content": "x"}]}', 500, "deployment", None),
    ],
)
def test_a_bad_body(user, sent, status, code, param):
    answer = user.post("/v1/chat/completions", content=sent, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert "unknown_secret_member" not in answer.text


@pytest.mark.parametrize(
    ("rest", "param"),
    [
        ({"n": 2}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": 3}, "inference.temperature"),
        ({"temperature": "hot"}, "inference.temperature"),
        ({"max_tokens": 0}, "inference.max_tokens"),
        ({"dragoman": "x"}, "dragoman"),
        ({"dragoman": {"adapter": '{"model": "m"}'}}, "dragoman.adapter"),
        ({"dragoman": {"adaptr": {}}}, "dragoman.adaptr"),
        ({"dragoman": {"adapter": {"modle": "m"}}}, "modle"),
        ({"dragoman": {"adapter": {"model_kwargs": {str(number): 1 for number in range(3000)}}}}, None),
    ],
)
def test_a_bad_field_is_named(serve, rest, param):
    gateway = serve()
    with gateway.client(gateway.key()) as user:
        answer = user.post("/v1/chat/completions", json=body(**rest))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_another_operations_adapter_is_refused(user):
    answer = user.post("/v1/chat/completions", json={**body(), "model": "vectors"})
    assert answer.status_code == 400
    assert "is for embed, not for chat" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/v1/models", 405),
        ("GET", "/nowhere", 404),
        ("POST", "/openai/deployments//chat/completions", 404),
        ("POST", "/openai/deployments/model/else", 404),
    ],
)
def test_an_address_that_is_none(user, method, path, status):
    answer = user.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["code"]


def test_a_body_of_another_type_is_refused(user):
    assert user.post("/v1/chat/completions", data={"a": "b"}).status_code == 415


def test_the_error_is_what_openais_client_expects(gateway):
    with gateway.openai(gateway.key()) as client:
        with pytest.raises(openai.NotFoundError) as missing:
            client.chat.completions.create(model="nope", messages=[{"role": "user", "content": "x"}])
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="model", messages=[{"role": "user", "content": "!error:limited"}])
    assert missing.value.code == "model_not_found"
    assert missing.value.request_id.startswith("req_")


def test_every_request_gets_an_id_of_its_own(user):
    ids = {user.post("/v1/chat/completions", json=body()).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert isinstance(user, httpx.Client)
