from decimal import Decimal

import pytest
from dragoman.adapter import Pricing
from dragoman.events import NO_USAGE, Usage
from dragoman.pricing import Cost, cost_of

CACHED = Pricing(
    currency="USD", input_per_million="3.00", output_per_million="15.00", cached_input_per_million="0.30",
    cache_write_input_per_million="3.75",
)  # fmt: skip


def used(given=None, written=None, cached=None, cache_written=None):
    return Usage(given, written, None, cached, cache_written, None, "provider")


@pytest.mark.parametrize(
    ("usage", "pricing", "amount"),
    [
        (used(1_000_000, 1_000_000), CACHED, "18"),
        (used(1000, 100), CACHED, "0.0045"),
        # of 1000 read, 600 came from the cache and 300 went into it: 100 are plain
        (used(1000, 100, 600, 300), CACHED, "0.003105"),
        (used(1000, 0, 1000), CACHED, "0.0003"),
        # what has no price of its own costs what other input does
        (used(1000, 0, 600, 300), Pricing(input_per_million="3"), "0.003"),
        (
            used(1000, 100, 600),
            Pricing(input_per_million="3", output_per_million="15", cached_input_per_million="0"),
            "0.0027",
        ),
        # a provider that counts cached tokens beside the input, against the contract, is not paid for less than nothing
        (used(10, 0, 600), CACHED, "0.00018"),
        (used(1, 0), Pricing(input_per_million="0.0375", output_per_million="0"), "0.0000000375"),
        (used(1, None), Pricing(input_per_million="0.0375"), "0.0000000375"),
        (used(0, 0), CACHED, "0"),
        (used(1000, 7), Pricing(input_per_million="0", output_per_million="0"), "0"),
    ],
)
def test_what_a_call_costs(usage, pricing, amount):
    cost = cost_of(usage, pricing)
    assert cost.amount == Decimal(amount)
    assert cost.currency == pricing.currency


def test_sums_are_exact():
    one = cost_of(used(1, 0), Pricing(input_per_million="0.1", output_per_million="1"))
    assert one.amount * 10_000_000 == Decimal(1)


@pytest.mark.parametrize(
    ("usage", "pricing"),
    [
        (used(1, 1), None),
        (used(1, 1), Pricing(currency="USD")),
        (used(1, 1), Pricing(input_per_million="1")),
        (used(1, 1), Pricing(output_per_million="1")),
        (NO_USAGE, CACHED),
    ],
)
def test_no_price_or_no_count_is_no_cost_rather_than_none_at_all(usage, pricing):
    assert cost_of(usage, pricing) is None


def test_an_estimate_is_priced():
    estimated = Usage(1000, 0, source="estimated")
    assert cost_of(estimated, CACHED) == Cost(Decimal("0.003"), "USD")
