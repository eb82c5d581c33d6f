"""One call as the ledger books it, and its form in the journal and in the database."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from dragoman.events import NO_USAGE, Usage
from dragoman.server.state.texts import storable

#: The database holds amounts as whole numbers of this fraction of the currency's unit: sums are exact everywhere.
PICOS = Decimal(10) ** 12

#: A duration's step is the power of this that reaches it, in milliseconds; so percentiles are right to 5 %.
STEP_RATIO = 1.1

_MAX_CHARS = {
    "call_id": 64, "principal": 200, "key_id": 20, "project": 200, "adapter": 200, "adapter_digest": 64,
    "upstream": 200, "provider": 80, "model": 300, "base_model": 300, "operation": 20, "currency": 10,
    "error_code": 80,
}  # fmt: skip
_MAX_BIGINT = 2**63 - 1
#: Longer texts are cut before they are written; the database cuts them further.
MAX_LINE_CHARS = 1000
_MAX_TAG_CHARS = 256
#: No call has more tokens or bytes than this; a provider that says so must not break everybody's sums.
_MAX_COUNT = 10**12
_COUNTS = (
    "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_input_tokens", "reasoning_tokens",
    "bytes_in", "bytes_out",
)  # fmt: skip
_AS_THEY_ARE = ("usage_source", "duration_s", "first_token_s")


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """One call, however it ended. It holds no text of a prompt or an answer.

    Args:
        call_id: Unique; a second record of one id is the same record and is booked once.
        at: When the call began, in seconds since 1970.
        principal: Who called: a key's name, a token's subject.
        operation: ``chat``, ``embed`` or ``rerank``.
        duration_s: From the request's arrival to the answer's end.
        status: The HTTP status that was answered; 499 where the client went away before the end.
        key_id: The key's id; ``None`` for a token.
        project: What the call is booked on.
        adapter: The adapter's name, ``None`` for an unsaved document; ``adapter_digest`` is the effective document's.
        upstream: The upstream taken; ``None`` where the document names none.
        provider: The provider's kind; ``None`` where the call failed before it was known.
        model: What was called: a model's id, a deployment, a profile's ARN; ``None`` likewise.
        base_model: The model behind it, where the adapter names one.
        tags: The adapter's, through the upstream that was taken; ``None`` where it has none.
        usage: The tokens and who counted them.
        cost: By the adapter's pricing; ``None`` where it has no price. ``currency`` goes with it.
        first_token_s: From the request's arrival to the first piece of the answer; ``None`` where none came.
        error_code: The error's code; ``None``: no error.
        attempts: Attempts at the provider; 0 where the call was refused before.
        bytes_in: The request's body as it came; ``bytes_out`` the answer's as it went.
    """

    call_id: str
    at: float
    principal: str
    operation: str
    duration_s: float
    status: int
    key_id: str | None = None
    project: str | None = None
    adapter: str | None = None
    adapter_digest: str | None = None
    upstream: str | None = None
    provider: str | None = None
    model: str | None = None
    base_model: str | None = None
    tags: Mapping[str, str | None] | None = None
    usage: Usage = NO_USAGE
    cost: Decimal | None = None
    currency: str | None = None
    first_token_s: float | None = None
    error_code: str | None = None
    attempts: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def as_json(self) -> bytes:
        """Return the journal's form: one line of JSON. Its members are named, for a newer version may read them."""
        usage = self.usage
        shown = {
            "call_id": self.call_id,
            "at": self.at,
            "principal": self.principal,
            "operation": self.operation,
            "duration_s": self.duration_s,
            "status": self.status,
            "key_id": self.key_id,
            "project": self.project,
            "adapter": self.adapter,
            "adapter_digest": self.adapter_digest,
            "upstream": self.upstream,
            "provider": self.provider,
            "model": self.model,
            "base_model": self.base_model,
            "tags": self.tags,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cached_input_tokens": usage.cached_input_tokens,
            "cache_write_input_tokens": usage.cache_write_input_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "usage_source": usage.source,
            "cost": None if self.cost is None else str(self.cost),
            "currency": self.currency,
            "first_token_s": self.first_token_s,
            "error_code": self.error_code,
            "attempts": self.attempts,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
        }
        try:
            return orjson.dumps(shown)
        except TypeError:  # half a character, or a number beyond 64 bits; rare, and no reason to lose the call
            return orjson.dumps({name: _writable(value) for name, value in shown.items()}, default=str)


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value, MAX_LINE_CHARS)
    if isinstance(value, Mapping):
        return {storable(name, MAX_LINE_CHARS): _writable(inner) for name, inner in value.items()}
    return _bounded(value, _MAX_COUNT) if isinstance(value, int) else value


def row_of(line: bytes) -> dict[str, Any]:
    """Return the database's row for a line of the journal: texts cut to their columns, numbers to their ranges.

    Raises:
        ValueError: It is no call; what it holds was not written by :meth:`CallRecord.as_json`.
    """
    found = orjson.loads(line)
    try:
        row = {name: found.get(name) for name in _AS_THEY_ARE}
        for name, chars in _MAX_CHARS.items():
            text = row[name] = found.get(name)
            if text is not None and (len(text) > chars or not text.isascii() or "\x00" in text):
                row[name] = storable(text, chars)
        for name in _COUNTS:
            count = row[name] = found.get(name)
            if count is not None and not 0 <= count <= _MAX_COUNT:
                row[name] = _bounded(count, _MAX_COUNT)
        row["tags"] = _tags_of(found.get("tags"))
        cost = found.get("cost")
        at = row["at"] = dt.datetime.fromtimestamp(found["at"], dt.UTC)
        row["day"] = at.date()
        row["status"] = _bounded(found["status"], 999)
        row["attempts"] = _bounded(found["attempts"], 9999)
        row["cost_picos"] = None if cost is None else picos(Decimal(cost))
        row["duration_step"] = duration_step(found["duration_s"])
    except (KeyError, TypeError, AttributeError, ArithmeticError, OverflowError, OSError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    return row


def _tags_of(tags: Mapping[str, str] | None) -> str | None:
    """Return tags as the database's JSON; a key or a value that is no text ends as a ``TypeError``."""
    if not tags:
        return None
    return json.dumps({storable(key, _MAX_TAG_CHARS): storable(value, _MAX_TAG_CHARS) for key, value in tags.items()})


def picos(amount: Decimal) -> int:
    """Return an amount as the database holds it, rounded to a millionth of a millionth of the currency's unit."""
    return _bounded(int((amount * PICOS).to_integral_value()), _MAX_BIGINT)


def duration_step(duration_s: float) -> int:
    """Return the logarithmic step of a duration; 0 is up to a millisecond."""
    return max(0, math.ceil(math.log(max(duration_s * 1000, 1.0), STEP_RATIO)))


def step_s(step: int) -> float:
    """Return the duration in the middle of a step, in seconds."""
    return float(STEP_RATIO ** (step - 0.5)) / 1000


def _bounded(number: int, most: int) -> int:
    return max(0, min(int(number), most))
