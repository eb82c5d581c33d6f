"""What a caller asked for, as it came: which adapter, with what on it, and what is to be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple

from dragoman.adapter import Operation
from dragoman.batches import TQ
from dragoman.calls import Observe
from dragoman.errors import UnsupportedError
from dragoman.messages import MessagesLike, ToolChoiceLike, ToolLike, texts_from
from dragoman.policy import Caller
from dragoman.provider import CallSettings, EmbedRequest, Purpose, RerankRequest
from dragoman.resolve import AdapterLike, Resolved


class Wanted(NamedTuple):
    """Which adapter a caller asked for, and what they put on it."""

    adapter: AdapterLike | Resolved | None
    override: Mapping[str, Any] | None
    inference: Mapping[str, Any]
    caller: Caller | None
    observe: Observe | None


class Asked(NamedTuple):
    """What a caller asked for, as it came."""

    wanted: Wanted
    messages: MessagesLike
    tools: Sequence[ToolLike] | None
    tool_choice: ToolChoiceLike | None
    stream: bool


@dataclass(frozen=True, slots=True)
class AskedTexts(Generic[TQ]):
    """What a caller asked to be done with texts."""

    operation: Operation
    wanted: Wanted
    texts: Sequence[str]
    make_request: Callable[[CallSettings[Any]], TQ]


def to_embed(wanted: Wanted, texts: str | Sequence[str], purpose: Purpose | None) -> AskedTexts[EmbedRequest]:
    """Return what is asked for; raise ``MessageError`` for what is no text."""
    given = texts_from(texts, "texts")
    return AskedTexts("embed", wanted, given, lambda settings: EmbedRequest(given, settings, purpose))


def to_rerank(wanted: Wanted, query: str, documents: Sequence[str], top_n: int | None) -> AskedTexts[RerankRequest]:
    """Return what is asked for; raise ``MessageError`` for what is no text."""
    if top_n is not None and top_n < 1:
        raise UnsupportedError("at least 1 is expected, or none for all", path="top_n")
    (asked,), given = texts_from(query, "query"), texts_from(documents, "documents")
    return AskedTexts("rerank", wanted, (asked, *given), lambda settings: RerankRequest(asked, given, settings, top_n))


def refuse_other_operation(resolved: Resolved, operation: Operation) -> None:
    """Refuse an adapter that is for another operation than the one that is asked for."""
    actual = resolved.target.operation
    if actual != operation:
        message = f"the adapter {resolved.name or '(unsaved)'} is for {actual}, not for {operation}"
        raise UnsupportedError(message, path="operation", hint=f"name an adapter with operation: {operation}")
