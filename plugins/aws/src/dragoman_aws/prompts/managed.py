"""The prompts of an account in its region: drafts and their immutable versions. Service model of botocore 1.44.8."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dragoman.errors import ConflictError, DocumentError, ModelNotFoundError, Problem

from dragoman_aws.identity.connection import BedrockApiKeyAuth
from dragoman_aws.profiles import Account
from dragoman_aws.profiles.account import Progress

Wire = dict[str, Any]

SERVICE = "bedrock-agent"
DRAFT = "DRAFT"
KIND = "prompt"

_ARN = re.compile(
    r"arn:aws[a-z-]*:bedrock:(?P<region>[a-z0-9-]+):\d{12}:prompt/(?P<id>[0-9a-zA-Z]+)(:(?P<version>\w+))?"
)


@dataclass(frozen=True)
class ManagedPrompt:
    """A prompt as the service has it.

    Args:
        id: Ten letters and digits.
        arn: What an adapter's ``model`` says to call it; with its version at the end where it is one.
        version: ``DRAFT``, or a number.
        variants: None or one, as the service writes it; empty where only a listing was asked.
        key_arn: The key that it is encrypted with; ``None`` = AWS's own.
        tags: ``None`` = not asked for.
    """

    id: str
    arn: str
    name: str
    version: str = DRAFT
    description: str | None = None
    variants: tuple[Mapping[str, Any], ...] = ()
    key_arn: str | None = None
    tags: Mapping[str, str] | None = None
    created_at: str | None = None
    updated_at: str | None = None


@dataclass(frozen=True)
class Draft:
    """What a draft is to hold: everything that the service takes beside its id."""

    name: str
    variant: Mapping[str, Any]
    description: str | None = None
    key_arn: str | None = None

    def as_arguments(self) -> Wire:
        """Return it as CreatePrompt and UpdatePrompt take it."""
        given = {
            "name": self.name,
            "description": self.description,
            "defaultVariant": self.variant["name"],
            "variants": [dict(self.variant)],
            "customerEncryptionKeyArn": self.key_arn,
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass
class ManagedPrompts:
    """The prompts of an account in its region.

    Raises:
        DocumentError: The account is called with an API key, which prompt management does not take.
    """

    account: Account

    def __post_init__(self) -> None:
        if isinstance(self.account.identity.auth, BedrockApiKeyAuth):
            problem = Problem("auth.kind", "a Bedrock API key cannot call prompt management", "use another identity")
            raise DocumentError("prompts", [problem])

    async def list(self, progress: Progress | None = None) -> list[ManagedPrompt]:
        """Return the drafts, all pages of them, without what they say."""
        rows = await self.account.pages("list_prompts", "promptSummaries", progress, service=SERVICE)
        return [_prompt(row) for row in rows if row.get("version", DRAFT) == DRAFT]

    async def versions(self, prompt_id: str) -> builtins.list[ManagedPrompt]:
        """Return the numbered versions of a prompt, the oldest first, without what they say."""
        rows = await self.account.pages("list_prompts", "promptSummaries", service=SERVICE, promptIdentifier=prompt_id)
        numbered = [_prompt(row) for row in rows if str(row.get("version", DRAFT)).isdigit()]
        return sorted(numbered, key=lambda prompt: int(prompt.version))

    async def get(self, reference: str, version: str | None = None, *, tags: bool = False) -> ManagedPrompt:
        """Return a prompt with what it says.

        Args:
            reference: Its id, its ARN, also that of a version, or its name.
            version: A number; ``None`` = that of the ARN, else the draft.
            tags: Whether its tags are asked for as well.

        Raises:
            ModelNotFoundError: There is none.
            ConflictError: Several have that name.
        """
        prompt_id, own_version = await self._found(reference)
        chosen = version or own_version
        given = {} if chosen in (None, DRAFT) else {"promptVersion": chosen}
        row = await self._call("get_prompt", promptIdentifier=prompt_id, **given)
        return _prompt(row, await self._tags(row["arn"]) if tags else None)

    async def create(self, draft: Draft, tags: Mapping[str, str], token: str) -> ManagedPrompt:
        """Create a prompt; done twice with one token (33 to 256 letters, digits and hyphens) it is made once."""
        more = {"tags": dict(tags)} if tags else {}
        return _prompt(await self._call("create_prompt", **draft.as_arguments(), clientToken=token, **more))

    async def update(self, prompt_id: str, draft: Draft) -> ManagedPrompt:
        """Write a draft anew, the whole of it; its versions stay as they are."""
        return _prompt(await self._call("update_prompt", promptIdentifier=prompt_id, **draft.as_arguments()))

    async def create_version(
        self, prompt_id: str, token: str, *, description: str | None = None, tags: Mapping[str, str] | None = None
    ) -> ManagedPrompt:
        """Make an immutable version of what the draft holds."""
        more = {"description": description, "tags": dict(tags) if tags else None}
        given = {name: value for name, value in more.items() if value is not None}
        row = await self._call("create_prompt_version", promptIdentifier=prompt_id, clientToken=token, **given)
        return _prompt(row)

    async def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Set tags of a prompt; others stay."""
        await self._call("tag_resource", resourceArn=arn, tags=dict(tags))

    async def delete(self, reference: str, version: str | None = None) -> None:
        """Delete a prompt with all its versions, or one version of it."""
        prompt_id, own_version = await self._found(reference)
        chosen = version or own_version
        given = {} if chosen in (None, DRAFT) else {"promptVersion": chosen}
        await self._call("delete_prompt", promptIdentifier=prompt_id, **given)

    async def _call(self, operation: str, **arguments: Any) -> Wire:
        return await self.account.call(operation, service=SERVICE, **arguments)

    async def _tags(self, arn: str) -> dict[str, str]:
        answer = await self._call("list_tags_for_resource", resourceArn=arn)
        return dict(answer.get("tags") or {})

    async def _found(self, reference: str) -> tuple[str, str | None]:
        """Return id and version of a reference."""
        if reference.startswith("arn:"):
            return self._of_arn(reference)
        known = await self.list()
        if any(prompt.id == reference for prompt in known):
            return reference, None
        return one_of_name(known, reference, self.account), None

    def _of_arn(self, arn: str) -> tuple[str, str | None]:
        found = _ARN.fullmatch(arn)
        if found is None:
            raise DocumentError("prompt", [Problem("arn", f"{arn!r} is not the ARN of a prompt")])
        if found["region"] != self.account.region:
            where = f"it is in {found['region']}, and {self.account.region} is asked"
            raise DocumentError("prompt", [Problem("arn", where, f"--region {found['region']}")])
        return found["id"], found["version"]


def one_of_name(known: Sequence[ManagedPrompt], name: str, account: Account) -> str:
    """Return the id of the one prompt of a name; raise where there is none, or are several."""
    named = [prompt.id for prompt in known if prompt.name == name]
    if len(named) > 1:
        raise ConflictError(f"{len(named)} prompts are called {name}", hint=f"name one: {', '.join(named)}")
    if not named:
        where = f"{account.region}, asked as {account.identity.who}"
        hint = "`dragoman bedrock prompts list` shows those that there are"
        raise ModelNotFoundError(f"there is no prompt {name!r} in {where}", hint=hint)
    return named[0]


def _prompt(row: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> ManagedPrompt:
    return ManagedPrompt(
        id=row["id"],
        arn=row["arn"],
        name=row["name"],
        version=str(row.get("version", DRAFT)),
        description=row.get("description") or None,
        variants=tuple(row.get("variants") or ()),
        key_arn=row.get("customerEncryptionKeyArn") or None,
        tags=tags,
        created_at=_stamp(row.get("createdAt")),
        updated_at=_stamp(row.get("updatedAt")),
    )


def _stamp(value: Any) -> str | None:
    return None if value is None else str(value.isoformat() if hasattr(value, "isoformat") else value)
