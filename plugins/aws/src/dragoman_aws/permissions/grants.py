"""What a principal may do with a target: a policy, and what about it is not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dragoman.errors import DocumentError, Problem

from dragoman_aws.permissions.resources import Caller, Grantable, touched_by
from dragoman_aws.permissions.statements import ANY, Statement, document, merge
from dragoman_aws.permissions.uses import BY_USE, Wanted
from dragoman_aws.profiles import Invokable
from dragoman_aws.uses import USES, Use

#: A note; snippets that know their own account need not say it.
OPEN_ACCOUNT = "the account is not known, * stands in its place: name it to narrow the policy"


@dataclass(frozen=True)
class Grant:
    """A policy for one principal.

    Args:
        principal: The ARN of the role or user; ``None`` = whoever it is attached to.
        statements: What is allowed.
        notes: What could not be known, for a person; empty = the policy is exact.
        title: Who gets it and what for, for a person.
    """

    principal: str | None
    statements: tuple[Statement, ...]
    notes: tuple[str, ...] = ()
    title: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """The policy document."""
        return document(self.statements)


def grant(
    target: Grantable,
    principal: str | None = None,
    *,
    region: str | Sequence[str] = (),
    account: str = "",
    uses: Sequence[Use] = ("invoke",),
    streaming: bool = True,
    base_model: str | None = None,
    source: str | Sequence[str] = (),
    through_profile_only: bool = False,
    batch_role: str | None = None,
) -> Grant:
    """Return what a principal needs to use a target.

    Args:
        target: An id, an ARN, a profile or a router.
        principal: The ARN of the role or user; ``None`` = left open.
        region: Where it is called; several where it is called from several, ``*`` = from everywhere. An ARN brings its
            own.
        account: Whose it is, in 12 digits; empty = ``*`` stands in the ARNs, and a note says so.
        uses: ``invoke``; ``lookup``: what the doctor asks: describe and list it, see whether access is granted;
            ``access``: see that and request it; ``prompt``: read a stored prompt; ``batch``: jobs of model invocation;
            ``list``: everything that a listing of models asks for; ``manage``: create, tag and delete application
            profiles of it; of a prompt: push it, make versions, delete it.
        streaming: Whether answers are streamed as well.
        base_model: The model behind an ARN that does not say it.
        source: What an application profile was made from, or the models of a custom router.
        through_profile_only: Whether models may be reached through the profile alone.
        batch_role: For ``batch``: the ARN of the role that the service reads and writes S3 with.

    Raises:
        DocumentError: No region is given for an id, a use is not known, or an ARN is of nothing that is invoked.
    """
    if unknown := [use for use in uses if use not in USES]:
        raise DocumentError("policy", [Problem("uses", f"{unknown[0]!r} is not known", f"one of {', '.join(USES)}")])
    if isinstance(target, str) and target.startswith("arn:"):
        target = Invokable.from_arn(target)
    statements: list[Statement] = []
    notes: list[str] = []
    sources = (source,) if isinstance(source, str) else tuple(source)
    for where in _regions(target, region):
        caller = Caller(where, account, base_model, sources)
        touched = touched_by(target, caller)
        wanted = Wanted(touched, caller, streaming, through_profile_only, batch_role, _prompt_of(target))
        for use in uses:
            found, told = BY_USE[use](wanted)
            statements += found
            notes += told
        notes += touched.notes
    return exact(Grant(principal, merge(statements), tuple(notes)))


def exact(granted: Grant) -> Grant:
    """Return a grant that tells where it holds ``*`` for an account, and tells nothing twice."""
    is_open = any(_has_open_account(arn) for statement in granted.statements for arn in statement.resources)
    told = (*granted.notes, OPEN_ACCOUNT) if is_open else granted.notes
    return replace(granted, notes=tuple(dict.fromkeys(told)))


def merged(grants: Iterable[Grant]) -> list[Grant]:
    """Return one grant for each principal and title, with as few statements as allow the same."""
    found: dict[tuple[str | None, str], list[Grant]] = {}
    for entry in grants:
        found.setdefault((entry.principal, entry.title), []).append(entry)
    return [
        Grant(
            principal,
            merge(statement for entry in entries for statement in entry.statements),
            tuple(dict.fromkeys(note for entry in entries for note in entry.notes)),
            title,
        )
        for (principal, title), entries in found.items()
    ]


def allowed(grants: Iterable[Grant]) -> tuple[list[Grant], tuple[str, ...]]:
    """Return what is allowed, merged, and all that is not known; a grant that allows nothing leaves its notes alone.

    Raises:
        DocumentError: Nothing is allowed by any of them.
    """
    every = merged(grants)
    notes = tuple(dict.fromkeys(note for entry in every for note in entry.notes))
    found = [entry for entry in every if entry.statements]
    if every and not found:
        problem = Problem("", f"there is nothing to allow: {'; '.join(notes)}", "ask for another use")
        raise DocumentError("policy", [problem])
    return found, notes


def _regions(target: Grantable, region: str | Sequence[str]) -> tuple[str, ...]:
    given = (region,) if isinstance(region, str) else tuple(region)
    arn = target if isinstance(target, str) else getattr(target, "arn", "")
    own = arn.split(":")[3] if isinstance(arn, str) and arn.startswith("arn:") else ""
    regions = (own,) if own else given
    if not regions:
        raise DocumentError("policy", [Problem("region", "is missing", "say where the target is called")])
    return regions


def _prompt_of(target: Grantable) -> str | None:
    if isinstance(target, str) and ":prompt/" in target:
        target = Invokable.from_arn(target)
    return target.arn if isinstance(target, Invokable) and target.kind == "prompt" else None


def _has_open_account(arn: str) -> bool:
    parts = arn.split(":")
    return len(parts) > 4 and parts[4] == ANY
