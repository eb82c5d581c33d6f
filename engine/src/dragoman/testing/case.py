"""What an author says about a provider: a case, and the provider's side of the wire."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dragoman.adapter import Operation
from dragoman.errors import ProviderError
from dragoman.events import FinishReason, Ranked
from dragoman.messages import ToolCall
from dragoman.testing.upstream import Received, Reply

#: Stands in a case's document where the upstream's address goes, for example ``{"base_url": "{upstream}/v1"}``.
UPSTREAM = "{upstream}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider is to say: the pieces of its text, the tools it calls, why it ends, and its figures."""

    pieces: tuple[str, ...] = ("Hello", ", wörld", " 🌍", "!")
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: FinishReason = "stop"
    input_tokens: int = 11
    output_tokens: int = 7

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)


class ProviderSide:
    """The provider's side of the wire, the inverse of a codec."""

    def error(self, status: int, message: str) -> Reply:
        """Return the provider's error body for a status outside 2xx."""
        return Reply.json({"error": {"message": message}}, status)


class Wire(ProviderSide, ABC):
    """The provider's side of a conversation: an answer in the provider's own bytes."""

    @abstractmethod
    def whole(self, answer: Answer) -> Reply:
        """Return the answer as the provider sends it in one piece."""

    @abstractmethod
    def streamed(self, answer: Answer) -> Reply:
        """Return the answer as the provider streams it: a reply with a piece for each frame."""


class EmbedWire(ProviderSide, ABC):
    """The provider's side of embedding: which texts a request holds, and vectors in the provider's own bytes.

    ``max_texts`` is the provider's limit of one request, from its documentation; ``None`` = there is none.
    """

    max_texts: int | None = None

    @abstractmethod
    def texts(self, sent: Received) -> Sequence[str]:
        """Return the texts of a request, in order."""

    @abstractmethod
    def vectors(self, vectors: Sequence[Sequence[float]], input_tokens: int, sent: Received) -> Reply:
        """Return these vectors, and the figure, as the provider answers that request."""


class RerankWire(ProviderSide, ABC):
    """The provider's side of ranking: which documents a request holds, and scores in the provider's own bytes.

    ``max_documents`` is the provider's limit of one request, from its documentation; ``None`` = there is none.
    """

    max_documents: int | None = None

    @abstractmethod
    def documents(self, sent: Received) -> Sequence[str]:
        """Return the documents of a request, in order."""

    @abstractmethod
    def ranking(self, ranked: Sequence[Ranked], sent: Received) -> Reply:
        """Return these scores, best first, as the provider answers that request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderCase:
    """One provider, and how to test it.

    Args:
        kind: The provider's kind.
        document: The adapter document to call it with, without ``provider``; the text ``{upstream}`` in it stands
            for the scripted upstream's address.
        wire: The provider's side of the wire: a :class:`Wire`, for operation embed an :class:`EmbedWire`, for rerank a
            :class:`RerankWire`; ``None`` for a provider that sends nothing.
        supports: Names of :data:`dragoman.testing.features.FEATURES` that work, or of those of the document's
            operation. Both directions are checked: what is named here must be sent, what is not must be refused or
            reported.
        values: Feature -> a value that the provider takes, where its words are its own (``{"truncate": "END"}``).
        reports_usage: Whether the provider says how many tokens went in, for operations embed and rerank.
        errors: HTTP status -> error class, where the provider's differs from :data:`dragoman.errors.ERROR_BY_STATUS`.
        light_modules: Third-party modules that the entry module may import although they are not the engine's.
        model_kwargs_in: Dotted path of the body's member that takes ``model_kwargs``; ``None`` = the body itself.
        beside: What the provider answers beside calls: its lists of models, the questions of its own check; returns
            ``None`` for the request of a call. Needed where the provider lists models or has steps of its own.
    """

    kind: str
    document: Mapping[str, Any]
    wire: ProviderSide | None = None
    supports: Collection[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    reports_usage: bool = True
    errors: Mapping[int, type[ProviderError]] = field(default_factory=dict)
    light_modules: Collection[str] = ()
    model_kwargs_in: str | None = None
    beside: Callable[[Received], Reply | None] | None = None

    @property
    def operation(self) -> Operation:
        """What the document is for: ``chat``, ``embed`` or ``rerank``."""
        operation: Operation = self.document.get("operation", "chat")
        return operation

    def at(self, url: str) -> ProviderCase:
        """Return the case with its document addressed to an upstream."""
        document = {"provider": self.kind, "limits": {"max_attempts": 1}, **self.document}
        return replace(self, document=_addressed(document, url))


def _addressed(value: Any, url: str) -> Any:
    if isinstance(value, str):
        return value.replace(UPSTREAM, url)
    if isinstance(value, Mapping):
        return {name: _addressed(inner, url) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_addressed(inner, url) for inner in value]
    return value
