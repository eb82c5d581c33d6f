"""Refusals: by type, then by status, with what to do."""

from __future__ import annotations

import pickle

import pytest
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConflictError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
)

BEHIND = ":http://internal.amazon.com/coral/com.amazon.bedrock/"

TYPES = {
    ("ValidationException", 400): InvalidRequestError,
    ("AccessDeniedException", 403): PermissionDeniedError,
    ("ResourceNotFoundException", 404): ModelNotFoundError,
    ("ThrottlingException", 429): RateLimitedError,
    ("ModelNotReadyException", 429): RateLimitedError,
    ("ServiceQuotaExceededException", 400): RateLimitedError,
    ("ModelTimeoutException", 408): CallTimeoutError,
    ("ModelErrorException", 424): ServerError,
    ("ModelStreamErrorException", 424): ServerError,
    ("InternalServerException", 500): ServerError,
    ("ServiceUnavailableException", 503): ServerError,
    ("ConflictException", 400): ConflictError,
    ("ExpiredTokenException", 403): AuthenticationError,
    ("ExpiredToken", 403): AuthenticationError,
    ("UnrecognizedClientException", 403): AuthenticationError,
    ("InvalidSignatureException", 403): AuthenticationError,
    ("MissingAuthenticationTokenException", 403): AuthenticationError,
}


@pytest.mark.parametrize(("code", "status"), TYPES)
@pytest.mark.parametrize("written", ["{}" + BEHIND, "{}", "com.amazon.coral.service#{}"])
def test_the_type_decides(speak, code, status, written):
    named = written.format(code)
    error = speak().error(status, {"message": "why"}, x_amzn_errortype=named, x_amzn_requestid="r-1")
    assert type(error) is TYPES[code, status]
    assert (error.status, error.provider_code, error.request_id) == (status, code, "r-1")
    assert f"{status} {code}: why" in str(error)
    assert pickle.loads(pickle.dumps(error)).provider_code == code  # noqa: S301


def test_a_type_in_the_body_counts_too(speak):
    error = speak().error(400, {"__type": "com.amazonaws#ThrottlingException", "message": "slow"})
    assert type(error) is RateLimitedError


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidRequestError), (403, PermissionDeniedError), (404, ModelNotFoundError), (502, ServerError)],
)
@pytest.mark.parametrize("body", ["<html>", [], {}, {"message": 5}])
def test_without_a_type_the_status_decides(speak, status, kind, body):
    assert type(speak().error(status, body)) is kind


def test_only_refused_credentials_are_stale(speak):
    for (code, status), kind in TYPES.items():
        error = speak().error(status, {"message": "why"}, x_amzn_errortype=code)
        assert error.stale_credentials is (kind is AuthenticationError)


def test_a_spent_quota_is_not_tried_again(speak):
    quota = speak().error(400, {"message": "m"}, x_amzn_errortype="ServiceQuotaExceededException")
    assert not quota.retryable
    assert "Service Quotas" in str(quota)
    assert speak().error(429, {"message": "m"}, x_amzn_errortype="ThrottlingException").retryable


def test_a_denial_names_who_what_and_where(speak):
    role = "arn:aws:iam::222222222222:role/Invoke"
    text = (
        "User: arn:aws:sts::222222222222:assumed-role/Invoke/dragoman is not authorized to perform: "
        "bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1::foundation-model/m because no policy allows it"
    )
    error = speak(roles=[{"arn": role}]).error(403, {"message": text}, x_amzn_errortype="AccessDeniedException")
    for expected in (role, "bedrock:InvokeModel", "arn:aws:bedrock:us-east-1::foundation-model/m"):
        assert expected in (error.hint or "")


def test_refused_credentials_name_who(speak):
    profile = {"kind": "aws_profile", "profile": "team-a"}
    error = speak(auth=profile).error(403, {"message": "expired"}, x_amzn_errortype="ExpiredTokenException")
    assert "team-a" in str(error)
