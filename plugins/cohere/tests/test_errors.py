from __future__ import annotations

import json

import pytest
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConnectionFailedError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
)
from dragoman.plugin import WireReply


@pytest.fixture
def error(speak):
    def read(status, body, **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return speak().codec.error(WireReply(status, {"content-type": "application/json", **headers}, raw))

    return read


@pytest.mark.parametrize(
    ("status", "kind", "retryable", "stale"),
    [
        (400, InvalidRequestError, False, False),
        (401, AuthenticationError, False, True),
        (402, PermissionDeniedError, False, False),
        (403, PermissionDeniedError, False, False),
        (404, ModelNotFoundError, False, False),
        (408, CallTimeoutError, True, False),
        (422, InvalidRequestError, False, False),
        (429, RateLimitedError, True, False),
        (498, AuthenticationError, False, True),
        (499, ConnectionFailedError, True, False),
        (500, ServerError, True, False),
        (501, ServerError, False, False),
        (503, ServerError, True, False),
        (504, ServerError, True, False),
    ],
)
@pytest.mark.parametrize("body", [{"id": "e-1", "message": "so\n it is"}, {"message": "so it is"}])
def test_the_status_decides(error, status, kind, retryable, stale, body):
    found = error(status, body)
    assert type(found) is kind
    assert (found.status, found.retryable, found.stale_credentials) == (status, retryable, stale)
    assert found.message == f"{status}: so it is"
    assert found.request_id == body.get("id")


def test_too_many_tokens_is_no_more_than_the_status_says(error):
    found = error(400, {"message": "too many tokens: total number of tokens cannot exceed 4096"})
    assert type(found) is InvalidRequestError


def test_the_header_names_the_request_before_the_body(error):
    assert error(500, {"id": "e-1", "message": "m"}, **{"x-debug-trace-id": "t-1"}).request_id == "t-1"


def test_an_error_type_says_more_than_the_status(error):
    found = error(422, {"message": "m", "error_type": "INVALID_TOOL_GENERATION"})
    assert (type(found), found.provider_code) == (InvalidRequestError, "INVALID_TOOL_GENERATION")
    assert "definitions" in found.hint


@pytest.mark.parametrize("words", ["no quota", {"message": "no quota", "type": "t"}])
def test_a_proxy_in_front_is_understood(error, words):
    assert error(429, {"error": words}).message == "429: no quota"


def test_a_text_for_a_body_is_the_message(error):
    assert error(503, b"no healthy\n upstream", **{"content-type": "text/plain"}).message == "503: no healthy upstream"


@pytest.mark.parametrize("body", [b"<html>SECRET PAGE</html>", b"", b"null", b"[1]", b'{"message": 7}'])
def test_a_body_that_says_nothing_is_not_shown(error, body):
    found = error(502, body, **{"content-type": "text/html"})
    assert type(found) is ServerError
    assert "SECRET" not in str(found)
