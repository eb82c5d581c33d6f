from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConflictError,
    ConnectionFailedError,
    ContentFilteredError,
    ContextOverflowError,
    InvalidRequestError,
    MessageError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    SecretError,
    ServerError,
    UnsupportedError,
)
from dragoman.transport.retry import retry_after_s, retry_delay_s

NOW_S = 1_700_000_000.0


def http_date(seconds_from_now):
    return format_datetime(datetime.fromtimestamp(NOW_S + seconds_from_now, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after": http_date(7)}, 7.0),
        ({"retry-after": http_date(-60)}, 0.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:27"}, 7.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
    ],
)
def test_what_a_provider_asks_for_is_read(headers, seconds):
    assert retry_after_s(headers, now_s=NOW_S) == seconds


def delay(error, attempts_made=1, max_attempts=3, remaining_s=None, chance=0.999):
    return retry_delay_s(
        error, attempts_made=attempts_made, max_attempts=max_attempts, remaining_s=remaining_s, random=lambda: chance
    )


@pytest.mark.parametrize(
    "error",
    [
        RateLimitedError("x"),
        ServerError("x"),
        ConflictError("x"),
        ConnectionFailedError("x"),
        CallTimeoutError("x", phase="first_byte"),
        InvalidRequestError("x", retryable=True),
    ],
)
def test_what_may_pass_is_tried_again(error):
    assert delay(error) is not None


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestError("x"),
        AuthenticationError("x"),
        PermissionDeniedError("x"),
        ModelNotFoundError("x"),
        ContextOverflowError("x"),
        ContentFilteredError("x"),
        ProtocolError("x"),
        ServerError("x", retryable=False),
        MessageError("x"),
        SecretError("x"),
        UnsupportedError("x"),
    ],
)
def test_what_stays_as_it_is_is_not_tried_again(error):
    assert delay(error) is None


@pytest.mark.parametrize(("attempts_made", "longest"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 8), (9, 8)])
def test_delays_double_up_to_the_longest_and_are_spread_over_their_upper_half(attempts_made, longest):
    assert delay(ServerError("x"), attempts_made, 10, chance=0) == longest / 2
    assert longest / 2 < delay(ServerError("x"), attempts_made, 10, chance=0.999) < longest


def test_the_last_attempt_is_the_last():
    assert delay(ServerError("x"), attempts_made=2) is not None
    assert delay(ServerError("x"), attempts_made=3) is None
    assert delay(ServerError("x"), max_attempts=1) is None


@pytest.mark.parametrize("asked_s", [0, 5, 120])
def test_the_providers_own_figure_is_never_undercut(asked_s):
    error = RateLimitedError("x", retry_after_s=asked_s)
    assert delay(error, chance=0) == asked_s
    assert asked_s < delay(error, chance=0.999) < asked_s + 1


@pytest.mark.parametrize(
    ("asked_s", "remaining_s"), [(121, None), (20, 20), (20, 10), (None, 0.2), (None, 0), (None, -1)]
)
def test_a_wait_that_is_too_long_ends_the_call_now(asked_s, remaining_s):
    assert delay(RateLimitedError("x", retry_after_s=asked_s), remaining_s=remaining_s) is None
