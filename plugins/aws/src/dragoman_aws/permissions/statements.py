"""Statements of an IAM policy, and how several become fewer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

VERSION = "2012-10-17"
ANY = "*"


@dataclass(frozen=True)
class Statement:
    """Something that is allowed.

    Args:
        sid: Letters and digits; says to a reader what it is for.
        actions: For example ``bedrock:InvokeModel``.
        resources: ARNs; ``*`` where the actions know none.
        condition: As IAM writes it.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as a policy holds it: one value alone stands without a list."""
        shown: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": _one_or_many(self.actions),
            "Resource": _one_or_many(self.resources),
        }
        return {**shown, "Condition": dict(self.condition)} if self.condition else shown


def document(statements: Iterable[Statement]) -> dict[str, Any]:
    """Return a policy document."""
    return {"Version": VERSION, "Statement": [statement.as_json() for statement in statements]}


def merge(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """Return as few statements as allow the same: equal actions and conditions share their resources.

    Sids stay unique: where one is taken, a number is added.
    """
    found: dict[tuple[tuple[str, ...], str], Statement] = {}
    for statement in statements:
        key = (statement.actions, json.dumps(statement.condition, sort_keys=True))
        if (before := found.get(key)) is None:
            found[key] = statement
        else:
            resources = tuple(dict.fromkeys([*before.resources, *statement.resources]))
            found[key] = Statement(before.sid, before.actions, resources, before.condition)
    return tuple(_with_own_sids(found.values()))


def _with_own_sids(statements: Iterable[Statement]) -> Iterable[Statement]:
    counts: dict[str, int] = {}
    for statement in statements:
        number = counts[statement.sid] = counts.get(statement.sid, 0) + 1
        sid = statement.sid if number == 1 else f"{statement.sid}{number}"
        yield Statement(sid, statement.actions, statement.resources, statement.condition)


def _one_or_many(values: tuple[str, ...]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
