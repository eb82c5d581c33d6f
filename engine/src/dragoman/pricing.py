"""What a call costs, by its adapter's pricing: exact decimals, no binary fractions."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from dragoman.adapter import Pricing
from dragoman.events import Usage

_PER_MILLION = Decimal("1E-6")


class Cost(NamedTuple):
    """An amount of a currency (ISO 4217); ``currency`` is ``None`` where the adapter names none."""

    amount: Decimal
    currency: str | None


def cost_of(usage: Usage, pricing: Pricing | None) -> Cost | None:
    """Return what the tokens cost; ``None`` where the adapter has no price for them, or nobody counted them.

    Cached and cache-written tokens are part of the input tokens. They have prices of their own; where the adapter
    names none, they cost what other input does. ``"0"`` is free. Reasoning is part of the output.
    """
    if pricing is None or usage.source == "absent":
        return None
    cached = usage.cached_input_tokens or 0
    written = usage.cache_write_input_tokens or 0
    plain = max(0, (usage.input_tokens or 0) - cached - written)
    per_input = pricing.input_per_million
    counted = (
        (plain, per_input),
        (cached, pricing.cached_input_per_million or per_input),
        (written, pricing.cache_write_input_per_million or per_input),
        (usage.output_tokens or 0, pricing.output_per_million),
    )
    total, has_price = Decimal(0), False
    for tokens, per_million in counted:
        if per_million is not None:
            has_price = True
            total += tokens * _price(per_million)
        elif tokens:
            return None
    return Cost((total * _PER_MILLION).normalize() + 0, pricing.currency) if has_price else None


_price = lru_cache(maxsize=1024)(Decimal)  # the same few texts with every call
