"""Application inference profiles: a model or a cross-region profile under a name and tags, for usage and cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dragoman.errors import CallTimeoutError, ConflictError, DocumentError, ModelNotFoundError, Problem

from dragoman_aws.profiles.account import Account, Progress
from dragoman_aws.profiles.cross_region import described
from dragoman_aws.profiles.invokables import Invokable
from dragoman_aws.profiles.limits import check

ACTIVE = "ACTIVE"
APPLICATION = "APPLICATION"
KIND = "application-inference-profile"
#: The longest pause between two looks at a profile that is not active yet, and the first one.
FIRST_POLL_S, LONGEST_POLL_S = 0.5, 5.0


@dataclass(frozen=True)
class ApplicationProfile:
    """A profile as the service describes it.

    Args:
        id: The opaque end of its ARN.
        arn: What an adapter's ``model`` says. It does not hold the model's name.
        models: The ARN of the model in each region that requests go to.
        tags: ``None`` = not asked for: a listing does not bring them.
    """

    id: str
    arn: str
    name: str = ""
    description: str | None = None
    status: str | None = None
    models: tuple[str, ...] = ()
    tags: Mapping[str, str] | None = None
    created_at: str | None = None
    updated_at: str | None = None
    type: str = APPLICATION

    @property
    def base_model(self) -> str | None:
        """The foundation model behind it; ``None`` where the service names none, or several."""
        ids = {Invokable.from_arn(arn).id for arn in self.models}
        return ids.pop() if len(ids) == 1 else None

    def as_adapter(self) -> dict[str, Any]:
        """Return an adapter document that calls it. Its tags go with it: the ledger books calls under them, too."""
        known = {
            name: value for name, value in (("base_model", self.base_model), ("tags", dict(self.tags or {}))) if value
        }
        region = Invokable.from_arn(self.arn).region
        return {"provider": "bedrock", "model": self.arn, **known, "connection": {"region": region}}


@dataclass
class ApplicationProfiles:
    """The application profiles of an account in its region."""

    account: Account
    _sources: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    async def list(self, progress: Progress | None = None) -> list[ApplicationProfile]:
        """Return all of them, without their tags."""
        rows = await self.account.pages(
            "list_inference_profiles", "inferenceProfileSummaries", progress, typeEquals=APPLICATION
        )
        return [_profile(row) for row in rows if row.get("type") == APPLICATION]

    async def get(self, reference: str) -> ApplicationProfile:
        """Return a profile with its tags.

        Args:
            reference: Its ARN, its id, or its name.

        Raises:
            ModelNotFoundError: There is none.
            ConflictError: Several have that name.
        """
        row = await self._described(await self.id_of(reference))
        return _profile(row, await self._tags(row["inferenceProfileArn"]))

    async def create(
        self,
        name: str,
        source: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        wait_s: float = 60.0,
    ) -> ApplicationProfile:
        """Create a profile and return it.

        Args:
            name: 1 to 64 letters and digits, with single blanks, ``_`` or ``-`` after them.
            source: A foundation model's id, a cross-region profile's id, or an ARN of either.
            description: At most 200 characters.
            tags: For cost allocation; at most 200.
            wait_s: How long to wait until it is active; 0 does not wait.

        Raises:
            DocumentError: Name, description or tags are not what the service takes; it was not asked.
            ModelNotFoundError: There is no such cross-region profile; the hint names those of its model.
        """
        check(f"application profile {name}", name, description, tags)
        given: dict[str, Any] = {
            "inferenceProfileName": name,
            "modelSource": {"copyFrom": await self.source_arn(source)},
            "description": description,
            "tags": _as_list(tags or {}),
        }
        made = await self.account.call("create_inference_profile", **{k: v for k, v in given.items() if v})
        if wait_s > 0:
            return await self.wait_until_active(made["inferenceProfileArn"], timeout_s=wait_s)
        invokable = Invokable.from_arn(made["inferenceProfileArn"])
        return ApplicationProfile(invokable.id, invokable.arn, name, description, made.get("status"), tags=tags)

    async def wait_until_active(self, reference: str, *, timeout_s: float = 60.0) -> ApplicationProfile:
        """Return a profile when it is active; one that is not to be seen yet is waited for as well.

        Raises:
            CallTimeoutError: It was not active in time.
        """
        ends_s, pause_s = time.monotonic() + timeout_s, FIRST_POLL_S
        while True:
            try:
                found = await self.get(reference)
            except ModelNotFoundError:
                found = None
            if found is not None and found.status == ACTIVE:
                return found
            if time.monotonic() + pause_s > ends_s:
                state = found.status if found else "not there"
                raise CallTimeoutError(f"the profile {reference} is {state} after {timeout_s:g} s")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, LONGEST_POLL_S)

    async def tag(self, reference: str, tags: Mapping[str, str]) -> None:
        """Set tags of a profile; others stay."""
        check(f"application profile {reference}", "x", None, tags)
        await self.account.call("tag_resource", resourceARN=await self._arn_of(reference), tags=_as_list(tags))

    async def untag(self, reference: str, keys: Iterable[str]) -> None:
        """Remove tags of a profile."""
        await self.account.call("untag_resource", resourceARN=await self._arn_of(reference), tagKeys=[*keys])

    async def delete(self, reference: str) -> None:
        """Delete a profile; calls of its ARN fail from then on."""
        await self.account.call("delete_inference_profile", inferenceProfileIdentifier=await self.id_of(reference))

    async def source_arn(self, source: str) -> str:
        """Return the ARN that a profile is made from; an id is looked up where its account is part of the ARN."""
        invokable = Invokable.of(source, self.account.region)
        if invokable.kind == "foundation-model":
            return invokable.arn
        if invokable.kind != "inference-profile":
            expected = "a foundation model or a cross-region profile is expected"
            raise DocumentError("application profile", [Problem("source", f"is a {invokable.kind}", expected)])
        if source.startswith("arn:"):
            return source
        arn: str = (await described(self.account, invokable.id))["inferenceProfileArn"]
        return arn

    async def models_of_source(self, source_arn: str) -> tuple[str, ...]:
        """Return the models' ARNs that a profile gets that is made from this source."""
        if source_arn not in self._sources:
            invokable = Invokable.from_arn(source_arn)
            models: tuple[str, ...] = (source_arn,)
            if invokable.kind == "inference-profile":
                row = await described(self.account, invokable.id)
                models = tuple(m["modelArn"] for m in row["models"])
            self._sources[source_arn] = models
        return self._sources[source_arn]

    async def id_of(self, reference: str) -> str:
        """Return the id of a profile that is named by its ARN, its id or its name; see :meth:`get`."""
        if reference.startswith("arn:"):
            return Invokable.from_arn(reference).id
        rows = await self.list()
        if any(row.id == reference for row in rows):
            return reference
        named = [row.id for row in rows if row.name == reference]
        if len(named) > 1:
            raise ConflictError(f"{len(named)} profiles are called {reference}", hint=f"name one: {', '.join(named)}")
        if not named:
            where = f"{self.account.region}, asked as {self.account.identity.who}"
            hint = "`dragoman bedrock profiles list` shows those that there are"
            raise ModelNotFoundError(f"there is no application profile {reference!r} in {where}", hint=hint)
        return named[0]

    async def _arn_of(self, reference: str) -> str:
        if reference.startswith("arn:"):
            return reference
        arn: str = (await self._described(await self.id_of(reference)))["inferenceProfileArn"]
        return arn

    async def _described(self, profile_id: str) -> dict[str, Any]:
        return await self.account.call("get_inference_profile", inferenceProfileIdentifier=profile_id)

    async def _tags(self, arn: str) -> dict[str, str]:
        answer = await self.account.call("list_tags_for_resource", resourceARN=arn)
        return {tag["key"]: tag["value"] for tag in answer.get("tags", ())}


def _profile(row: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> ApplicationProfile:
    return ApplicationProfile(
        id=row["inferenceProfileId"],
        arn=row["inferenceProfileArn"],
        name=row["inferenceProfileName"],
        description=row.get("description") or None,
        status=row.get("status"),
        models=tuple(m["modelArn"] for m in row.get("models", ()) if m.get("modelArn")),
        tags=tags,
        created_at=_stamp(row.get("createdAt")),
        updated_at=_stamp(row.get("updatedAt")),
        type=row.get("type", APPLICATION),
    )


def _stamp(value: Any) -> str | None:
    return None if value is None else str(value.isoformat() if hasattr(value, "isoformat") else value)


def _as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
