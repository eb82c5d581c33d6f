"""System-defined profiles, which send requests to several regions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dragoman.errors import DocumentError, DragomanError, InvalidRequestError, ModelNotFoundError, Problem

from dragoman_aws.identity.region import partition
from dragoman_aws.profiles import facts
from dragoman_aws.profiles.account import Account, Progress
from dragoman_aws.profiles.invokables import Invokable

SYSTEM_DEFINED = "SYSTEM_DEFINED"


@dataclass(frozen=True)
class CrossRegionInferenceProfile:
    """A profile of a model in a geography.

    Args:
        geo_region: The prefix of its id: ``us``, ``eu``, ``apac``, ``global`` or any other.
        model: The foundation model's id.
        routes: Region of the caller -> where requests go from there; ``*`` = every commercial region. What is not in
            it is not known.
        origin: Where the routes were learnt, for a person.
        status: As the account says it; ``None`` where no account was asked.
    """

    geo_region: str
    model: str
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origin: str = ""
    status: str | None = None

    @classmethod
    def from_config(
        cls, geo_region: str, model: str, *, among: Iterable[CrossRegionInferenceProfile] = ()
    ) -> CrossRegionInferenceProfile:
        """Return the profile of a model in a geography.

        Args:
            geo_region: A geography's prefix.
            model: A foundation model's id.
            among: What :func:`discover` found in an account; it counts more than the shipped facts.

        Raises:
            DocumentError: The model has profiles, and none in this geography; the message names those that it has.
        """
        found = [p for p in among if p.model == model]
        if hit := next((p for p in found if p.geo_region == geo_region), None):
            return hit
        known = sorted({p.geo_region for p in found} | set(facts.geographies_of_model(model)))
        if known and geo_region not in known:
            problem = Problem(
                "geo_region",
                f"there is no profile {geo_region}.{model}",
                f"the model has profiles in: {', '.join(known)}; `dragoman bedrock profiles list` asks the account",
            )
            raise DocumentError("cross-region profile", [problem])
        return cls(geo_region, model, _shipped_routes(f"{geo_region}.{model}"), facts.provenance() if known else "")

    @classmethod
    def from_id(cls, profile_id: str, *, base_model: str | None = None) -> CrossRegionInferenceProfile:
        """Return the profile of an id such as ``us.anthropic.claude-sonnet-4-20250514-v1:0``.

        Raises:
            DocumentError: Nothing says that it is a profile and no model, or its geography does not exist.
        """
        parts = facts.split_profile(profile_id, base_model)
        if parts is None:
            problem = Problem("model", f"{profile_id!r} is not known as a profile", "declare base_model")
            raise DocumentError("cross-region profile", [problem])
        return cls.from_config(*parts)

    @property
    def id(self) -> str:
        """What a call addresses."""
        return f"{self.geo_region}.{self.model}"

    @property
    def is_global(self) -> bool:
        """Whether requests may go to every commercial region."""
        return self.geo_region == facts.GLOBAL

    @property
    def source_regions(self) -> tuple[str, ...]:
        """The regions from which it is known to be callable."""
        return tuple(sorted(self.routes))

    def destinations(self, source: str) -> tuple[str, ...] | None:
        """Return where requests from a region go; ``None`` where that is not known."""
        return self.routes.get(source)

    def arn(self, region: str, account: str = "") -> str:
        """Return its ARN as seen from a region; an account that is not given becomes ``*``."""
        return Invokable("inference-profile", self.id, region, account, partition(region)).arn

    def as_adapter(self, region: str | None = None) -> dict[str, Any]:
        """Return an adapter document that calls it from a region; ``None`` = the environment's."""
        where = {"connection": {"region": region}} if region else {}
        return {"provider": "bedrock", "model": self.id, "base_model": self.model, **where}


def _shipped_routes(profile_id: str) -> dict[str, tuple[str, ...]]:
    return {s: route.destinations for route in facts.profiles().get(profile_id, ()) for s in route.sources}


def shipped() -> list[CrossRegionInferenceProfile]:
    """Return every profile of the shipped facts, by its id; no account is asked."""
    return [CrossRegionInferenceProfile.from_id(profile_id) for profile_id in sorted(facts.profiles())]


async def discover(account: Account, progress: Progress | None = None) -> list[CrossRegionInferenceProfile]:
    """Return the system-defined profiles that an account has in its region, all pages of them.

    The models' ARNs say where requests go from this region; the rest of a profile's routes is what shipped facts say.
    """
    rows = await account.pages(
        "list_inference_profiles", "inferenceProfileSummaries", progress, typeEquals=SYSTEM_DEFINED
    )
    return [from_summary(row, account.region) for row in rows if row.get("type") == SYSTEM_DEFINED]


def from_summary(row: Mapping[str, Any], region: str) -> CrossRegionInferenceProfile:
    """Return a profile out of what the service says about it in a region.

    The geography is what stands before the model's id, whatever it is.
    """
    models = [Invokable.from_arn(m["modelArn"]) for m in row.get("models", ()) if m.get("modelArn")]
    profile_id = str(row["inferenceProfileId"])
    model = models[0].id if models else profile_id.partition(".")[2]
    geo = profile_id.removesuffix(f".{model}") if profile_id.endswith(f".{model}") else profile_id.partition(".")[0]
    here = tuple(sorted({m.region or facts.EVERYWHERE for m in models}))
    routes = {**_shipped_routes(profile_id), **({region: here} if here else {})}
    return CrossRegionInferenceProfile(geo, model, routes, f"the account, in {region}", row.get("status"))


async def profiles_of(account: Account, model: str) -> list[str]:
    """Return the ids of a model's cross-region profiles, those of the account's region where it tells them."""
    try:
        rows = await account.pages("list_inference_profiles", "inferenceProfileSummaries", typeEquals=SYSTEM_DEFINED)
    except DragomanError:
        own = facts.geographies_of_region(account.region)
        known = [geo for geo in facts.geographies_of_model(model) if geo in own or geo == facts.GLOBAL]
        return [f"{geo}.{model}" for geo in known]
    return [str(row["inferenceProfileId"]) for row in rows if model in _models_of(row)]


def _models_of(row: Mapping[str, Any]) -> set[str]:
    return {Invokable.from_arn(found["modelArn"]).id for found in row.get("models", ()) if found.get("modelArn")}


async def described(account: Account, profile_id: str) -> dict[str, Any]:
    """Return what the service says about a cross-region profile.

    Raises:
        ModelNotFoundError: There is none of that id here; the hint names those of the model that there are.
    """
    try:
        return await account.call("get_inference_profile", inferenceProfileIdentifier=profile_id)
    except (ModelNotFoundError, InvalidRequestError) as error:
        missing, status = f"there is no profile {profile_id} in {account.region}", error.status
    raise ModelNotFoundError(missing, status=status, hint=await other_profiles(account, profile_id))


async def other_profiles(account: Account, profile_id: str) -> str:
    """Return what to do about a cross-region profile that is not there: which ones there are, or where it is."""
    parts = facts.split_profile(profile_id)
    model = parts[1] if parts else profile_id.partition(".")[2]
    if there := await profiles_of(account, model):
        return f"of this model there are here: {', '.join(there)}"
    callers = sorted({source for route in facts.profiles().get(profile_id, ()) for source in route.sources})
    if callers:
        return f"it is called from {', '.join(callers)}: set connection.region"
    return "check the model and the region; dragoman models --provider bedrock lists what there is"
