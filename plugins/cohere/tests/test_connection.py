from __future__ import annotations

import pytest
from dragoman.errors import DocumentError
from dragoman_cohere.connection import CohereConnection
from dragoman_cohere.provider import CohereProvider
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (None, "https://api.cohere.com"),
        ("https://api.cohere.com/", "https://api.cohere.com"),
        ("https://api.cohere.com/v2", "https://api.cohere.com"),
        ("https://h/prefix/v1/", "https://h/prefix"),
        (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080"),
    ],
)
def test_the_address_is_understood_with_and_without_the_version(written, address):
    connection = {} if written is None else {"base_url": written}
    assert CohereConnection.model_validate(connection).base_url == address


@pytest.mark.parametrize(
    "connection",
    [
        {"base_url": "api.cohere.com"},
        {"base_url": "ftp://h"},
        {"base_url": "https://user:pass@h"},
        {"base_url": "https://h?key=1"},
        {"client_name": "a\nb"},
        {"client_name": ""},
        {"auth": {"kind": "basic"}},
        {"region": "x"},
    ],
)
def test_a_connection_that_cannot_be_is_refused(connection):
    with pytest.raises(ValidationError):
        CohereConnection.model_validate(connection)


async def test_a_private_deployment_may_want_no_key(engine, adapter, upstream):
    connection = {**adapter["connection"], "auth": {"kind": "none"}}
    assert (await engine.chat({**adapter, "connection": connection}, "hi")).text == "hello"
    assert "authorization" not in upstream.received[0].headers


def test_a_key_without_a_name_says_what_to_do(make_target):
    target = make_target()
    target.credentials.clear()
    with pytest.raises(DocumentError, match=r"credentials\.api_key.*name the secret"):
        CohereProvider().authorizer(target, None)
