"""What a principal may do with a target: a policy, and what about it is not known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dragoman.errors import DocumentError, Problem

from dragoman_aws.identity.region import partition as partition_of
from dragoman_aws.permissions.resources import Caller, Grantable, Touched, touched_by
from dragoman_aws.permissions.statements import ANY, Statement, document, merge
from dragoman_aws.profiles import Invokable

Use = Literal["invoke", "lookup", "prompt", "batch", "list", "manage"]
USES: tuple[Use, ...] = ("invoke", "lookup", "prompt", "batch", "list", "manage")

#: A note; snippets that know their own account need not say it.
OPEN_ACCOUNT = "the account is not known, * stands in its place: name it to narrow the policy"

#: What a listing of everything that can be invoked calls; none of them knows a resource.
_LISTS = (
    *("bedrock:ListFoundationModels", "bedrock:ListInferenceProfiles", "bedrock:ListPromptRouters"),
    *("bedrock:ListCustomModels", "bedrock:ListCustomModelDeployments", "bedrock:ListImportedModels"),
    "bedrock:ListProvisionedModelThroughputs",
)
_GETS = {
    "foundation-model": "bedrock:GetFoundationModel",
    "inference-profile": "bedrock:GetInferenceProfile",
    "application-inference-profile": "bedrock:GetInferenceProfile",
    "default-prompt-router": "bedrock:GetPromptRouter",
    "prompt-router": "bedrock:GetPromptRouter",
}
#: What lists a kind; ``*`` is the only resource.
_LISTS_OF = {
    "bedrock:GetInferenceProfile": "bedrock:ListInferenceProfiles",
    "bedrock:GetPromptRouter": "bedrock:ListPromptRouters",
}
_MANAGES = (
    "bedrock:DeleteInferenceProfile",
    "bedrock:TagResource",
    "bedrock:UntagResource",
    "bedrock:ListTagsForResource",
)
#: What pushing into, reading from and deleting of prompt management calls beside Create and List.
_MANAGES_PROMPTS = (
    *("bedrock:GetPrompt", "bedrock:UpdatePrompt", "bedrock:DeletePrompt", "bedrock:CreatePromptVersion"),
    *("bedrock:TagResource", "bedrock:ListTagsForResource"),
)


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


@dataclass(frozen=True)
class _Wanted:
    """A target, what an invocation of it touches, and how it is used."""

    touched: Touched
    caller: Caller
    streaming: bool
    through_profile_only: bool
    batch_role: str | None
    prompt: str | None


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
        region: Where it is called; several where it is called from several. An ARN brings its own.
        account: Whose it is, in 12 digits; empty = ``*`` stands in the ARNs, and a note says so.
        uses: ``invoke``; ``lookup``: describe and list it; ``prompt``: read a stored prompt; ``batch``: jobs of model
            invocation; ``list``: everything that a listing of models asks for; ``manage``: create, tag and delete
            application profiles of it; of a prompt: push it, make versions, delete it.
        streaming: Whether answers are streamed as well.
        base_model: The model behind an ARN that does not say it.
        source: What an application profile was made from, or the models of a custom router.
        through_profile_only: Whether models may be reached through the profile alone.
        batch_role: For ``batch``: the ARN of the role that the service reads and writes S3 with.

    Raises:
        DocumentError: No region is given for an id, or a use is not known.
    """
    if unknown := [use for use in uses if use not in USES]:
        raise DocumentError("policy", [Problem("uses", f"{unknown[0]!r} is not known", f"one of {', '.join(USES)}")])
    statements: list[Statement] = []
    notes: list[str] = []
    sources = (source,) if isinstance(source, str) else tuple(source)
    for where in _regions(target, region):
        caller = Caller(where, account, base_model, sources)
        touched = touched_by(target, caller)
        wanted = _Wanted(touched, caller, streaming, through_profile_only, batch_role, _prompt_of(target))
        for use in uses:
            found, told = _BY_USE[use](wanted)
            statements += found
            notes += told
        notes += touched.notes
    allowed = merge(statements)
    if any(_has_open_account(arn) for statement in allowed for arn in statement.resources):
        notes.append(OPEN_ACCOUNT)
    return Grant(principal, allowed, tuple(dict.fromkeys(notes)))


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


# --- by use ------------------------------------------------------------------------------------------------------

_Allowed = tuple[list[Statement], list[str]]


def _invoke(wanted: _Wanted) -> _Allowed:
    actions: tuple[str, ...] = ("bedrock:InvokeModel",)
    if wanted.streaming:  # Converse and ConverseStream have no actions of their own (API reference of Converse)
        actions = (*actions, "bedrock:InvokeModelWithResponseStream")
    touched = wanted.touched
    statements = []
    if wanted.prompt:
        statements.append(Statement("RenderPrompt", ("bedrock:RenderPrompt",), _prompt_arns(wanted.prompt)))
    if wanted.through_profile_only and touched.addressed:
        statements += [
            Statement("Invoke", actions, tuple(touched.addressed)),
            *_behind(actions, touched),
        ]
    elif touched.addressed or touched.models:
        statements.append(Statement("Invoke", actions, (*touched.addressed, *touched.models)))
    return statements, []


def _behind(actions: tuple[str, ...], touched: Touched) -> list[Statement]:
    if not touched.models:
        return []
    operator = "StringLike" if any(ANY in arn for arn in touched.addressed) else "StringEquals"
    profiles: Any = touched.addressed[0] if len(touched.addressed) == 1 else list(touched.addressed)
    condition = {operator: {"bedrock:InferenceProfileArn": profiles}}
    return [Statement("InvokeBehindProfile", actions, tuple(touched.models), condition)]


def _lookup(wanted: _Wanted) -> _Allowed:
    statements, lists = [], []
    for arn in (
        *wanted.touched.addressed,
        *(m for m in wanted.touched.models if m.split(":")[3] == wanted.caller.region),
    ):
        action = _GETS.get(arn.split(":", 5)[5].partition("/")[0])
        if action is not None:
            statements.append(Statement(f"Describe{action.partition(':Get')[2]}", (action,), (arn,)))
            lists += [_LISTS_OF[action]] if action in _LISTS_OF else []
    if lists:
        statements.append(Statement("List", tuple(dict.fromkeys(lists)), (ANY,)))
    return statements, []


def _prompt(wanted: _Wanted) -> _Allowed:
    if wanted.prompt is None:
        return [], ["the target is no prompt: nothing is allowed for reading one"]
    return [Statement("ReadPrompt", ("bedrock:GetPrompt",), _prompt_arns(wanted.prompt))], []


def _prompt_arns(arn: str) -> tuple[str, ...]:
    """Return the prompt and the one version that is called, or all of them."""
    start, _, name = arn.rpartition("/")
    prompt_id, _, version = name.partition(":")
    return f"{start}/{prompt_id}", f"{start}/{prompt_id}:{version or ANY}"


def _batch(wanted: _Wanted) -> _Allowed:
    partition = partition_of(wanted.caller.region)
    jobs = f"arn:{partition}:bedrock:{wanted.caller.region}:{wanted.caller.account or ANY}:model-invocation-job/*"
    targets = (*wanted.touched.addressed, *wanted.touched.models, jobs)
    statements = [
        Statement("SubmitBatch", ("bedrock:CreateModelInvocationJob",), targets),
        Statement("FollowBatch", ("bedrock:GetModelInvocationJob", "bedrock:StopModelInvocationJob"), (jobs,)),
        Statement("ListBatches", ("bedrock:ListModelInvocationJobs",), (ANY,)),
    ]
    if wanted.batch_role is None:
        return statements, ["iam:PassRole for the batch job's role is left out: name the role"]
    condition = {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}}
    return [*statements, Statement("PassBatchRole", ("iam:PassRole",), (wanted.batch_role,), condition)], []


def _list(wanted: _Wanted) -> _Allowed:
    return [Statement("ListModels", _LISTS, (ANY,))], []


def _manage(wanted: _Wanted) -> _Allowed:
    if wanted.prompt is not None:
        return [
            Statement("ManagePrompts", _MANAGES_PROMPTS, _prompt_arns(wanted.prompt)),
            Statement("CreateAndListPrompts", ("bedrock:CreatePrompt", "bedrock:ListPrompts"), (ANY,)),
        ], []
    caller = wanted.caller
    own = Invokable(
        "application-inference-profile", ANY, caller.region, caller.account, partition_of(caller.region)
    ).arn
    sources = (*wanted.touched.addressed, *wanted.touched.models)
    return [
        Statement("CreateProfiles", ("bedrock:CreateInferenceProfile",), tuple(dict.fromkeys([*sources, own]))),
        Statement("ManageProfiles", ("bedrock:GetInferenceProfile", *_MANAGES), (own,)),
        Statement("ListProfiles", ("bedrock:ListInferenceProfiles",), (ANY,)),
    ], []


_BY_USE: dict[Use, Callable[[_Wanted], _Allowed]] = {
    "invoke": _invoke,
    "lookup": _lookup,
    "prompt": _prompt,
    "batch": _batch,
    "list": _list,
    "manage": _manage,
}
