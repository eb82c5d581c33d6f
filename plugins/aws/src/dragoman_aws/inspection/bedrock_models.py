"""What an account can call in Bedrock, source by source."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dragoman.adapter import Operation
from dragoman.errors import DragomanError
from dragoman.plugin import Context, ListedModel, ModelList, Target

from dragoman_aws.inspection.access import Access, Availability
from dragoman_aws.inspection.asking import Regions
from dragoman_aws.profiles.account import Account
from dragoman_aws.profiles.invokables import Invokable

Row = Mapping[str, Any]

#: Output modality -> what an adapter does with it; others have no operation here.
_OPERATIONS: Mapping[str, Operation] = {"TEXT": "chat", "EMBEDDING": "embed"}


async def list_models(target: Target, context: Context) -> Sequence[ModelList]:
    """Return every source's list. Access is asked for each model, for profiles in each region that they reach."""
    async with Regions(target, context) as regions:
        access, account = Access(regions), regions.account()
        try:
            models = await _rows(account, "list_foundation_models", "modelSummaries")
            profiles = await _rows(account, "list_inference_profiles", "inferenceProfileSummaries")
            return [
                await _list("foundation models", models, lambda rows: _models(rows, profiles, access, account)),
                await _list("inference profiles", profiles, lambda rows: _profiles(rows, models, access, account)),
                *await asyncio.gather(*(_simple(account, *source) for source in _SOURCES)),
            ]
        finally:
            await access.aclose()


async def _rows(account: Account, operation: str, member: str, **arguments: Any) -> list[Row] | DragomanError:
    try:
        return list(await account.pages(operation, member, **arguments))
    except DragomanError as error:
        return error


async def _list(
    source: str, rows: list[Row] | DragomanError, read: Callable[[list[Row]], Awaitable[list[ListedModel]]]
) -> ModelList:
    if isinstance(rows, DragomanError):
        return ModelList(source, failure=rows)
    return ModelList(source, await read(rows))


# --- foundation models -------------------------------------------------------------------------------------------


async def _models(
    rows: list[Row], profiles: list[Row] | DragomanError, access: Access, account: Account
) -> list[ListedModel]:
    by_model: dict[str, list[str]] = {}
    for profile in profiles if isinstance(profiles, list) else ():
        if profile.get("type") == "SYSTEM_DEFINED":
            for model in {found.id for found in _behind(profile)}:
                by_model.setdefault(model, []).append(str(profile["inferenceProfileId"]))
    return list(await asyncio.gather(*(_model(row, by_model, access, account) for row in rows)))


async def _model(row: Row, profiles: Mapping[str, list[str]], access: Access, account: Account) -> ListedModel:
    model = str(row["modelId"])
    operations = operations_of(row)
    can_invoke: bool | None
    can_invoke, why_not = _by_itself(row, operations, profiles.get(model, []))
    if can_invoke:
        can_invoke, why_not = _unless_it_ends(row, *_said(await access.of(model, account.region)))
    lifecycle = row.get("modelLifecycle") or {}
    return ListedModel(
        model,
        row.get("modelName"),
        "foundation model",
        operations,
        can_invoke,
        why_not,
        _document(account.region, base_model=model),
        {
            "provider": row.get("providerName"),
            "input": list(row.get("inputModalities", ())),
            "output": list(row.get("outputModalities", ())),
            "streaming": row.get("responseStreamingSupported"),
            "inference_types": list(row.get("inferenceTypesSupported", ())),
            "lifecycle": lifecycle.get("status"),
            "end_of_life": _day(lifecycle.get("endOfLifeTime")),
            "profiles": profiles.get(model, []),
        },
    )


def operations_of(row: Row) -> tuple[Operation, ...]:
    """Return what a foundation model does. That one ranks, its modalities do not say: its id does."""
    if ".rerank-" in str(row.get("modelId")):
        return ("rerank",)
    found = (_OPERATIONS.get(modality) for modality in row.get("outputModalities", ()))
    return tuple(operation for operation in found if operation is not None)


def _by_itself(row: Row, operations: Sequence[str], profiles: Sequence[str]) -> tuple[bool, str | None]:
    """Return whether a model can be called as it is, by what the list says."""
    if not operations:
        return False, f"no operation of an adapter makes {', '.join(row.get('outputModalities', ())).lower() or 'it'}"
    types = row.get("inferenceTypesSupported", ())
    if "ON_DEMAND" in types:
        return True, None
    if profiles:
        return False, f"only through a profile: {', '.join(profiles)}"
    if "PROVISIONED" in types:
        return False, "only with provisioned throughput"
    return False, "only through a profile, and there is none in this region"


def _unless_it_ends(row: Row | None, can_invoke: bool | None, why_not: str | None) -> tuple[bool | None, str | None]:
    """Return what is told of a model, or of a profile of it, by where it is in its life.

    Bedrock refuses a legacy model to an account that did not call it within 30 days (ResourceNotFoundException, seen
    2026-08), which no list says.
    """
    lifecycle = (row or {}).get("modelLifecycle") or {}
    end = lifecycle.get("endOfLifeTime")
    if can_invoke is False or lifecycle.get("status") != "LEGACY":
        return can_invoke, why_not
    if isinstance(end, dt.datetime) and end <= dt.datetime.now(dt.UTC):
        return False, f"its end of life was {_day(end)}: choose a newer model"
    until = f" until {_day(end)}" if _day(end) else ""
    return None, f"it is a legacy model{until}: accounts that did not call it within 30 days are refused"


def _said(found: Availability) -> tuple[bool | None, str | None]:
    """Return what is told of an availability; what could not be asked is not known."""
    if found.usable is False:
        return False, f"{found.why_not} ({found.hint})" if found.hint else found.why_not
    return found.usable, None


# --- inference profiles ------------------------------------------------------------------------------------------


async def _profiles(
    rows: list[Row], models: list[Row] | DragomanError, access: Access, account: Account
) -> list[ListedModel]:
    known = {str(row["modelId"]): row for row in models} if isinstance(models, list) else {}
    return list(await asyncio.gather(*(_profile(row, known, access, account) for row in rows)))


async def _profile(row: Row, known: Mapping[str, Row], access: Access, account: Account) -> ListedModel:
    own = row.get("type") == "APPLICATION"
    behind = _behind(row)
    bases = sorted({model.id for model in behind})
    pairs = sorted({(model.id, model.region or account.region) for model in behind})
    found = await asyncio.gather(*(access.of(model, region) for model, region in pairs))
    base = known.get(bases[0]) if bases else None
    can_invoke, why_not = _through(pairs, found)
    can_invoke, why_not = _unless_it_ends(base, can_invoke, why_not)
    if row.get("status") not in (None, "ACTIVE"):
        can_invoke, why_not = False, f"it is {row['status']}"
    return ListedModel(
        str(row["inferenceProfileArn"] if own else row["inferenceProfileId"]),
        row.get("inferenceProfileName"),
        "application profile" if own else "inference profile",
        operations_of(base) if base else (),
        can_invoke,
        why_not,
        _document(account.region, base_model=bases[0] if len(bases) == 1 else None),
        {"models": bases, "regions": sorted({model.region or "*" for model in behind}), "status": row.get("status")},
    )


def _through(pairs: Sequence[tuple[str, str]], found: Sequence[Availability]) -> tuple[bool | None, str | None]:
    """Return whether a profile can be called: every region that it reaches must let it."""
    refused = [(region, one) for (_, region), one in zip(pairs, found, strict=True) if one.usable is False]
    if refused:
        return False, f"in {', '.join(region for region, _ in refused)}: {_said(refused[0][1])[1]}"
    return (True if found and all(one.usable for one in found) else None), None


def _behind(row: Row) -> list[Invokable]:
    return [Invokable.from_arn(found["modelArn"]) for found in row.get("models", ()) if found.get("modelArn")]


# --- what has a state of its own ---------------------------------------------------------------------------------


async def _simple(
    account: Account, source: str, operation: str, member: str, read: Callable[[Row, str], ListedModel]
) -> ModelList:
    rows = await _rows(account, operation, member)
    if isinstance(rows, DragomanError):
        return ModelList(source, failure=rows)
    return ModelList(source, [read(row, account.region) for row in rows])


def _router(row: Row, region: str) -> ListedModel:
    models = [str(found.get("modelArn")) for found in row.get("models", ())]
    state = row.get("status")
    detail = {"models": models, "fallback": (row.get("fallbackModel") or {}).get("modelArn"), "status": state}
    listed = ListedModel(str(row["promptRouterArn"]), row.get("promptRouterName"), "prompt router", detail=detail)
    return _stated(listed, region, ready=state in (None, "AVAILABLE"))


def _custom(row: Row, region: str) -> ListedModel:
    detail = {
        "base_model": row.get("baseModelName"),
        "customization": row.get("customizationType"),
        "status": row.get("modelStatus"),
    }
    listed = ListedModel(str(row["modelArn"]), row.get("modelName"), "custom model", detail=detail)
    why_not = "it is called through provisioned throughput or a deployment of it"
    return replace(listed, can_invoke=False, why_not=why_not)


def _deployment(row: Row, region: str) -> ListedModel:
    state, arn = row.get("status"), str(row["customModelDeploymentArn"])
    detail = {"model": row.get("modelArn"), "status": state, "problem": row.get("failureMessage")}
    listed = ListedModel(arn, row.get("customModelDeploymentName"), "custom deployment", detail=detail)
    return _stated(listed, region, ready=state == "Active")


def _imported(row: Row, region: str) -> ListedModel:
    detail = {"architecture": row.get("modelArchitecture"), "instruct": row.get("instructSupported")}
    listed = ListedModel(str(row["modelArn"]), row.get("modelName"), "imported model", detail=detail)
    return _stated(listed, region, ready=True)


def _provisioned(row: Row, region: str) -> ListedModel:
    state = row.get("status")
    base = Invokable.from_arn(row["foundationModelArn"]).id if row.get("foundationModelArn") else None
    detail = {"model": row.get("modelArn"), "units": row.get("modelUnits"), "status": state, "base_model": base}
    arn = str(row["provisionedModelArn"])
    listed = ListedModel(arn, row.get("provisionedModelName"), "provisioned model", detail=detail)
    return _stated(listed, region, ready=state in ("InService", "Updating"))


def _stated(listed: ListedModel, region: str, *, ready: bool) -> ListedModel:
    """Return a row with what its state means."""
    why_not = None if ready else f"it is {listed.detail.get('status')}"
    document = _document(region, base_model=listed.detail.get("base_model"))
    return replace(listed, can_invoke=ready, why_not=why_not, adapter=document)


_SOURCES: tuple[tuple[str, str, str, Callable[[Row, str], ListedModel]], ...] = (
    ("prompt routers", "list_prompt_routers", "promptRouterSummaries", _router),
    ("custom models", "list_custom_models", "modelSummaries", _custom),
    ("custom deployments", "list_custom_model_deployments", "modelDeploymentSummaries", _deployment),
    ("imported models", "list_imported_models", "modelSummaries", _imported),
    ("provisioned models", "list_provisioned_model_throughputs", "provisionedModelSummaries", _provisioned),
)


def _document(region: str, *, base_model: str | None) -> dict[str, Any]:
    """Return what an adapter of a row says beside its model: the region that the list is of, and the base."""
    return {"connection": {"region": region}, **({"base_model": base_model} if base_model else {})}


def _day(value: Any) -> str | None:
    return value.date().isoformat() if hasattr(value, "date") else None
