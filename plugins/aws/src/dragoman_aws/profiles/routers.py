"""Prompt routers: one address that chooses, per prompt, between models of one family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dragoman.errors import DocumentError, ModelNotFoundError, Problem

from dragoman_aws.identity.region import partition
from dragoman_aws.profiles import facts
from dragoman_aws.profiles.account import Account, Progress
from dragoman_aws.profiles.cross_region import described
from dragoman_aws.profiles.invokables import Invokable
from dragoman_aws.profiles.limits import check

DEFAULT_KIND, CUSTOM_KIND = "default-prompt-router", "prompt-router"
#: A custom router has two models, and the difference goes in steps (terraform-provider-aws PR 45124, read 2026-11).
ROUTED_MODELS = 2
STEP_PERCENT = 5


@dataclass(frozen=True)
class PromptRouter:
    """A router.

    Args:
        arn: What an adapter's ``model`` says.
        models: The ids or ARNs of what it chooses between.
        fallback: What is used unless another one is better by the difference.
        quality_difference_percent: How much better another model's answer must be.
    """

    arn: str
    name: str = ""
    models: tuple[str, ...] = ()
    fallback: str | None = None
    quality_difference_percent: float | None = None
    description: str | None = None
    type: Literal["default", "custom"] = "default"
    status: str | None = None

    @classmethod
    def default(cls, router_id: str, region: str, account: str = "") -> PromptRouter:
        """Return a default router as the shipped facts know it.

        Each model is the cross-region profile of the region's geography where there is one, else the model itself.

        Args:
            router_id: For example ``anthropic.claude:1``.
            region: Where it is called.
            account: Whose ARN it has; empty = ``*`` stands in its place.
        """
        known = facts.default_routers()
        if router_id not in known:
            problem = Problem("router", f"there is no default router {router_id!r}", f"there are: {', '.join(known)}")
            raise DocumentError("prompt router", [problem])
        arn = Invokable(DEFAULT_KIND, router_id, region, account, partition(region)).arn
        return cls(arn, router_id, tuple(_routed(model, region) for model in known[router_id]))

    @property
    def id(self) -> str:
        """The end of its ARN."""
        return Invokable.from_arn(self.arn).id if "*" not in self.arn else self.arn.rpartition("/")[2]

    def as_adapter(self) -> dict[str, Any]:
        """Return an adapter document that calls it."""
        region = self.arn.split(":")[3]
        return {"provider": "bedrock", "model": self.arn, "connection": {"region": region}}


def _routed(model: str, region: str) -> str:
    for geo in facts.geographies_of_region(region):
        if geo in facts.geographies_of_model(model) and facts.destinations(f"{geo}.{model}", region):
            return f"{geo}.{model}"
    return model


@dataclass
class PromptRouters:
    """The routers of an account in its region."""

    account: Account

    async def list(
        self, type: Literal["default", "custom"] | None = None, progress: Progress | None = None
    ) -> list[PromptRouter]:
        """Return all of them, or those of one type."""
        given = {"type": type} if type else {}
        rows = await self.account.pages("list_prompt_routers", "promptRouterSummaries", progress, **given)
        found = [_router(row) for row in rows]
        return [router for router in found if type in (None, router.type)]

    async def get(self, reference: str) -> PromptRouter:
        """Return a router by its ARN, its id or its name.

        Raises:
            ModelNotFoundError: There is none.
        """
        return _router(await self.account.call("get_prompt_router", promptRouterArn=await self._arn_of(reference)))

    async def create(
        self,
        name: str,
        models: Sequence[str],
        *,
        fallback: str,
        quality_difference_percent: float,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> PromptRouter:
        """Create a router and return it.

        Args:
            name: 1 to 64 letters and digits, with single blanks, ``_`` or ``-`` after them.
            models: Two models of one family, by id or ARN of the model or its cross-region profile.
            fallback: The one that is used unless the other's answer is better by the difference.
            quality_difference_percent: 0 to 100, in steps of 5.
            description: At most 200 characters.
            tags: At most 200.

        Raises:
            DocumentError: Something of this does not hold; the service was not asked.
        """
        _check_router(name, models, fallback, quality_difference_percent)
        check(f"prompt router {name}", name, description, tags)
        arns = {model: await self._model_arn(model) for model in dict.fromkeys([*models, fallback])}
        given: dict[str, Any] = {
            "promptRouterName": name,
            "models": [{"modelArn": arns[model]} for model in models],
            "fallbackModel": {"modelArn": arns[fallback]},
            "routingCriteria": {"responseQualityDifference": quality_difference_percent},
            "description": description,
            "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()],
        }
        made = await self.account.call("create_prompt_router", **{k: v for k, v in given.items() if v})
        return await self.get(made["promptRouterArn"])

    async def delete(self, reference: str) -> None:
        """Delete a custom router."""
        await self.account.call("delete_prompt_router", promptRouterArn=await self._arn_of(reference))

    async def _model_arn(self, model: str) -> str:
        invokable = Invokable.of(model, self.account.region)
        if model.startswith("arn:") or invokable.kind == "foundation-model":
            return invokable.arn
        arn: str = (await described(self.account, invokable.id))["inferenceProfileArn"]
        return arn

    async def _arn_of(self, reference: str) -> str:
        if reference.startswith("arn:"):
            return reference
        known = await self.list()
        found = next((router.arn for router in known if reference in (router.id, router.name)), None)
        if found is None:
            names = ", ".join(sorted(router.name for router in known)) or "none"
            where = f"{self.account.region}, asked as {self.account.identity.who}"
            raise ModelNotFoundError(f"there is no prompt router {reference!r} in {where}", hint=f"there are: {names}")
        return found


def _check_router(name: str, models: Sequence[str], fallback: str, difference: float) -> None:
    problems = []
    if len(set(models)) != ROUTED_MODELS:
        problems.append(Problem("models", f"are {len(set(models))}", f"{ROUTED_MODELS} are routed between"))
    if fallback not in models:
        problems.append(Problem("fallback", "is none of the models", "name one of them"))
    if not 0 <= difference <= 100 or difference % STEP_PERCENT:
        expected = f"0 to 100 in steps of {STEP_PERCENT}"
        problems.append(Problem("quality_difference_percent", f"is {difference:g}", expected))
    if problems:
        raise DocumentError(f"prompt router {name}", problems)


def _router(row: Mapping[str, Any]) -> PromptRouter:
    return PromptRouter(
        arn=row["promptRouterArn"],
        name=row.get("promptRouterName", ""),
        models=tuple(m["modelArn"] for m in row.get("models", ()) if m.get("modelArn")),
        fallback=(row.get("fallbackModel") or {}).get("modelArn"),
        quality_difference_percent=(row.get("routingCriteria") or {}).get("responseQualityDifference"),
        description=row.get("description") or None,
        type=row.get("type", "default"),
        status=row.get("status"),
    )
