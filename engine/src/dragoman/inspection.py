"""What a provider tells beside calls: the models that it lists, the steps of a check, the policies that calls need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dragoman.adapter import Operation
from dragoman.errors import DragomanError

#: How a step ended. ``skipped``: it says nothing about the adapter, and the next step is taken.
StepState = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of a check. No text of it holds a secret.

    Args:
        name: One or two words: ``network``, ``model access``.
        state: How it ended.
        message: What was found, in one line.
        hint: What to do about it; ``None`` where there is nothing to do, or nothing is known.
        detail: Figures and names behind the message, as JSON.
    """

    name: str
    state: StepState
    message: str
    hint: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def ok(cls, name: str, message: str, **detail: Any) -> CheckStep:
        """Return a step that was passed."""
        return cls(name, "ok", message, detail=detail)

    @classmethod
    def skipped(cls, name: str, message: str, hint: str | None = None, **detail: Any) -> CheckStep:
        """Return a step that could not be taken, and does not have to be."""
        return cls(name, "skipped", message, hint, detail)

    @classmethod
    def failed(cls, name: str, failure: DragomanError, hint: str | None = None, **detail: Any) -> CheckStep:
        """Return the step that an error ended; ``hint`` takes the place of the error's own."""
        return cls(name, "failed", failure.message, hint or failure.hint, {"error": failure.as_dict(), **detail})

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "state": self.state,
            "message": self.message,
            "hint": self.hint,
            "detail": dict(self.detail),
        }


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One row of a provider's live list.

    Args:
        id: What an adapter's ``model`` says to call it.
        title: What a person sees; ``None`` = the id.
        kind: What it is, in the provider's words: ``model``, ``inference profile``, ``endpoint``.
        operations: What it does; empty = the list does not say.
        can_invoke: Whether it can be called from here; ``None`` = the list does not say.
        why_not: The reason where it cannot, or may not be callable, and what to do.
        adapter: Members of an adapter document, laid over the document that the list was asked with; ``model`` is
            ``id`` unless they say otherwise.
        detail: What else the list says, as JSON: lifecycle, modalities, regions.
    """

    id: str
    title: str | None = None
    kind: str = "model"
    operations: tuple[Operation, ...] = ()
    can_invoke: bool | None = None
    why_not: str | None = None
    adapter: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "id": self.id,
            "title": self.title,
            "kind": self.kind,
            "operations": list(self.operations),
            "can_invoke": self.can_invoke,
            "why_not": self.why_not,
            "detail": dict(self.detail),
        }


@dataclass(frozen=True, slots=True)
class ModelList:
    """What one source of a provider lists, or why it lists nothing.

    A provider has one source or several: ``foundation models``, ``inference profiles``. One that fails hides no other.
    """

    source: str
    models: Sequence[ListedModel] = ()
    failure: DragomanError | None = None


@dataclass(frozen=True, slots=True)
class Permission:
    """What one identity on an adapter's way has to be allowed.

    Args:
        document: The policy, in the provider's own language, as JSON.
        principal: Whose it is, by the name that the provider knows it by; ``None`` = whoever calls.
        title: Who gets it and what for, for a person.
    """

    document: Mapping[str, Any]
    principal: str | None = None
    title: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"principal": self.principal, "title": self.title, "document": dict(self.document)}


@dataclass(frozen=True, slots=True)
class Permissions:
    """What has to be allowed for an adapter to be used. No text of it holds a secret.

    Args:
        permissions: One for each identity, first that of who calls the model.
        notes: What is not known, in one line each; empty = the policies are exact.
        snippets: The same policies written down for other tools, by the format's name: ``terraform``.
    """

    permissions: Sequence[Permission]
    notes: Sequence[str] = ()
    snippets: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "permissions": [permission.as_dict() for permission in self.permissions],
            "notes": list(self.notes),
            "snippets": dict(self.snippets),
        }
