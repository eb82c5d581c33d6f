"""The state of access to an adapter's models, and requesting it: accepting the terms of their public offers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from dragoman.errors import DocumentError, Problem
from dragoman.plugin import Context, Target

from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.inspection.access import Access
from dragoman_aws.inspection.asking import Regions
from dragoman_aws.profiles.invokables import Invokable


async def states_of(target: Target, context: Context) -> list[Mapping[str, Any]]:
    """Return the state for each model and region that calls of a target may go to.

    Raises:
        DragomanError: The adapter is none of Bedrock, or a profile that may not be looked at.
    """
    if not isinstance(target.connection, BedrockConnection):
        problem = Problem("provider", f"{target.provider} has no access to models to be granted", "name one of bedrock")
        raise DocumentError("bedrock access", [problem])
    async with Regions(target, context) as regions:
        access = Access(regions)
        try:
            pairs = await _pairs(target, regions)
            found = await asyncio.gather(*(access.of(model, region) for model, region in pairs))
        finally:
            await access.aclose()
    return [
        {
            "model": model,
            "region": region,
            "usable": one.usable,
            "why_not": one.why_not or (str(one.failure) if one.failure else None),
            **one.answer,
        }
        for (model, region), one in zip(pairs, found, strict=True)
    ]


async def _pairs(target: Target, regions: Regions) -> list[tuple[str, str]]:
    """Return the foundation models behind what is called, each with the regions that it is called in."""
    here = regions.account().region
    called = Invokable.of(target.model, here, base_model=target.base_model)
    if called.kind == "foundation-model":
        return [(called.id, here)]
    if called.kind not in ("inference-profile", "application-inference-profile"):
        return []
    account = regions.account(called.region or None)
    reference = called.arn if "*" not in called.arn else called.id
    found = await account.call("get_inference_profile", inferenceProfileIdentifier=reference)
    behind = [Invokable.from_arn(row["modelArn"]) for row in found.get("models", ()) if row.get("modelArn")]
    return sorted({(model.id, model.region or here) for model in behind})


async def request_access(target: Target, context: Context, missing: Sequence[tuple[str, str]]) -> list[str]:
    """Accept the first public offer of each model in each region; return what was done, a line each.

    The agreement holds for the account. Service model of bedrock, botocore 1.44.5; unproven against the live service.

    Raises:
        PermissionDeniedError: The identity may not; the error names the action.
    """
    done = []
    async with Regions(target, context) as regions:
        for model, region in missing:
            account = regions.account(region)
            offers = (await account.call("list_foundation_model_agreement_offers", modelId=model)).get("offers", ())
            if not offers:
                done.append(f"{model} in {region}: there is no offer to accept; AWS's console may ask for a use case")
                continue
            token = offers[0]["offerToken"]
            await account.call("create_foundation_model_agreement", offerToken=token, modelId=model)
            done.append(f"{model} in {region}: requested; AWS may take some minutes")
    return done
