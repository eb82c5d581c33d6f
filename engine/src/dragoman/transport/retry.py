"""When a failed attempt may be tried again, and after how long. Pure functions: clock and chance are arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from dragoman.errors import DragomanError

#: Delays double from the first to the longest, in seconds.
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 8.0

#: A provider that asks for a longer wait is not waited for: the caller knows better what to do meanwhile.
LONGEST_RETRY_AFTER_S = 120.0

#: Spread added to the provider's own figure, so that many callers told the same do not come back at once.
RETRY_AFTER_SPREAD_S = 0.25


def retry_delay_s(
    error: DragomanError,
    *,
    attempts_made: int,
    max_attempts: int,
    remaining_s: float | None,
    random: Callable[[], float],
) -> float | None:
    """Return the seconds to wait before the next attempt; ``None`` means: give up and raise the error.

    Only for a call of which the caller has not seen an event yet; after that nothing may be sent again.

    Args:
        error: What the last attempt failed with.
        attempts_made: How many there were, from 1.
        max_attempts: How many there may be.
        remaining_s: What is left of the call's total time; ``None`` = no limit.
        random: Returns a number from 0 up to, not including, 1.
    """
    if not error.retryable or attempts_made >= max_attempts:
        return None
    asked_s: float | None = getattr(error, "retry_after_s", None)
    if asked_s is None:
        delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** (attempts_made - 1)) * (0.5 + 0.5 * random())
    elif asked_s <= LONGEST_RETRY_AFTER_S:
        delay_s = asked_s + RETRY_AFTER_SPREAD_S * random()
    else:
        return None
    return None if remaining_s is not None and delay_s >= remaining_s else delay_s


def retry_after_s(headers: Mapping[str, str], *, now_s: float) -> float | None:
    """Return the seconds that a reply asks to wait, never negative; ``None`` where it does not say.

    ``retry-after-ms``, which some providers send, counts before ``retry-after``, which is seconds or an HTTP date.

    Args:
        headers: With lower-case names.
        now_s: Wall-clock time in seconds since 1970, for the date.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    return seconds if seconds is not None or text is None else _until(text, now_s)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return max(0.0, value) if math.isfinite(value) else None


def _until(date: str, now_s: float) -> float | None:
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now_s)
