"""The doctor's steps for Bedrock: whether what the adapter addresses is there, and may be called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from dragoman.errors import DragomanError, InvalidRequestError, ModelNotFoundError, PermissionDeniedError
from dragoman.plugin import CheckStep, Context, Target

from dragoman_aws.inspection.access import Access
from dragoman_aws.inspection.asking import OUT_OF_REACH, Regions, not_asked
from dragoman_aws.inspection.identity import identity_step
from dragoman_aws.inspection.missing import policy_hint
from dragoman_aws.inspection.quota import CROSS_REGION, GLOBAL, ON_DEMAND, Called, quota_step, scope_of
from dragoman_aws.profiles import Account, facts
from dragoman_aws.profiles.cross_region import other_profiles, profiles_of
from dragoman_aws.profiles.invokables import Invokable

#: What Bedrock's ValidationException says where a model has no on-demand throughput; it has no code of its own, so the
#: text must be read. Seen in the issues of many clients, 2024 to 2026.
_ONLY_BY_PROFILE = "on-demand throughput isn"

_MODEL, _PROFILE = "model", "inference profile"


async def check(target: Target, context: Context) -> AsyncGenerator[CheckStep, None]:
    """Yield the steps for a target of provider bedrock."""
    async with Regions(target, context) as regions:
        yield await identity_step(target, regions)
        account = regions.account()
        called = Invokable.of(target.model, account.region, base_model=target.base_model)
        access = Access(regions)
        try:
            async with aclosing(_about(called, regions, access)) as steps:
                async for step in steps:
                    yield step
        finally:
            await access.aclose()


def _about(called: Invokable, regions: Regions, access: Access) -> AsyncGenerator[CheckStep, None]:
    if called.kind == "foundation-model":
        return _foundation_model(called, regions, access)
    if called.kind in ("inference-profile", "application-inference-profile"):
        return _profile(called, regions, access)
    return _other(called, regions)


# --- foundation models -------------------------------------------------------------------------------------------


async def _foundation_model(called: Invokable, regions: Regions, access: Access) -> AsyncGenerator[CheckStep, None]:
    account = regions.account()
    try:
        found = (await account.call("get_foundation_model", modelIdentifier=called.id))["modelDetails"]
    except (ModelNotFoundError, InvalidRequestError) as error:
        missing = ModelNotFoundError(f"Bedrock in {account.region} has no model {called.id}", status=error.status)
        yield CheckStep.failed(_MODEL, missing, where_it_is(called.id, account.region))
        return
    except DragomanError as error:
        yield not_asked(_MODEL, "the model", error)
        if isinstance(error, OUT_OF_REACH):
            return
        found = None
    if found is not None:
        types = list(found.get("inferenceTypesSupported", ()))
        lifecycle = (found.get("modelLifecycle") or {}).get("status", "")
        if "ON_DEMAND" not in types:
            yield await _not_on_demand(called.id, types, regions)
            return
        legacy = "; it is a legacy model, whose end AWS has announced" if lifecycle == "LEGACY" else ""
        said = f"{found.get('modelName', called.id)} is called on demand in {account.region}{legacy}"
        yield CheckStep.ok(_MODEL, said, inference_types=types, lifecycle=lifecycle)
    yield await _access_step([(called.id, account.region)], access)
    yield await quota_step(_named(called.id, ON_DEMAND, found), account)


def _named(model: str, scope: str, found: Mapping[str, Any] | None) -> Called:
    described = found or {}
    return Called(model, scope, described.get("modelName", ""), described.get("providerName", ""))


async def _not_on_demand(model: str, types: Sequence[str], regions: Regions) -> CheckStep:
    others = ", ".join(types).lower() or "inference profiles"
    failure = InvalidRequestError(f"{model} cannot be called on demand, only by: {others}")
    profiles = await profiles_of(regions.account(), model)
    hint = f"use the profile {' or '.join(profiles)} as the adapter's model" if profiles else _NO_PROFILE
    return CheckStep.failed(_MODEL, failure, hint, profiles=profiles)


_NO_PROFILE = "buy provisioned throughput, or choose a model with a profile: dragoman models --provider bedrock"


def where_it_is(model: str, region: str) -> str:
    """Return what to do about a model that a region does not have: where it is known to be."""
    regions = sorted({route for geo in facts.geographies_of_model(model) for route in _reached(f"{geo}.{model}")})
    others = [name for name in regions if name not in (region, facts.EVERYWHERE)]
    if others:
        return f"check the adapter's model; of that name there is one in {', '.join(others)}: set connection.region"
    return "check the adapter's model and connection.region; dragoman models --provider bedrock lists what there is"


def _reached(profile_id: str) -> set[str]:
    return {region for route in facts.profiles().get(profile_id, ()) for region in route.destinations}


# --- profiles ----------------------------------------------------------------------------------------------------


async def _profile(called: Invokable, regions: Regions, access: Access) -> AsyncGenerator[CheckStep, None]:
    account = regions.account(called.region or None)
    reference = called.arn if "*" not in called.arn else called.id
    try:
        found = await account.call("get_inference_profile", inferenceProfileIdentifier=reference)
        behind = [Invokable.from_arn(row["modelArn"]) for row in found.get("models", ()) if row.get("modelArn")]
    except (ModelNotFoundError, InvalidRequestError) as error:
        missing = ModelNotFoundError(f"there is no profile {called.id} in {account.region}", status=error.status)
        yield CheckStep.failed(_PROFILE, missing, await other_profiles(account, called.id))
        return
    except DragomanError as error:
        yield not_asked(_PROFILE, "the profile", error)
        if isinstance(error, OUT_OF_REACH):
            return
        behind = _by_facts(called.id, account.region)
    else:
        reached = ", ".join(sorted({model.region or "every region" for model in behind}))
        models = ", ".join(sorted({model.id for model in behind}))
        yield CheckStep.ok(
            _PROFILE, f"{called.id} sends requests for {models} to {reached}", status=found.get("status")
        )
    pairs = sorted({(model.id, model.region or account.region) for model in behind})
    if pairs:
        yield await _access_step(pairs, access)
    for model in sorted({model.id for model in behind}):
        yield await quota_step(await _profiled(model, called, behind, account), account)


async def _profiled(model: str, called: Invokable, behind: Sequence[Invokable], account: Account) -> Called:
    """Return how a profile calls a model, and the model's name where Bedrock tells it."""
    scope = scope_of(one.region for one in behind)
    if called.kind == "inference-profile":
        scope = GLOBAL if called.id.partition(".")[0] == facts.GLOBAL else CROSS_REGION
    try:
        found = (await account.call("get_foundation_model", modelIdentifier=model))["modelDetails"]
    except DragomanError:  # its id is mostly enough
        found = None
    return _named(model, scope, found)


def _by_facts(profile_id: str, region: str) -> list[Invokable]:
    """Return the models behind a profile as the shipped facts know them; none where they do not."""
    regions = facts.destinations(profile_id, region) or ()
    model = profile_id.partition(".")[2]
    return [Invokable("foundation-model", model, to) for to in regions if to != facts.EVERYWHERE]


async def _access_step(pairs: Sequence[tuple[str, str]], access: Access) -> CheckStep:
    """Return whether the models may be used, in each region that requests go to."""
    found = await asyncio.gather(*(access.of(model, region) for model, region in pairs))
    told = dict(zip(pairs, found, strict=True))
    detail = {
        region: {True: "granted", False: one.why_not, None: "not known"}[one.usable]
        for (_, region), one in told.items()
    }
    if refused := [(model, region, one) for (model, region), one in told.items() if one.usable is False]:
        model, region, first = refused[0]
        where = ", ".join(region for _, region, _ in refused)
        failure = PermissionDeniedError(f"{model} in {where}: {first.why_not}")
        hint = first.hint or where_it_is(model, region)
        return CheckStep.failed("model access", failure, hint, regions=detail)
    granted = [region for (_, region), one in told.items() if one.usable]
    if not granted:
        failed = next(one.failure for one in found if one.failure is not None)
        return not_asked("model access", "whether the account may use the model", failed)
    unknown = [region for (_, region), one in told.items() if one.usable is None]
    rest = f"; not known: {', '.join(unknown)}" if unknown else ""
    return CheckStep.ok("model access", f"granted in {', '.join(granted)}{rest}", regions=detail)


# --- what else can be invoked ------------------------------------------------------------------------------------


class _Lookup(NamedTuple):
    """How the state of something is asked: operation, argument, the answer's member; the states that can be called."""

    operation: str
    argument: str
    state: str | None
    callable: tuple[str, ...] = ()


#: Service model of bedrock, botocore 1.44.5.
_LOOKUPS: Mapping[str, _Lookup] = {
    "default-prompt-router": _Lookup("get_prompt_router", "promptRouterArn", "status", ("AVAILABLE",)),
    "prompt-router": _Lookup("get_prompt_router", "promptRouterArn", "status", ("AVAILABLE",)),
    "provisioned-model": _Lookup(
        "get_provisioned_model_throughput", "provisionedModelId", "status", ("InService", "Updating")
    ),
    "custom-model": _Lookup("get_custom_model", "modelIdentifier", "modelStatus", ("Active",)),
    "custom-model-deployment": _Lookup(
        "get_custom_model_deployment", "customModelDeploymentIdentifier", "status", ("Active",)
    ),
    "imported-model": _Lookup("get_imported_model", "modelIdentifier", None),
}


async def _other(called: Invokable, regions: Regions) -> AsyncGenerator[CheckStep, None]:
    name = called.kind.replace("-", " ")
    lookup = _LOOKUPS.get(called.kind)
    if lookup is None:
        yield CheckStep.skipped(name, "nothing tells its state before a call")
        return
    account = regions.account(called.region or None)
    try:
        found = await account.call(lookup.operation, **{lookup.argument: called.arn})
    except (ModelNotFoundError, InvalidRequestError) as error:
        missing = ModelNotFoundError(f"there is no {name} {called.id} in {account.region}", status=error.status)
        yield CheckStep.failed(name, missing, "check the adapter's model: dragoman models --provider bedrock")
        return
    except DragomanError as error:
        yield not_asked(name, "its state", error)
        return
    state = found.get(lookup.state) if lookup.state else None
    if state is not None and state not in lookup.callable:
        yield CheckStep.failed(name, ModelNotFoundError(f"{called.id} is {state}"), "wait, or see to it in the console")
        return
    yield CheckStep.ok(name, f"{called.id} is {state or 'there'}")


# --- a call that failed ------------------------------------------------------------------------------------------


async def explain(failure: DragomanError, target: Target, context: Context) -> str | None:
    """Return what to do about a failed call; ``None`` leaves the error's own hint."""
    if isinstance(failure, PermissionDeniedError):
        return policy_hint(failure, target)
    if isinstance(failure, InvalidRequestError) and _ONLY_BY_PROFILE in failure.message:
        async with Regions(target, context) as regions:
            if profiles := await profiles_of(regions.account(), target.model):
                return f"use the profile {' or '.join(profiles)} as the adapter's model"
            return _NO_PROFILE
    if isinstance(failure, ModelNotFoundError):
        async with Regions(target, context) as regions:
            return where_it_is(target.model, regions.account().region)
    return None
