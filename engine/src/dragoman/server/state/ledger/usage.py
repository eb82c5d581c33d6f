"""What was used, from the ledger's rows: by day, project, key, adapter and so on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, case, func, select

from dragoman.adapter import TAG_KEY_PATTERN
from dragoman.server.state import tables
from dragoman.server.state.database import Database
from dragoman.server.state.ledger.record import PICOS, step_s

#: What calls can be grouped by, beside their adapters' tags.
DIMENSIONS = (
    "day", "project", "key", "principal", "adapter", "provider", "model", "base_model", "upstream", "operation",
)  # fmt: skip
#: ``tag:team`` is the tag ``team``.
TAG = "tag:"

#: Costs are summed in two halves, each far from the end of SQLite's 64-bit sums.
_HALF = 10**6
_COLUMN = {"key": "key_id"}
_TOKENS = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_input_tokens", "reasoning_tokens")
_COUNTS = ("requests", "errors", "cancelled", "estimated", "unpriced", *_TOKENS, "bytes_in", "bytes_out")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """What to ask.

    Args:
        by: What to group by, in this order: :data:`DIMENSIONS`, and ``tag:NAME`` for a tag; empty: totals alone.
        since: Only calls that began at this moment or later; ``None``: from the first one on.
        until: Only calls that began before this moment; ``None``: up to now.
        only: Only calls with these values, for example ``{"project": "search"}``; ``None`` = with none.
    """

    by: tuple[str, ...] = ("day",)
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    only: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class UsageGroup:
    """Sums over the calls of one group.

    Args:
        key: What the calls have in common, by dimension; ``None`` where they have none, for example no key.
        requests: Calls, however they ended.
        errors: Those that were answered with an HTTP status of 400 or more.
        cancelled: Those whose client went away; they are no errors.
        estimated: Those whose tokens the engine estimated, because the provider did not say.
        unpriced: Those without a cost, because their adapter has no price or nobody counted their tokens.
        costs: By currency; the empty text stands for an adapter that names none.
        duration_s: On average; ``first_token_s`` likewise, over the calls that had one.
        duration_p50_s: The median, right to 5 %; ``p95`` and ``p99`` likewise. ``None`` where there are no calls.
    """

    key: dict[str, str | None]
    requests: int = 0
    errors: int = 0
    cancelled: int = 0
    estimated: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    reasoning_tokens: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    costs: dict[str, Decimal] = field(default_factory=dict)
    total_duration_s: float = 0.0
    total_first_token_s: float = 0.0
    first_tokens: int = 0
    steps: dict[int, int] = field(default_factory=dict)

    @property
    def duration_s(self) -> float | None:
        """Seconds that a call took, on average."""
        return self.total_duration_s / self.requests if self.requests else None

    @property
    def first_token_s(self) -> float | None:
        """Seconds until the first piece of the answer, on average over the calls that had one."""
        return self.total_first_token_s / self.first_tokens if self.first_tokens else None

    def percentile_s(self, share: float) -> float | None:
        """Return the seconds within which this share of the calls ended, for example 0.95; right to 5 %."""
        left = share * sum(self.steps.values())
        for step in sorted(self.steps):
            left -= self.steps[step]
            if left <= 0:
                return step_s(step)
        return None

    def add(self, other: UsageGroup) -> None:
        """Add another group's sums to this one's."""
        for name in (*_COUNTS, "total_duration_s", "total_first_token_s", "first_tokens"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for currency, amount in other.costs.items():
            self.costs[currency] = self.costs.get(currency, Decimal(0)) + amount
        for step, count in other.steps.items():
            self.steps[step] = self.steps.get(step, 0) + count

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; costs are text, so that no cent is lost to binary fractions."""
        return {
            **self.key,
            **{name: getattr(self, name) for name in _COUNTS},
            "costs": {currency: f"{amount:f}" for currency, amount in sorted(self.costs.items())},
            "duration_s": _rounded(self.duration_s),
            "duration_p50_s": _rounded(self.percentile_s(0.5)),
            "duration_p95_s": _rounded(self.percentile_s(0.95)),
            "duration_p99_s": _rounded(self.percentile_s(0.99)),
            "first_token_s": _rounded(self.first_token_s),
        }


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The answer: the groups in their order, and the sums over all of them."""

    by: tuple[str, ...]
    groups: tuple[UsageGroup, ...]
    total: UsageGroup

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"by": list(self.by), "groups": [g.as_dict() for g in self.groups], "total": self.total.as_dict()}


async def read_usage(database: Database, query: UsageQuery) -> UsageReport:
    """Ask the database.

    Raises:
        StateError: It cannot be read.
    """
    groups: dict[tuple[Any, ...], UsageGroup] = {}
    async with database.reading() as connection:
        for row in (await connection.execute(_sums(query))).mappings():
            _group(groups, query, row).add(_summed(row))
        for row in (await connection.execute(_steps(query))).mappings():
            _group(groups, query, row).steps[row["duration_step"]] = row["requests"]
    ordered = sorted(groups.items(), key=lambda item: tuple((value is None, str(value)) for value in item[0]))
    total = UsageGroup(key={})
    for _, group in ordered:
        total.add(group)
    return UsageReport(query.by, tuple(group for _, group in ordered) if query.by else (), total)


def is_dimension(text: str) -> bool:
    """Return whether calls can be grouped by this."""
    return text in DIMENSIONS or (text.startswith(TAG) and TAG_KEY_PATTERN.fullmatch(text[len(TAG) :]) is not None)


def _column(dimension: str) -> ColumnElement[Any]:
    if dimension.startswith(TAG):
        tag: ColumnElement[Any] = tables.calls.c.tags[dimension[len(TAG) :]].as_string()
        return tag
    return tables.calls.c[_COLUMN.get(dimension, dimension)]


def _sums(query: UsageQuery) -> Select[Any]:
    c = tables.calls.c
    is_cancelled = c.status == 499

    def counted(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    columns = [
        c.currency,
        func.count().label("requests"),
        counted((c.status >= 400) & ~is_cancelled).label("errors"),
        counted(is_cancelled).label("cancelled"),
        counted(c.usage_source == "estimated").label("estimated"),
        counted(c.cost_picos.is_(None)).label("unpriced"),
        *(func.coalesce(func.sum(c[name]), 0).label(name) for name in (*_TOKENS, "bytes_in", "bytes_out")),
        func.sum(c.cost_picos // _HALF).label("high"),
        func.sum(c.cost_picos % _HALF).label("low"),
        func.sum(c.duration_s).label("total_duration_s"),
        func.coalesce(func.sum(c.first_token_s), 0.0).label("total_first_token_s"),
        func.count(c.first_token_s).label("first_tokens"),
    ]
    return _grouped(query, columns, c.currency)


def _steps(query: UsageQuery) -> Select[Any]:
    step = tables.calls.c.duration_step
    return _grouped(query, [step, func.count().label("requests")], step)


def _grouped(query: UsageQuery, columns: list[Any], beside: ColumnElement[Any]) -> Select[Any]:
    dimensions = [_column(name).label(f"by_{place}") for place, name in enumerate(query.by)]
    # By their labels: a tag's name is a parameter, and PostgreSQL takes two parameters for two expressions.
    asked = select(*dimensions, *columns).group_by(*(f"by_{place}" for place in range(len(query.by))), beside)
    if query.since is not None:
        asked = asked.where(tables.calls.c.at >= query.since)
    if query.until is not None:
        asked = asked.where(tables.calls.c.at < query.until)
    for name, value in query.only.items():
        asked = asked.where(_column(name) == (dt.date.fromisoformat(value) if name == "day" and value else value))
    return asked


def _group(groups: dict[tuple[Any, ...], UsageGroup], query: UsageQuery, row: RowMapping) -> UsageGroup:
    values = tuple(row[f"by_{place}"] for place in range(len(query.by)))
    if values not in groups:
        groups[values] = UsageGroup(key=dict(zip(query.by, map(_shown, values), strict=True)))
    return groups[values]


def _summed(row: RowMapping) -> UsageGroup:
    summed = UsageGroup(key={})
    for name in _COUNTS:
        setattr(summed, name, int(row[name]))
    summed.total_duration_s = float(row["total_duration_s"])
    summed.total_first_token_s = float(row["total_first_token_s"])
    summed.first_tokens = int(row["first_tokens"])
    if row["high"] is not None:
        amount = Decimal(int(row["high"]) * _HALF + int(row["low"])) / PICOS
        summed.costs[row["currency"] or ""] = amount.normalize() + 0
    return summed


def _shown(value: Any) -> str | None:
    return value.isoformat() if isinstance(value, dt.date) else value


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
