"""The values that travel back: events of a stream, usage, finish reasons, and the whole response.

Order of a stream: any number of deltas, reports and provider fields; exactly one :class:`Finished`; usage at most
once, before or after it. A stream that ends without :class:`Finished` is a protocol error, never an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar

from dragoman.errors import DragomanError
from dragoman.messages import Message, Part, Reasoning, Refusal, Text, ToolCall

FinishReason = Literal["stop", "length", "stop_sequence", "tool_calls", "content_filter", "refusal", "error", "unknown"]
FINISH_REASONS: tuple[FinishReason, ...] = (
    "stop", "length", "stop_sequence", "tool_calls", "content_filter", "refusal", "error", "unknown",
)  # fmt: skip
UsageSource = Literal["provider", "estimated", "absent"]


class Usage(NamedTuple):
    """Tokens of one call.

    ``input_tokens`` counts everything that was read, cached tokens included; ``output_tokens`` everything that was
    written, reasoning included. ``None`` means that the provider did not say. ``source`` is ``provider``,
    ``estimated`` (by the engine) or ``absent``. ``detail`` keeps the provider's own figures as they came.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: UsageSource = "absent"
    detail: Mapping[str, Any] | None = None


NO_USAGE = Usage()


class Report(NamedTuple):
    """Something that the caller should know and that is no error: a setting left out, a value capped.

    ``code`` is stable; ``path`` is the field of the adapter or of the answer that it is about.
    """

    code: str
    message: str
    path: str | None = None


# --- events ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Started:
    """The provider began to answer. All members are the provider's own; ``None`` where it does not say."""

    response_id: str | None = None
    model: str | None = None
    request_id: str | None = None


@dataclass(slots=True)
class TextDelta:
    """More text."""

    text: str


@dataclass(slots=True)
class ReasoningDelta:
    """More reasoning; ``signature`` and ``redacted`` come once, with or after the text that they belong to."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None


@dataclass(slots=True)
class RefusalDelta:
    """More of a refusal."""

    text: str


@dataclass(slots=True)
class ToolCallDelta:
    """A piece of a tool call.

    ``position`` says which call of the answer, from 0; ``id`` and ``name`` come with its first piece.
    """

    position: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(slots=True)
class UsageReported:
    """The provider's figures for the call so far; the last one counts."""

    usage: Usage


@dataclass(slots=True)
class Reported:
    """A report, as it comes up."""

    report: Report


@dataclass(slots=True)
class ProviderFields:
    """Members of the provider's answer that have no place of their own; later ones replace earlier ones by name."""

    fields: Mapping[str, Any]


@dataclass(slots=True)
class Finished:
    """The answer is complete. ``provider_reason`` is the provider's own word, kept as it came."""

    reason: FinishReason
    provider_reason: str | None = None


Event = (
    Started
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallDelta
    | UsageReported
    | Reported
    | ProviderFields
    | Finished
)


# --- vectors and rankings ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class EmbedResponse:
    """The vectors of some texts.

    Args:
        vectors: One for each text, in the order of the texts; ``None`` where ``failures`` says why there is none.
        usage: All requests added up; ``usage.source`` says where the figures come from.
        model: The model that the provider says it used; ``None`` where it does not say.
        response_id: The provider's id of the answer; of several requests, the first one's.
        request_id: The provider's id of the request; of several, the first one's.
        encodings: Other forms of the vectors that were asked for, by name (``int8``, ``ubinary``), each in the order
            of the texts.
        failures: Index of a text -> why it has no vector.
        reports: What the caller should know.
        extra: Members of the provider's answer that have no place of their own.
        adapter, provider, upstream: Filled in by the engine.
    """

    vectors: list[list[float] | None]
    usage: Usage = NO_USAGE
    model: str | None = None
    response_id: str | None = None
    request_id: str | None = None
    encodings: dict[str, list[Any]] = field(default_factory=dict)
    failures: dict[int, DragomanError] = field(default_factory=dict)
    reports: tuple[Report, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    adapter: str | None = None
    provider: str | None = None
    upstream: str | None = None

    def complete(self) -> list[list[float]]:
        """Return the vectors; raise the first failure where a text has none."""
        for index in sorted(self.failures):
            raise self.failures[index]
        return [vector for vector in self.vectors if vector is not None]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One document of a ranking: its place in the request, from 0, and its score; the higher, the more relevant.

    What the score's range is, is the provider's.
    """

    index: int
    score: float


@dataclass(slots=True)
class RerankResponse:
    """Documents by their relevance to a query.

    Args:
        results: The most relevant first; at most ``top_n`` of them. Equal scores stay in the order of the documents.
        failures: Index of a document -> why it has no score.

    The other members are those of :class:`EmbedResponse`.
    """

    results: list[Ranked]
    usage: Usage = NO_USAGE
    model: str | None = None
    response_id: str | None = None
    request_id: str | None = None
    failures: dict[int, DragomanError] = field(default_factory=dict)
    reports: tuple[Report, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    adapter: str | None = None
    provider: str | None = None
    upstream: str | None = None

    def complete(self) -> list[Ranked]:
        """Return the ranking; raise the first failure where a document has no score."""
        for index in sorted(self.failures):
            raise self.failures[index]
        return self.results


# --- the whole answer --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Response:
    """A whole answer.

    Args:
        message: What the model said: text, reasoning, refusal and tool calls, in order.
        finish_reason: Why it ended, in one vocabulary; ``provider_finish_reason`` is the provider's own word.
        usage: Always present; ``usage.source`` says where the figures come from.
        model: The model that the provider says it used; ``None`` where it does not say.
        response_id: The provider's id of the answer.
        request_id: The provider's id of the request, usually a header.
        reports: What the caller should know: settings left out or capped, the upstream taken.
        extra: Members of the provider's answer that have no place of their own, as they came.
        adapter, provider, upstream: Filled in by the engine.
    """

    message: Message
    finish_reason: FinishReason = "unknown"
    provider_finish_reason: str | None = None
    usage: Usage = NO_USAGE
    model: str | None = None
    response_id: str | None = None
    request_id: str | None = None
    reports: tuple[Report, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    adapter: str | None = None
    provider: str | None = None
    upstream: str | None = None

    @property
    def text(self) -> str:
        """The answer's text; empty where there is none."""
        return self.message.text

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls the model asks for, in order."""
        return self.message.tool_calls

    @property
    def reasoning(self) -> str:
        """The readable reasoning."""
        return self.message.reasoning


class _OpenPart:
    """A part that is still growing."""

    __slots__ = ("pieces",)

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def close(self) -> Part:
        raise NotImplementedError


class _OpenText(_OpenPart):
    __slots__ = ()

    def close(self) -> Part:
        return Text("".join(self.pieces))


class _OpenRefusal(_OpenPart):
    __slots__ = ()

    def close(self) -> Part:
        return Refusal("".join(self.pieces))


class _OpenReasoning(_OpenPart):
    __slots__ = ("redacted", "signature")

    def __init__(self) -> None:
        super().__init__()
        self.signature: str | None = None
        self.redacted: str | None = None

    def close(self) -> Part:
        return Reasoning("".join(self.pieces), self.signature, self.redacted)


class _OpenCall(_OpenPart):
    __slots__ = ("id", "name")

    def __init__(self) -> None:
        super().__init__()
        self.id = ""
        self.name = ""

    def close(self) -> Part:
        return ToolCall(self.id, self.name, "".join(self.pieces))


P = TypeVar("P", bound=_OpenPart)


class Collector:
    """Builds a :class:`Response` from the events of a stream, in one pass."""

    def __init__(self) -> None:
        self._parts: list[_OpenPart] = []
        self._last: _OpenPart | None = None
        self._calls: dict[int, _OpenCall] = {}
        self._reports: list[Report] = []
        self._started = Started()
        self._usage = NO_USAGE
        self._extra: dict[str, Any] = {}
        self.finished: Finished | None = None

    def add(self, event: Event) -> None:
        """Take the next event."""
        if type(event) is TextDelta and type(part := self._last) is _OpenText:  # nearly all events of a stream
            part.pieces.append(event.text)
        else:
            _COLLECT[type(event)](self, event)

    def response(self) -> Response:
        """Return what has come so far; ``finish_reason`` is ``unknown`` until :class:`Finished` has come."""
        finished = self.finished or Finished("unknown")
        return Response(
            message=Message("assistant", tuple(p.close() for p in self._parts)),
            finish_reason=finished.reason,
            provider_finish_reason=finished.provider_reason,
            usage=self._usage,
            model=self._started.model,
            response_id=self._started.response_id,
            request_id=self._started.request_id,
            reports=tuple(self._reports),
            extra=self._extra,
        )

    def _text(self, event: TextDelta) -> None:
        self._open(_OpenText).pieces.append(event.text)

    def _reasoning(self, event: ReasoningDelta) -> None:
        part = self._open(_OpenReasoning)
        if (part.signature and event.text) or (part.redacted and (event.text or event.redacted)):
            part = self._add(_OpenReasoning())  # a signature closes its block, and so does a sealed part
        part.pieces.append(event.text)
        part.signature = event.signature or part.signature
        part.redacted = event.redacted or part.redacted

    def _refusal(self, event: RefusalDelta) -> None:
        self._open(_OpenRefusal).pieces.append(event.text)

    def _tool_call(self, event: ToolCallDelta) -> None:
        call = self._calls.get(event.position)
        if call is None:
            call = self._calls[event.position] = _OpenCall()
            self._add(call)
        call.id = event.id or call.id
        call.name = event.name or call.name
        call.pieces.append(event.arguments)

    def _start(self, event: Started) -> None:
        self._started = event

    def _take_usage(self, event: UsageReported) -> None:
        self._usage = event.usage

    def _report(self, event: Reported) -> None:
        self._reports.append(event.report)

    def _fields(self, event: ProviderFields) -> None:
        self._extra.update(event.fields)

    def _finish(self, event: Finished) -> None:
        self.finished = event

    def _open(self, kind: type[P]) -> P:
        return last if isinstance(last := self._last, kind) else self._add(kind())

    def _add(self, part: P) -> P:
        self._parts.append(part)
        self._last = part
        return part


_COLLECT: dict[type, Callable[[Collector, Any], None]] = {
    Started: Collector._start,
    TextDelta: Collector._text,
    ReasoningDelta: Collector._reasoning,
    RefusalDelta: Collector._refusal,
    ToolCallDelta: Collector._tool_call,
    UsageReported: Collector._take_usage,
    Reported: Collector._report,
    ProviderFields: Collector._fields,
    Finished: Collector._finish,
}


def collect(events: Iterable[Event]) -> Response:
    """Build the response that a finished stream amounts to."""
    collector = Collector()
    for event in events:
        collector.add(event)
    return collector.response()


def replay(response: Response) -> Iterable[Event]:
    """Yield a whole response as the events of a stream, for sessions whose wire knows no stream."""
    yield Started(response.response_id, response.model, response.request_id)
    calls = 0
    for part in response.message.parts:
        match part:
            case Text(text):
                yield TextDelta(text)
            case Reasoning(text, signature, redacted):
                yield ReasoningDelta(text, signature, redacted)
            case Refusal(text):
                yield RefusalDelta(text)
            case ToolCall(id, name, arguments):
                yield ToolCallDelta(calls, id, name, arguments)
                calls += 1
            case _:  # no provider answers with user parts
                raise TypeError(f"an answer cannot hold {type(part).__name__}")
    for report in response.reports:
        yield Reported(report)
    if response.extra:
        yield ProviderFields(response.extra)
    yield UsageReported(response.usage)
    yield Finished(response.finish_reason, response.provider_finish_reason)
