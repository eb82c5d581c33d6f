"""Terms that callers accept before they use a model: who accepted what, and that calls wait for it where it is asked.

An acceptance is a saved document of kind ``notice``, named by the digests of the notice and of the caller: who accepted
has accepted it for every adapter that says the same, and a changed notice is a new one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import quote

import orjson

from dragoman.adapter import Notice, digest
from dragoman.gateway_settings import NoticeSettings
from dragoman.policy import Caller
from dragoman.resolve import Resolved
from dragoman.server.refusals import Refusal
from dragoman.server.state.store import Store

KIND = "notice"
#: So much of a notice's text stands in a refusal.
MAX_TOLD = 500
#: What the page calls the notice of the deployment, which stands over all adapters.
DEPLOYMENT = "this gateway"


class Notices:
    """The notices of one server process: the deployment's, and those of the adapters that are called."""

    def __init__(self, settings: NoticeSettings, store: Store) -> None:
        self._store = store
        self._deployment = settings if settings.required else None

    def check(self, caller: Caller, resolved: Resolved) -> None:
        """Let a call pass whose caller has accepted what must be accepted.

        Raises:
            Refusal: They have not; it says where to.
        """
        notice = resolved.adapter.notice
        if self._deployment is not None and not accepted(self._store, caller, self._deployment):
            raise _missing(DEPLOYMENT, self._deployment, resolved.name)
        if notice is not None and notice.required and not accepted(self._store, caller, notice):
            raise _missing(f"adapter {resolved.name or '(unsaved)'}", notice, resolved.name)


def accepted(store: Store, caller: Caller, notice: Notice | NoticeSettings) -> bool:
    """Return whether a caller accepted a notice, from memory."""
    return acceptance(caller, notice) in store.current(KIND)


def acceptance(caller: Caller, notice: Notice | NoticeSettings) -> str:
    """Return the name that the acceptance of a notice by a caller is saved under."""
    return f"{mark_of(notice)} {_caller_mark(caller.key_id or caller.name)}"


@lru_cache(maxsize=1024)
def mark_of(notice: Notice | NoticeSettings) -> str:
    """Return the digest of what a notice says."""
    return digest(said(notice))


def said(notice: Notice | NoticeSettings) -> dict[str, Any]:
    """Return what a notice says, as JSON data; whether it must be accepted everywhere is not part of it."""
    return notice.model_dump(mode="json", exclude_none=True, exclude={"required"})


@lru_cache(maxsize=8192)
def _caller_mark(principal: str) -> str:
    return digest({"caller": principal})


def _missing(what: str, notice: Notice | NoticeSettings, adapter: str | None) -> Refusal:
    page = f"/#/try/{quote(adapter, safe='')}" if adapter else "/#/edit"
    about = {"adapter": adapter} if what != DEPLOYMENT else {}
    body = orjson.dumps({**about, "digest": mark_of(notice)}).decode()
    told = " ".join(text[:MAX_TOLD] for text in (notice.text, notice.terms_url) if text)
    return Refusal(
        403,
        "notice_not_accepted",
        f"{what} has terms that you have not accepted: {told or 'they are not written down'}; accept them on the "
        f"gateway's page {page}, signed in with the same key or identity, or by POST /api/workbench/notices with "
        + body,
        param="model",
        display=f"You must accept the terms of this model first. Open {page} on the gateway that serves it.",
    )
