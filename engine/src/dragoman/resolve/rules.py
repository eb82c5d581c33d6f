"""The rules that a provider ships for its models, and those of a document, at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dragoman.adapter import ExclusiveRule, ForbidRule, RangeRule, Rule, check_document
from dragoman.errors import DocumentError, Problem
from dragoman.events import Report
from dragoman.merge import Merged, value_at


def apply_rules(subject: str, merged: Merged) -> list[Report]:
    """Let a document's rules act on it, and return what they left out.

    Raises:
        DocumentError: A rule forbids what the document says.
    """
    work = _RuleWork(merged, [], [])
    for rule in check_document(merged.document, subject).rules or []:
        _RULES[type(rule)](rule, work)
    if work.problems:
        raise DocumentError(subject, work.problems)
    return work.reports


@dataclass(frozen=True, slots=True)
class _RuleWork:
    merged: Merged
    problems: list[Problem]
    reports: list[Report]

    def value(self, path: str) -> Any:
        return value_at(self.merged.document, path.split("."))

    def origin(self, path: str) -> str:
        wanted = tuple(path.split("."))
        return next((o for p, o in self.merged.origins.items() if p[: len(wanted)] == wanted), "the document")

    def drop(self, path: str, why: str) -> None:
        self.merged.remove(tuple(path.split(".")))
        self.reports.append(Report("rule_dropped", f"{path} was left out: {why}", path))


def _exclusive(rule: ExclusiveRule, work: _RuleWork) -> None:
    present = [path for path in rule.exclusive if work.value(path) is not None]
    if len(present) < 2:
        return
    if rule.keep in present:
        for path in present:
            if path != rule.keep:
                work.drop(path, f"the model takes only one of {', '.join(rule.exclusive)}, and {rule.keep} is kept")
        return
    given = " and ".join(f"{p} (from {work.origin(p)})" for p in present)
    work.problems.append(Problem(present[-1], f"the model takes only one of {given}", "remove one with null"))


def _forbid(rule: ForbidRule, work: _RuleWork) -> None:
    if work.value(rule.forbid) is None:
        return
    if rule.drop:
        work.drop(rule.forbid, "the model does not take it")
    else:
        origin = work.origin(rule.forbid)
        work.problems.append(Problem(rule.forbid, f"the model does not take it (from {origin})", "remove it with null"))


def _range(rule: RangeRule, work: _RuleWork) -> None:
    value = work.value(rule.range)
    if value is None:
        return
    if not isinstance(value, int | float):
        work.problems.append(Problem(rule.range, "is no number, so its range cannot be checked"))
    elif (rule.minimum is not None and value < rule.minimum) or (rule.maximum is not None and value > rule.maximum):
        low, high = ("…" if end is None else f"{end:g}" for end in (rule.minimum, rule.maximum))
        ends = f"{low} to {high}"
        work.problems.append(Problem(rule.range, f"is {value}; the model takes {ends}"))


_RULES: dict[type[Rule], Callable[[Any, _RuleWork], None]] = {
    ExclusiveRule: _exclusive,
    ForbidRule: _forbid,
    RangeRule: _range,
}
