"""What LangChain classes raise, as errors of ours."""

import json
import pickle

import pytest
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConflictError,
    ConnectionFailedError,
    ContextOverflowError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    SecretError,
    ServerError,
    UnsupportedError,
)
from dragoman.langchain_driver.faults import translate

SUBJECT = "the LangChain class Chat"


def translated(error):
    try:
        raise error
    except Exception as raised:  # noqa: BLE001  (any error is what is under test)
        return translate(raised, SUBJECT)


def error_class(name, *bases, **members):
    return type(name, bases or (Exception,), members)


class Reply:
    def __init__(self, status, **headers):
        self.status_code = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, ModelNotFoundError),
        (408, CallTimeoutError),
        (409, ConflictError),
        (429, RateLimitedError),
        (500, ServerError),
        (529, ServerError),
        (307, ProtocolError),
    ],
)
@pytest.mark.parametrize(
    "members",
    [
        lambda status: {"status_code": status},
        lambda status: {"response": Reply(status)},
        lambda status: {"status": status},
        lambda status: {"response": {"ResponseMetadata": {"HTTPStatusCode": status}}},
    ],
)
def test_a_status_decides_wherever_the_sdk_keeps_it(status, kind, members):
    error = translated(error_class("ApiError", **members(status))("secret prompt"))
    assert (type(error), error.status) == (kind, status)
    assert error.message == f"{status}: the provider did not say more to {SUBJECT}"
    assert error.stale_credentials == (status == 401)


@pytest.mark.parametrize(
    ("members", "message", "code"),
    [
        ({"body": {"message": "too  much\n", "type": "rate"}, "code": "slow"}, "429 slow: too much", "slow"),
        ({"body": {"error": {"message": "too much", "type": "rate"}}}, "429 rate: too much", "rate"),
        ({"body": "too much"}, "429: too much", None),
        ({"message": "too much", "type": "rate"}, "429 rate: too much", "rate"),
        ({"response": {"Error": {"Message": "too much", "Code": "Many"}}}, "429 Many: too much", "Many"),
    ],
)
def test_the_providers_own_words_and_code_are_kept(members, message, code):
    error = translated(error_class("ApiError", status_code=429, **members)())
    assert (error.message, error.provider_code) == (message, code)


def test_what_the_headers_say_is_kept():
    error = translated(error_class("ApiError", response=Reply(429, Retry_After="7", X_Request_Id="r-1"))())
    assert (error.retry_after_s, error.request_id, error.retryable) == (7, "r-1", True)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("x"), CallTimeoutError),
        (error_class("ReadTimeout", error_class("TimeoutException"))(), CallTimeoutError),
        (error_class("APITimeoutError", error_class("APIConnectionError"))(), CallTimeoutError),
        (ConnectionRefusedError("x"), ConnectionFailedError),
        (error_class("EndpointConnectionError", error_class("ConnectionError"))(), ConnectionFailedError),
        (error_class("ConnectError", error_class("TransportError"))(), ConnectionFailedError),
        (error_class("NoCredentialsError")(), AuthenticationError),
        (error_class("OwnOverflow", error_class("ContextOverflowError"))(), ContextOverflowError),
        (error_class("OwnLimit", error_class("ModelRateLimitError"))(), RateLimitedError),
        (json.JSONDecodeError("x", "the prompt", 0), ProtocolError),
    ],
)
def test_without_a_status_the_class_decides(error, kind):
    found = translated(error)
    assert type(found) is kind
    assert type(error).__name__ in found.message
    assert "prompt" not in found.message


def test_a_time_out_says_in_which_phase():
    assert translated(error_class("ConnectTimeout", error_class("TimeoutException"))()).phase == "connect"
    assert translated(error_class("StreamChunkTimeoutError", TimeoutError)()).phase == "between_chunks"


def test_a_class_may_know_more_than_the_status():
    error = error_class("OverflowError_", error_class("ContextOverflowError"), status_code=400)()
    assert type(translated(error)) is ContextOverflowError
    error = error_class("Busy", error_class("ModelConnectionError"), status_code=503)()
    assert type(translated(error)) is ServerError


def test_langchains_own_errors_are_known():
    exceptions = pytest.importorskip("langchain_core.exceptions", reason="langchain-core is not installed")
    named = {
        name: kind
        for name, kind in vars(exceptions).items()
        if isinstance(kind, type) and issubclass(kind, exceptions.ModelError) and kind is not exceptions.ModelError
    }
    assert len(named) >= 9
    for kind in named.values():
        found = translated(kind())
        assert type(found) is not ProviderError
        assert found.retryable == kind.is_retryable


def test_an_unknown_error_shows_its_place_and_not_its_text():
    error = translated(KeyError("the prompt"))
    assert type(error) is ProviderError
    assert not error.retryable
    assert error.message.startswith(f"{SUBJECT} failed: KeyError at ")
    assert "prompt" not in error.message


def test_what_a_class_cannot_do_is_no_failure_of_the_provider():
    assert type(translated(NotImplementedError("the prompt"))) is UnsupportedError


def test_one_of_ours_among_the_causes_is_the_error():
    ours = SecretError("the secret K is missing")
    wrapped = error_class("APIConnectionError")()
    wrapped.__cause__ = RuntimeError()
    wrapped.__cause__.__cause__ = ours
    assert translated(wrapped) is ours
    assert translated(ours) is ours


def test_a_property_that_raises_is_passed_over():
    class ShyError(Exception):
        @property
        def response(self):
            raise RuntimeError("not yet")

    assert type(translated(ShyError())) is ProviderError


def test_the_result_survives_pickling():
    error = translated(error_class("ApiError", response=Reply(429, Retry_After="7"))())
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)
    assert (type(again), again.retry_after_s, str(again)) == (RateLimitedError, 7, str(error))
