"""Which resources an invocation touches: the target itself, and the models behind it in every region."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from dragoman_aws.profiles import ApplicationProfile, CrossRegionInferenceProfile, Invokable, PromptRouter, facts

#: What :func:`dragoman_aws.permissions.grant` takes as a target.
Grantable = str | Invokable | CrossRegionInferenceProfile | ApplicationProfile | PromptRouter


@dataclass(frozen=True)
class Caller:
    """From where and as whom a target is called.

    Args:
        region: Where the call goes.
        account: Whose the profiles and routers are; empty = not known.
        base_model: The model behind a target that does not say it.
        source: What an application profile was made from, or a custom router chooses between: ids or ARNs.
    """

    region: str
    account: str = ""
    base_model: str | None = None
    source: tuple[str, ...] = ()


@dataclass
class Touched:
    """The ARNs that an invocation touches: the ``addressed`` ones, and the ``models`` behind them.

    ``endpoints`` are those of SageMaker that Bedrock calls in their place; ``notes`` say what is not known.
    """

    addressed: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    endpoints: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, other: Touched) -> None:
        """Take what another one has."""
        for mine, theirs in (
            (self.addressed, other.addressed),
            (self.models, other.models),
            (self.endpoints, other.endpoints),
            (self.notes, other.notes),
        ):
            mine += [entry for entry in theirs if entry not in mine]


def touched_by(target: Grantable, caller: Caller) -> Touched:
    """Return what an invocation of a target touches."""
    if isinstance(target, CrossRegionInferenceProfile):
        return _cross_region(target, caller)
    if isinstance(target, ApplicationProfile):
        return (
            Touched([target.arn], [*target.models])
            if target.models
            else _application(Invokable.from_arn(target.arn), caller)
        )
    if isinstance(target, PromptRouter):
        return _router(target, caller)
    if isinstance(target, str):
        if target in facts.default_routers():
            return _router(PromptRouter.default(target, caller.region, caller.account), caller)
        target = Invokable.of(target, caller.region, caller.account, base_model=caller.base_model)
    return _BY_KIND.get(target.kind, _itself)(target, caller)


def _itself(invokable: Invokable, caller: Caller) -> Touched:
    return Touched([invokable.arn])


def _model(invokable: Invokable, caller: Caller) -> Touched:
    return Touched(models=[invokable.arn])


def _custom_model(invokable: Invokable, caller: Caller) -> Touched:
    note = "AWS documents no permission to invoke a custom model itself: call its deployment or provisioned throughput"
    return Touched([invokable.arn], notes=[note])


def _marketplace_endpoint(invokable: Invokable, caller: Caller) -> Touched:
    """Return what stands for all endpoints of Bedrock Marketplace, and the endpoint itself.

    Resource type bedrock-marketplace-model-endpoint of the service authorization reference, read 2026-11.
    """
    account = invokable.account or caller.account or "*"
    every = f"arn:{invokable.partition}:bedrock:{invokable.region}:{account}:marketplace/model-endpoint/all-access"
    return Touched([every], endpoints=[invokable.arn])


def _profile(invokable: Invokable, caller: Caller) -> Touched:
    parts = facts.split_profile(invokable.id, caller.base_model)
    if parts is None:
        note = f"which model is behind {invokable.id} is not known: declare base_model, or ask the account"
        return Touched([invokable.arn], notes=[note])
    profile = CrossRegionInferenceProfile.from_config(*parts)
    where = Caller(invokable.region, invokable.account or caller.account)
    return _cross_region(profile, where)


def _cross_region(profile: CrossRegionInferenceProfile, caller: Caller) -> Touched:
    touched = Touched([profile.arn(caller.region, caller.account)])
    here = Invokable.of(profile.model, caller.region)
    if here.kind != "foundation-model":
        here = Invokable("foundation-model", profile.model, caller.region, "", here.partition)
    if profile.is_global:  # the region-less form stands for wherever the request goes (aws-amplify PR 3151)
        touched.models = [here.arn, here._replace(region="").arn]
        return touched
    known = profile.destinations(caller.region)
    if known is None:
        touched.models = [here._replace(region="*").arn]
        note = f"where {profile.id} sends requests from {caller.region} is not known: the policy allows the model in "
        touched.notes = [note + "every region; `dragoman bedrock profiles show` asks the account"]
        return touched
    touched.models = [here._replace(region=region).arn for region in dict.fromkeys([caller.region, *known])]
    return touched


def _application(invokable: Invokable, caller: Caller) -> Touched:
    touched = Touched([invokable.arn])
    where = Caller(invokable.region, invokable.account)
    for source in caller.source:
        touched.models += touched_by(source, where).models
        touched.notes += touched_by(source, where).notes
    if caller.source:
        return touched
    if caller.base_model:
        model = Invokable("foundation-model", caller.base_model, "*", "", invokable.partition)
        touched.models = [model.arn]
        why = "the policy allows its base_model in every region; name its source to narrow it"
    else:
        why = "the policy allows the profile alone, which is not enough: name its source, or ask the account"
    touched.notes = [f"the ARN of the application profile {invokable.id} does not say what is behind it: {why}"]
    return touched


def _router(router: PromptRouter, caller: Caller) -> Touched:
    arn = router.arn.replace(":*:", f":{caller.account}:") if caller.account else router.arn
    touched = Touched([arn])
    where = Caller(arn.split(":")[3], caller.account)
    for model in dict.fromkeys([*router.models, *([router.fallback] if router.fallback else ())]):
        touched.add(touched_by(model, where))
    return touched


def _default_router(invokable: Invokable, caller: Caller) -> Touched:
    if invokable.id not in facts.default_routers():
        return _custom_router(invokable, caller)
    router = PromptRouter.default(invokable.id, invokable.region, invokable.account)
    return _router(router, Caller(invokable.region, invokable.account))


def _custom_router(invokable: Invokable, caller: Caller) -> Touched:
    if caller.source:
        return _router(PromptRouter(invokable.arn, models=caller.source), Caller(invokable.region, invokable.account))
    note = (
        f"which models the router {invokable.id} chooses between is not known: the policy allows the router alone, "
        "which is not enough; name them, or ask the account"
    )
    return Touched([invokable.arn], notes=[note])


def _prompt(invokable: Invokable, caller: Caller) -> Touched:
    touched = Touched()
    for source in _sources(caller):
        touched.add(touched_by(source, Caller(invokable.region, invokable.account)))
    if not touched.models:
        touched.notes = [f"which model the prompt {invokable.resource_id} names is not known: declare base_model"]
    return touched


def _sources(caller: Caller) -> Iterable[str]:
    return caller.source or ((caller.base_model,) if caller.base_model else ())


_BY_KIND: dict[str, Callable[[Invokable, Caller], Touched]] = {
    "foundation-model": _model,
    "custom-model": _custom_model,
    "endpoint": _marketplace_endpoint,
    "inference-profile": _profile,
    "application-inference-profile": _application,
    "default-prompt-router": _default_router,
    "prompt-router": _custom_router,
    "prompt": _prompt,
}
