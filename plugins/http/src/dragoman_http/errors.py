"""An endpoint's refusals as errors of ours: by the word that the mapping reads, else by status."""

from __future__ import annotations

from typing import Protocol

from dragoman.errors import ProviderError, error_class_for_status
from dragoman.plugin import WireReply

#: Bodies of these types are for people, in one line; a page of HTML is not.
_TEXT = ("text/plain", "application/json", "application/problem+json")
MAX_TEXT_CHARS = 300


class ReadsErrors(Protocol):
    """The half of every payload that reads refusals."""

    def error_message(self, body: bytes) -> str | None: ...
    def error_word(self, body: bytes) -> tuple[str, type[ProviderError] | None] | None: ...


def error_of(reply: WireReply, payload: ReadsErrors, request_id: str | None) -> ProviderError:
    """Return the error of a reply outside 2xx.

    Args:
        reply: The answer.
        payload: Reads the endpoint's own words and code.
        request_id: The endpoint's id of the call.
    """
    word, kind = payload.error_word(reply.body) or (None, None)
    message = payload.error_message(reply.body) or _text(reply) or "it gave no reason"
    if 300 <= reply.status < 400:
        message = "it sends the call elsewhere, and redirects are not followed"
    return (kind or error_class_for_status(reply.status))(
        f"the endpoint answered {reply.status}: {' '.join(message.split())}",
        status=reply.status,
        provider_code=word,
        request_id=request_id,
    )


def _text(reply: WireReply) -> str | None:
    """Return a body that the mapping finds no words in, where it is text."""
    if reply.headers.get("content-type", "").partition(";")[0].strip().lower() not in _TEXT:
        return None
    text = " ".join(reply.body[: 4 * MAX_TEXT_CHARS].decode("utf-8", "replace").split())
    return text if len(text) <= MAX_TEXT_CHARS else f"{text[: MAX_TEXT_CHARS - 1]}…"
