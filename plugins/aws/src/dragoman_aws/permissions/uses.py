"""What each use of a target of Bedrock's needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dragoman_aws.identity.region import partition as partition_of
from dragoman_aws.permissions.resources import Caller, Touched
from dragoman_aws.permissions.statements import ANY, Statement
from dragoman_aws.profiles import Invokable
from dragoman_aws.quotas import ACTIONS as QUOTA_ACTIONS
from dragoman_aws.uses import Use

#: Whether the account may use a model; it knows no resource (service authorization reference of Bedrock, 2026-11).
_SEE_ACCESS = "bedrock:GetFoundationModelAvailability"
#: What accepting a model's offer takes; none of them knows a resource. The subscription itself is AWS Marketplace's
#: (Bedrock user guide, "Request access to models", read 2026-11).
_REQUESTS_ACCESS = (
    *("bedrock:ListFoundationModelAgreementOffers", "bedrock:CreateFoundationModelAgreement"),
    *("aws-marketplace:Subscribe", "aws-marketplace:ViewSubscriptions"),
)

#: What a listing of everything that can be invoked calls; none of them knows a resource.
_LISTS = (
    *("bedrock:ListFoundationModels", "bedrock:ListInferenceProfiles", "bedrock:ListPromptRouters"),
    *("bedrock:ListCustomModels", "bedrock:ListCustomModelDeployments", "bedrock:ListImportedModels"),
    *("bedrock:ListProvisionedModelThroughputs", _SEE_ACCESS),
)
_GETS = {
    "foundation-model": "bedrock:GetFoundationModel",
    "inference-profile": "bedrock:GetInferenceProfile",
    "application-inference-profile": "bedrock:GetInferenceProfile",
    "default-prompt-router": "bedrock:GetPromptRouter",
    "prompt-router": "bedrock:GetPromptRouter",
    "provisioned-model": "bedrock:GetProvisionedModelThroughput",
    "custom-model": "bedrock:GetCustomModel",
    "custom-model-deployment": "bedrock:GetCustomModelDeployment",
    "imported-model": "bedrock:GetImportedModel",
}
#: What lists a kind; ``*`` is the only resource.
_LISTS_OF = {
    "bedrock:GetFoundationModel": "bedrock:ListInferenceProfiles",  # those that the model is called through
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
class Wanted:
    """A target, what an invocation of it touches, and how it is used."""

    touched: Touched
    caller: Caller
    streaming: bool
    through_profile_only: bool
    batch_role: str | None
    prompt: str | None


_Allowed = tuple[list[Statement], list[str]]


def _invoke(wanted: Wanted) -> _Allowed:
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
    if touched.endpoints:
        statements.append(_marketplace_endpoint(touched, streaming=wanted.streaming))
    return statements, []


def _marketplace_endpoint(touched: Touched, *, streaming: bool) -> Statement:
    """Return what lets Bedrock call SageMaker for the caller (managed policy AmazonBedrockMarketplaceAccess, v3)."""
    more = ("sagemaker:InvokeEndpointWithResponseStream",) if streaming else ()
    condition = {"StringEquals": {"aws:CalledViaLast": "bedrock.amazonaws.com"}}
    return Statement(
        "InvokeEndpointBehindBedrock", ("sagemaker:InvokeEndpoint", *more), tuple(touched.endpoints), condition
    )


def _behind(actions: tuple[str, ...], touched: Touched) -> list[Statement]:
    if not touched.models:
        return []
    operator = "StringLike" if any(ANY in arn for arn in touched.addressed) else "StringEquals"
    profiles: Any = touched.addressed[0] if len(touched.addressed) == 1 else list(touched.addressed)
    condition = {operator: {"bedrock:InferenceProfileArn": profiles}}
    return [Statement("InvokeBehindProfile", actions, tuple(touched.models), condition)]


def _lookup(wanted: Wanted) -> _Allowed:
    statements, lists = [], []
    for arn in (
        *wanted.touched.addressed,
        *(m for m in wanted.touched.models if m.split(":")[3] == wanted.caller.region),
    ):
        action = _GETS.get(arn.split(":", 5)[5].partition("/")[0])
        if action is not None:
            statements.append(Statement(f"Describe{action.partition(':Get')[2]}", (action,), (arn,)))
            lists += [_LISTS_OF[action]] if action in _LISTS_OF else []
    if wanted.touched.models:
        lists += [_SEE_ACCESS, *QUOTA_ACTIONS]
    if lists:
        statements.append(Statement("List", tuple(dict.fromkeys(lists)), (ANY,)))
    return statements, [] if statements else ["nothing tells the target's state, so that nothing is allowed for it"]


def _access(wanted: Wanted) -> _Allowed:
    if not wanted.touched.models:
        return [], [
            "which foundation models are behind the target is not known: nothing is allowed for requesting them"
        ]
    profiles = [
        Statement("DescribeInferenceProfile", ("bedrock:GetInferenceProfile",), (arn,))
        for arn in wanted.touched.addressed
        if "inference-profile/" in arn
    ]
    return [*profiles, Statement("RequestAccess", (_SEE_ACCESS, *_REQUESTS_ACCESS), (ANY,))], []


def _prompt(wanted: Wanted) -> _Allowed:
    if wanted.prompt is None:
        return [], ["the target is no prompt: nothing is allowed for reading one"]
    return [Statement("ReadPrompt", ("bedrock:GetPrompt",), _prompt_arns(wanted.prompt))], []


def _prompt_arns(arn: str) -> tuple[str, ...]:
    """Return the prompt and the one version that is called, or all of them."""
    start, _, name = arn.rpartition("/")
    prompt_id, _, version = name.partition(":")
    return f"{start}/{prompt_id}", f"{start}/{prompt_id}:{version or ANY}"


def _batch(wanted: Wanted) -> _Allowed:
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


def _list(wanted: Wanted) -> _Allowed:
    return [Statement("ListModels", _LISTS, (ANY,))], []


def _manage(wanted: Wanted) -> _Allowed:
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


BY_USE: dict[Use, Callable[[Wanted], _Allowed]] = {
    "invoke": _invoke,
    "lookup": _lookup,
    "access": _access,
    "prompt": _prompt,
    "batch": _batch,
    "list": _list,
    "manage": _manage,
}
