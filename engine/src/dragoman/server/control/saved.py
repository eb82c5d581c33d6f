"""Documents that are saved at run time, whatever their kind: save, list revisions, roll back, delete."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dragoman.errors import DragomanError, NotSavedError
from dragoman.gateway_settings import RoleName
from dragoman.server.control.problems import problems_in
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.refusals import Refusal
from dragoman.server.state import Revision
from dragoman.server.state.following import saved_of
from dragoman.server.state.store import Beside

_ETAG = re.compile(r'"(\d{1,9})-[0-9a-f]+"')

Judge = Callable[[Asked, str, Mapping[str, Any] | None], Awaitable[Mapping[str, Any] | None]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of documents that can be saved; :mod:`dragoman.server.control.kinds` is the table of them.

    Args:
        name: What the store and the audit log call it: ``adapter``.
        address: Where its documents are: ``/api/adapters``.
        title: What a person calls one, with its article.
        role: The least role that may save one.
        document: The JSON Schema of a document.
        admit: Raises where there is no document of this name for the caller, as far as what is saved under it goes.
        judge: Raises where the caller may not save this document under this name, or it does not hold; ``None`` as
            document: where they may not delete it. Returns the document as it is saved.
        shown: What a role may see of a document.
        beside: Gives what judges a document, once more, by what is saved of its kind when it is written: judging takes
            a while, and somebody else may save meanwhile. ``None``: it stands by itself.
        taken: What a document that is sent to be saved becomes before it is judged; as it is unless given.
        routes: The operations that this kind alone has.
    """

    name: str
    address: str
    title: str
    role: RoleName
    document: Mapping[str, Any]
    admit: Callable[[Asked, str], Awaitable[None]]
    judge: Judge
    shown: Callable[[Mapping[str, Any], RoleName], dict[str, Any]]
    beside: Callable[[Asked, str, Mapping[str, Any]], Awaitable[Beside]] | None = None
    taken: Callable[[Asked, str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]] | None = None
    routes: tuple[Route, ...] = field(default=())

    def current(self, asked: Asked, name: str) -> Revision | None:
        """Return what is saved under a name now; ``None``: nothing."""
        return asked.state.store.current(self.name).get(name)

    def revision(self, revision: Revision, asked: Asked, *, document: bool) -> dict[str, Any]:
        """Return a revision as a caller sees it."""
        shown: dict[str, Any] = {
            "name": revision.name,
            "number": revision.number,
            "digest": revision.digest,
            "deleted": revision.deleted,
            "saved_by": revision.saved_by,
            "saved_at": revision.saved_at.isoformat(),
            "reason": revision.reason,
            "restored": revision.restored,
        }
        if document:
            shown["document"] = self.shown(revision.document, asked.caller.role)
        return shown


def validating(address: str, judge: Judge, document: Mapping[str, Any], summary: str) -> Route:
    """Return the operation that judges a document as saving it would, and saves nothing."""

    async def validate(asked: Asked) -> Answer:
        try:
            judged = await judge(asked, asked.text("name") or "draft", asked.mapping("document"))
        except DragomanError as error:
            return Answer({"valid": False, "problems": problems_in(error)})
        return Answer({"valid": True, "problems": [], "document": judged})

    name = {"type": "string", "description": "which one it would be"}
    body = {"type": "object", "required": ["document"], "properties": {"document": document, "name": name}}
    return Route("POST", f"{address}/validate", validate, "admin", summary, body=body)


def routes_of(kind: Kind) -> tuple[Route, ...]:
    """Return the operations of a kind: its own, and those that every kind has."""
    one = f"{kind.address}/{{name}}"
    reason = {"type": "string", "description": "why, for the history"}
    saving = {"type": "object", "required": ["document"], "properties": {"document": kind.document, "reason": reason}}
    rolling_back = {
        "type": "object",
        "required": ["revision"],
        "properties": {"revision": {"type": "integer", "minimum": 1}, "reason": reason},
    }
    return (
        *kind.routes,
        Route(
            "PUT", one, partial(_save, kind), kind.role, f"Save {kind.title} as its next revision.", writes=True,
            action=f"{kind.name}.save", body=saving,
        ),
        Route(
            "DELETE", one, partial(_delete, kind), kind.role, "Delete what was saved, softly.", writes=True,
            action=f"{kind.name}.delete",
        ),
        Route(
            "GET", f"{one}/revisions", partial(_revisions, kind), "developer", "List what was saved, newest first.",
            query={"before": "only revisions with a lower number", "limit": "at most so many, 100 unless given"},
        ),
        Route(
            "POST", f"{one}/roll-back", partial(_roll_back, kind), kind.role, "Save an older revision anew.",
            writes=True, action=f"{kind.name}.roll_back", body=rolling_back,
        ),
    )  # fmt: skip


async def _save(kind: Kind, asked: Asked) -> Answer:
    name = await _begun(kind, asked)
    sent: Mapping[str, Any] = asked.mapping("document")
    taken = await kind.taken(asked, name, sent) if kind.taken else sent
    document = await kind.judge(asked, name, taken) or {}
    beside = await kind.beside(asked, name, document) if kind.beside else None
    revision = await asked.state.store.save(
        kind.name, name, document, by=asked.actor, reason=asked.reason, expected=await _start(kind, asked, name),
        beside=beside,
    )  # fmt: skip
    return await _saved(kind, asked, revision)


async def _delete(kind: Kind, asked: Asked) -> Answer:
    name = await _begun(kind, asked)
    await kind.judge(asked, name, None)
    revision = await asked.state.store.delete(
        kind.name, name, by=asked.actor, reason=asked.reason, expected=await _start(kind, asked, name)
    )
    return await _saved(kind, asked, revision)


async def _roll_back(kind: Kind, asked: Asked) -> Answer:
    name, number = await _begun(kind, asked), asked.body.get("revision")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 10**9:
        raise Refusal(422, "invalid_body", "revision must be the number of one", param="revision")
    wanted = await asked.state.store.get(kind.name, name, number)
    await kind.judge(asked, name, wanted.document)
    beside = await kind.beside(asked, name, wanted.document) if kind.beside else None
    revision = await asked.state.store.roll_back(
        kind.name, name, number, by=asked.actor, reason=asked.reason, expected=await _start(kind, asked, name),
        beside=beside,
    )  # fmt: skip
    return await _saved(kind, asked, revision)


async def _revisions(kind: Kind, asked: Asked) -> Answer:
    name = await _admitted(kind, asked)
    before = asked.number("before", 1, 10**9 - 1) if "before" in asked.query else None
    found = await asked.state.store.history(kind.name, name, before=before, limit=asked.number("limit", 100, 1000))
    return Answer({"revisions": [kind.revision(revision, asked, document=True) for revision in found]})


async def _begun(kind: Kind, asked: Asked) -> str:
    """Return the name that is written under, judged from here on by what every process has saved until now."""
    await asked.state.changes.look()
    return await _admitted(kind, asked)


async def _admitted(kind: Kind, asked: Asked) -> str:
    await kind.admit(asked, asked.path["name"])
    return asked.path["name"]


async def _start(kind: Kind, asked: Asked, name: str) -> int:
    current = None
    if asked.if_match == "*":
        with contextlib.suppress(NotSavedError):
            current = await asked.state.store.get(kind.name, name)
    return expected_revision(asked, current)


def expected_revision(asked: Asked, current: Revision | None) -> int:
    """Return the revision that a write starts from, as the client says it; 0: there is none yet.

    Args:
        asked: The request.
        current: What ``If-Match: *`` means; ``None``: nothing is saved.

    Raises:
        Refusal: It says nothing, or no revision's tag.
    """
    if asked.if_match == "*":
        if current is None:
            raise Refusal(412, "precondition_failed", "If-Match: * and nothing is saved under this name")
        return current.number
    if asked.if_none_match == "*":
        return 0
    if asked.if_match is None:
        hint = "send If-Match with the ETag that you read, or If-None-Match: * for a new one"
        raise Refusal(428, "precondition_required", f"the write names no revision; {hint}")
    found = _ETAG.fullmatch(asked.if_match.removeprefix("W/"))
    if found is None:
        raise Refusal(412, "precondition_failed", "If-Match is not the ETag of a revision")
    return int(found[1])


async def _saved(kind: Kind, asked: Asked, revision: Revision) -> Answer:
    await asked.engine.use_saved(saved_of(asked.state.store))
    status = 201 if revision.number == 1 else 200
    return Answer(kind.revision(revision, asked, document=True), status, revision.etag)
