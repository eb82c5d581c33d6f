"""The doctor's steps for SageMaker, and which endpoints and inference components an account has in a region."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from dragoman.errors import DragomanError, InvalidRequestError, ModelNotFoundError
from dragoman.plugin import CheckStep, Context, ListedModel, ModelList, Target

from dragoman_aws.inspection.asking import Regions, not_asked
from dragoman_aws.inspection.identity import identity_step
from dragoman_aws.profiles.account import Account
from dragoman_aws.sagemaker.errors import without_accounts

Row = Mapping[str, Any]

#: States in which an endpoint answers. Service model of sagemaker, botocore 1.44.5.
_ANSWERS = ("InService", "Updating", "SystemUpdating", "RollingBack")

_ENDPOINT, _COMPONENT = "endpoint", "inference component"


async def check(target: Target, context: Context) -> AsyncGenerator[CheckStep, None]:
    """Yield the steps for a target of provider sagemaker."""
    async with Regions(target, context) as regions:
        yield await identity_step(target, regions)
        account = regions.account()
        yield await _endpoint(target.model, account)
        if component := target.connection.inference_component:
            yield await _component(component, target.model, account)


async def _endpoint(name: str, account: Account) -> CheckStep:
    try:
        found = await account.call("describe_endpoint", service="sagemaker", EndpointName=name)
    except (ModelNotFoundError, InvalidRequestError) as error:
        missing = ModelNotFoundError(f"there is no endpoint {name} in {account.region}", status=error.status)
        return CheckStep.failed(_ENDPOINT, missing, await _others(account))
    except DragomanError as error:
        return not_asked(_ENDPOINT, "its state", error)
    state = str(found["EndpointStatus"])
    if state in _ANSWERS:
        return CheckStep.ok(_ENDPOINT, f"{name} is {state}", status=state)
    reason = without_accounts(" ".join(str(found.get("FailureReason") or "").split()))
    failure = ModelNotFoundError(f"the endpoint {name} is {state}{f': {reason}' if reason else ''}")
    hint = "wait until it is InService" if state == "Creating" else "see to the endpoint: it answers when InService"
    return CheckStep.failed(_ENDPOINT, failure, hint, status=state)


async def _others(account: Account) -> str:
    try:
        rows = await account.pages("list_endpoints", "Endpoints", service="sagemaker")
    except DragomanError:
        return "check the adapter's model and connection.region"
    names = [str(row["EndpointName"]) for row in rows[:10]]
    there = f"there are: {', '.join(names)}" if names else "there is none in this region"
    return f"check the adapter's model and connection.region; {there}"


async def _component(name: str, endpoint: str, account: Account) -> CheckStep:
    try:
        found = await account.call("describe_inference_component", service="sagemaker", InferenceComponentName=name)
    except (ModelNotFoundError, InvalidRequestError) as error:
        missing = ModelNotFoundError(f"there is no inference component {name} in {account.region}", status=error.status)
        return CheckStep.failed(_COMPONENT, missing, "check connection.inference_component")
    except DragomanError as error:
        return not_asked(_COMPONENT, "its state", error)
    if found.get("EndpointName") != endpoint:
        failure = ModelNotFoundError(f"the inference component {name} belongs to the endpoint {found['EndpointName']}")
        return CheckStep.failed(_COMPONENT, failure, "set the adapter's model to it")
    state = found.get("InferenceComponentStatus")
    if state in ("InService", "Updating"):
        return CheckStep.ok(_COMPONENT, f"{name} is {state}", status=state)
    return CheckStep.failed(_COMPONENT, ModelNotFoundError(f"the inference component {name} is {state}"), status=state)


# --- lists -------------------------------------------------------------------------------------------------------


async def list_models(target: Target, context: Context) -> Sequence[ModelList]:
    """Return the endpoints and the inference components of the account in the target's region."""
    async with Regions(target, context) as regions:
        account = regions.account()
        return await asyncio.gather(_endpoints(account), _components(account))


async def _endpoints(account: Account) -> ModelList:
    try:
        rows = await account.pages("list_endpoints", "Endpoints", service="sagemaker")
    except DragomanError as error:
        return ModelList("endpoints", failure=error)
    return ModelList("endpoints", [_row(str(row["EndpointName"]), row, account.region) for row in rows])


def _row(name: str, row: Row, region: str) -> ListedModel:
    state = row.get("EndpointStatus")
    ready = state in _ANSWERS
    document = {"connection": {"region": region}, **_MAPPING}
    return ListedModel(
        name, kind=_ENDPOINT, can_invoke=ready, why_not=None if ready else f"it is {state}", adapter=document,
        detail={"status": state},
    )  # fmt: skip


async def _components(account: Account) -> ModelList:
    try:
        rows = await account.pages("list_inference_components", "InferenceComponents", service="sagemaker")
    except DragomanError as error:
        return ModelList("inference components", failure=error)
    return ModelList("inference components", [_component_row(row, account.region) for row in rows])


def _component_row(row: Row, region: str) -> ListedModel:
    name, endpoint, state = (
        str(row["InferenceComponentName"]),
        str(row["EndpointName"]),
        row["InferenceComponentStatus"],
    )
    ready = state in ("InService", "Updating")
    connection = {"region": region, "inference_component": name}
    return ListedModel(
        name, kind=_COMPONENT, can_invoke=ready, why_not=None if ready else f"it is {state}",
        adapter={"model": endpoint, "connection": connection, **_MAPPING},
        detail={"status": state, "endpoint": endpoint, "variant": row.get("VariantName")},
    )  # fmt: skip


#: What a container wants to be told, no list says: this is the commonest, and one line of the document to change.
_MAPPING: Row = {"mapping": {"preset": "tgi"}}
