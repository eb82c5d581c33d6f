from __future__ import annotations

import json

import pytest
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConflictError,
    ContentFilteredError,
    ContextOverflowError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProtocolError,
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


def said(code=None, type=None, message="the provider's words", **rest):
    return {"error": {"message": message, "type": type, "param": None, "code": code, **rest}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, ModelNotFoundError),
        (408, CallTimeoutError),
        (409, ConflictError),
        (413, InvalidRequestError),
        (422, InvalidRequestError),
        (429, RateLimitedError),
        (418, InvalidRequestError),
        (500, ServerError),
        (503, ServerError),
        (529, ServerError),
        (302, ProtocolError),
    ],
)
@pytest.mark.parametrize(
    "body",
    [b"<html><body>SECRET PAGE</body></html>", b"", b'{"error": {"mess', b"null", b"[]", b'"text"', b'{"error": 7}'],
)
def test_the_status_decides_where_the_body_says_nothing(error, status, kind, body):
    found = error(status, body, **{"content-type": "text/html"})
    assert type(found) is kind
    assert (found.status, found.provider_code) == (status, None)
    assert "SECRET" not in str(found)
    assert str(status) in str(found)


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable", "stale"),
    [
        (400, said("context_length_exceeded", "invalid_request_error"), ContextOverflowError, False, False),
        (400, said(400, "exceed_context_size_error"), ContextOverflowError, False, False),
        (400, said("content_filter", innererror={"code": "x"}), ContentFilteredError, False, False),
        (400, said("x", innererror={"code": "ResponsibleAIPolicyViolation"}), ContentFilteredError, False, False),
        (400, said("content_policy_violation"), ContentFilteredError, False, False),
        (400, said("invalid_value", "invalid_request_error"), InvalidRequestError, False, False),
        (401, said("invalid_api_key", "invalid_request_error"), AuthenticationError, False, True),
        (401, said("401"), AuthenticationError, False, True),
        (401, said("account_deactivated"), PermissionDeniedError, False, False),
        (403, said("token_expired"), AuthenticationError, False, True),
        (403, said("invalid_api_key"), AuthenticationError, False, True),
        (403, said("unsupported_country_region_territory"), PermissionDeniedError, False, False),
        (404, said("model_not_found", "invalid_request_error"), ModelNotFoundError, False, False),
        (404, said("DeploymentNotFound", "invalid_request_error"), ModelNotFoundError, False, False),
        (400, said("model_not_found"), ModelNotFoundError, False, False),
        (429, said("rate_limit_exceeded", "requests"), RateLimitedError, True, False),
        (429, said("insufficient_quota", "insufficient_quota"), RateLimitedError, False, False),
        (429, said("429"), RateLimitedError, True, False),
        (500, said(None, "server_error"), ServerError, True, False),
        (400, {"message": "m", "type": "BadRequestError", "code": 400}, InvalidRequestError, False, False),
        (500, {"error": "text", "error_type": "generation"}, ServerError, True, False),
    ],
)  # fmt: skip
def test_the_providers_code_refines_the_status(error, status, body, kind, retryable, stale):
    found = error(status, body)
    assert type(found) is kind
    assert (found.retryable, found.stale_credentials, found.status) == (retryable, stale, status)


@pytest.mark.parametrize(
    ("header", "status", "retryable"),
    [("true", 400, True), ("false", 500, False), ("odd", 500, True), ("odd", 400, False)],
)
def test_the_provider_may_say_whether_to_retry(error, header, status, retryable):
    assert error(status, said(), **{"x-should-retry": header}).retryable is retryable


def test_the_providers_words_code_and_id_are_kept_in_one_line(error):
    found = error(429, said("rate_limit_exceeded", message="slow\n down"), **{"x-request-id": "r-1"})
    assert str(found) == "429 rate_limit_exceeded: slow down"
    assert (found.provider_code, found.request_id) == ("rate_limit_exceeded", "r-1")


def test_a_text_for_a_body_is_the_message(error):
    found = error(422, b"temperature: too\n hot", **{"content-type": "text/plain; charset=utf-8"})
    assert str(found) == "422: temperature: too hot"


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (said("unsupported_parameter") | {}, None),
        ({"error": {"message": "m", "param": "max_tokens", "code": "unsupported_parameter"}}, "max_tokens_field"),
        ({"error": {"message": "m", "param": "stream_options", "code": "unknown_parameter"}}, "stream_usage"),
        ({"error": {"message": "m", "param": "messages[0].role", "code": "unsupported_value"}}, "system_role"),
    ],
)
def test_a_refused_member_says_which_setting_helps(error, body, hint):
    found = error(400, body)
    assert (hint is None and found.hint is None) or hint in found.hint
