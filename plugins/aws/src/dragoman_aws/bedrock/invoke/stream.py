"""The stream of InvokeModel: pieces of the model's own JSON, each in base64 in an event, read by the mapping."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson
from dragoman.errors import ProtocolError
from dragoman.events import Event, Finished, ProviderFields, Started, Usage, UsageReported
from dragoman.plugin import Frame, StreamDecoder, WireReply

from dragoman_aws.bedrock.errors import REQUEST_ID_HEADER, error_in_stream
from dragoman_aws.bedrock.invoke.envelope import (
    INTERVENED,
    MARK,
    Envelope,
    envelope_of,
    latency_of,
    usage_of_headers,
    usage_of_metrics,
)
from dragoman_aws.eventstream import EventFrame


class _Enclosed:
    """Adds what Bedrock says around an answer to the events that the mapping reads in it."""

    def __init__(self, inner: StreamDecoder, reply: WireReply) -> None:
        self._inner = inner
        self._reply = reply
        self._usage: Usage | None = usage_of_headers(reply.headers)
        self._read: Usage | None = None
        self._extra: dict[str, Any] = latency_of(reply)
        self._started = False
        self._intervened = False

    def take(self, envelope: Envelope) -> None:
        """Keep what came around one piece."""
        if envelope.metrics is not None:
            self._usage = usage_of_metrics(envelope.metrics) or self._usage
            self._extra.update(latency_of(self._reply, envelope.metrics))
        if envelope.action is not None:
            self._intervened = self._intervened or envelope.action == INTERVENED
            self._extra["guardrailAction"] = INTERVENED if self._intervened else envelope.action
        if envelope.trace is not None:
            self._extra["trace"] = envelope.trace

    def events(self, inner: Iterable[Event]) -> list[Event]:
        """Return the mapping's events with the request's id, our figures, and a guardrail's word on the finish."""
        events: list[Event] = []
        inner = list(inner)
        if not self._started:
            self._started = True
            started = next((event for event in inner if isinstance(event, Started)), Started())
            events.append(replace(started, request_id=self._reply.headers.get(REQUEST_ID_HEADER)))
        for event in inner:
            if isinstance(event, UsageReported):
                self._read = event.usage  # Bedrock's own figures come at the end
            elif isinstance(event, Finished) and self._intervened:
                events.append(Finished("content_filter", INTERVENED))
            elif not isinstance(event, Started):
                events.append(event)
        return events

    def end(self) -> list[Event]:
        """Return what is left when the stream has ended."""
        events = self.events(self._inner.end())
        if self._extra:
            events.append(ProviderFields(self._extra))
        if (usage := self._usage or self._read) is not None:
            events.append(UsageReported(usage))
        return events


class InvokeStreamDecoder(StreamDecoder):
    """Decodes one stream of events."""

    def __init__(self, inner: StreamDecoder, reply: WireReply, who: str) -> None:
        self._inner = inner
        self._reply = reply
        self._who = who
        self._enclosed = _Enclosed(inner, reply)

    def feed(self, frame: EventFrame) -> list[Event]:
        if frame.kind != "event":
            raise error_in_stream(frame, self._reply, self._who)
        if frame.event != "chunk":
            return []
        try:
            piece = a2b_base64(orjson.loads(frame.data)["bytes"])
        except (ValueError, KeyError, TypeError):
            raise ProtocolError(
                "a piece of the stream holds no bytes",
                status=self._reply.status,
                request_id=self._reply.headers.get(REQUEST_ID_HEADER),
            ) from None
        if MARK in piece:
            self._enclosed.take(envelope_of(piece))
        return self._enclosed.events(self._inner.feed(Frame(piece)))

    def end(self) -> list[Event]:
        return self._enclosed.end()


class WholeDecoder(StreamDecoder):
    """Decodes an answer that comes whole, for a mapping that knows no stream."""

    def __init__(self, inner: StreamDecoder, reply: WireReply) -> None:
        self._inner = inner
        self._enclosed = _Enclosed(inner, reply)

    def feed(self, frame: Frame) -> list[Event]:
        if MARK in frame.data:
            self._enclosed.take(envelope_of(frame.data))
        return self._enclosed.events(self._inner.feed(frame))

    def end(self) -> list[Event]:
        return self._enclosed.end()
