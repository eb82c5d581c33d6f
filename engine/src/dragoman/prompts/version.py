"""A published version of a prompt: a number, and a content that never changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dragoman.adapter import digest, problems_of
from dragoman.errors import DocumentError, Problem
from dragoman.prompts.document import Prompt, prompt_from


class Version(BaseModel):
    """A version as it is kept: in a file beside the prompt's, or in the gateway's store.

    Args:
        version: 1, 2, 3, …
        digest: The fingerprint of ``prompt``; where it is another one, the version was changed and is refused.
        published_by: Who.
        published_at: When, in UTC (ISO 8601).
        description: What is new in it, in their words.
        prompt: The content: see :meth:`~dragoman.prompts.Prompt.content`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(ge=1)
    digest: str
    published_by: str | None = None
    published_at: str
    description: str | None = None
    prompt: dict[str, Any]

    def as_document(self) -> dict[str, Any]:
        """Return the document that is kept."""
        return self.model_dump(mode="json", exclude_none=True)

    def summary(self) -> dict[str, Any]:
        """Return all but the content."""
        return self.model_dump(mode="json", exclude={"prompt"})

    def opened(self, name: str) -> Prompt:
        """Return the content as the prompt of a name."""
        return prompt_from(self.prompt, name)


def new_version(prompt: Prompt, number: int, *, by: str | None, description: str | None) -> Version:
    """Return what a prompt says now as a version."""
    content = prompt.content()
    return Version(
        version=number,
        digest=digest(content),
        published_by=by,
        published_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        description=description,
        prompt=content,
    )


def version_from(document: Mapping[str, Any], name: str, number: int) -> Version:
    """Return a kept document as a version.

    Raises:
        DocumentError: It does not hold, or is not what was published under this number.
    """
    subject = f"version {number} of prompt {name}"
    try:
        version = Version.model_validate(document)
    except ValidationError as error:
        raise DocumentError(subject, problems_of(error, document)) from None
    if version.version != number:
        raise DocumentError(subject, [Problem("version", f"is {version.version}, and it is kept as {number}")])
    if version.digest != digest(version.prompt):
        hint = "restore it; a change belongs into the draft, and is published as the next version"
        raise DocumentError(subject, [Problem("prompt", "was changed after it was published", hint)])
    version.opened(name)
    return version
