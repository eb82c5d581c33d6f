"""Showing an answer as it comes: as text for a person, as one JSON object, or as one JSON event per line."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dragoman.cli.output import aside, is_terminal, note, write, write_json, write_line
from dragoman.errors import ProviderError
from dragoman.events import (
    Event,
    ReasoningDelta,
    RefusalDelta,
    Report,
    Reported,
    Response,
    TextDelta,
    Usage,
)

#: What a person should know of an answer that did not end by itself.
_ENDS: Mapping[str, str] = {
    "length": "the answer was cut at the limit of its length",
    "content_filter": "the provider's content filter ended the answer",
    "refusal": "the model refused to answer",
    "unknown": "the answer ended for a reason that is not known",
}


class Printer(Protocol):
    """Shows one answer."""

    def feed(self, event: Event) -> None:
        """Take the next event."""
        ...

    def end(self, response: Response) -> None:
        """Take the whole answer; raise the error that it ended with."""
        ...

    def abandon(self) -> None:
        """Leave what has come as it is, because the rest will not come."""
        ...


class TextPrinter:
    """Text on stdout as it comes; notes, and reasoning where it is wanted, on stderr.

    Args:
        show_reasoning: Whether what the model thinks is shown.
        told: Notes that were told before and are not repeated; it grows.
    """

    def __init__(self, *, show_reasoning: bool = False, told: set[Report] | None = None) -> None:
        self._show_reasoning = show_reasoning
        self._told = set() if told is None else told
        self._notes: list[Report] = []
        self._open_on: str | None = None

    def feed(self, event: Event) -> None:
        """Show one event."""
        if show := _SHOWN.get(type(event)):
            show(self, event)

    def end(self, response: Response) -> None:
        """Finish the last line; show tool calls, notes, and why the answer ended where that is not its own end."""
        self._close_line()
        for call in response.tool_calls:
            write_line(f"tool call {call.id}: {call.name}({call.arguments})")
        for report in self._notes:
            note(report.message)
        _raise_for(response)
        if why := _ENDS.get(response.finish_reason):
            word = response.provider_finish_reason
            note(f"{why} ({word})" if word else why)

    def abandon(self) -> None:
        """End a line that has begun, so that what follows stands on its own."""
        self._close_line()

    def _close_line(self) -> None:
        if self._open_on == "stdout":
            write_line()
        elif self._open_on == "stderr":
            aside("\n")
        self._open_on = None

    def _text(self, event: TextDelta | RefusalDelta) -> None:
        if not event.text:
            return
        if self._open_on == "stderr":
            self._close_line()
        write(event.text)
        self._open_on = None if event.text.endswith("\n") else "stdout"

    def _reasoning(self, event: ReasoningDelta) -> None:
        if not self._show_reasoning or not event.text:
            return
        if self._open_on == "stdout" and is_terminal(sys.stdout):
            self._close_line()
        aside(event.text)
        self._open_on = None if event.text.endswith("\n") else "stderr"

    def _report(self, event: Reported) -> None:
        if event.report not in self._told:
            self._told.add(event.report)
            self._notes.append(event.report)


_SHOWN: dict[type, Callable[[TextPrinter, Any], None]] = {
    TextDelta: TextPrinter._text,
    RefusalDelta: TextPrinter._text,
    ReasoningDelta: TextPrinter._reasoning,
    Reported: TextPrinter._report,
}


class ObjectPrinter:
    """The whole answer as one JSON object."""

    def feed(self, event: Event) -> None:
        """Wait for the end."""

    def end(self, response: Response) -> None:
        """Print the object."""
        write_json(response_object(response))
        _raise_for(response)

    def abandon(self) -> None:
        """Print nothing."""


class EventPrinter:
    """One JSON object per line: each event with its kind, at the end the whole answer."""

    def feed(self, event: Event) -> None:
        """Print one event."""
        write_json(event_object(event), indent=None)

    def end(self, response: Response) -> None:
        """Print the answer as the last event."""
        write_json({"event": "response", **response_object(response)}, indent=None)
        _raise_for(response)

    def abandon(self) -> None:
        """Leave the lines as they are; that the last one is no response says that the answer is not whole."""


def response_object(response: Response) -> dict[str, Any]:
    """Return an answer's JSON form; what only some answers have is left out of the others."""
    sometimes = {
        "reasoning": response.reasoning,
        "refusal": response.message.refusal,
        "provider_finish_reason": response.provider_finish_reason,
        "response_id": response.response_id,
        "upstream": response.upstream,
        "reports": [report._asdict() for report in response.reports],
        "extra": response.extra,
    }
    return {
        "text": response.text,
        "tool_calls": [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in response.tool_calls],
        "finish_reason": response.finish_reason,
        "usage": usage_object(response.usage),
        "adapter": response.adapter,
        "provider": response.provider,
        "model": response.model,
        "request_id": response.request_id,
        **{name: value for name, value in sometimes.items() if value},
    }


def event_object(event: Event) -> dict[str, Any]:
    """Return an event's JSON form: ``event`` names its kind, ``TextDelta`` as ``text_delta``."""
    members = {
        name: _plain(value) for name in event.__dataclass_fields__ if (value := getattr(event, name)) is not None
    }
    return {"event": re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower(), **members}


def _plain(value: Any) -> Any:
    if isinstance(value, Usage):
        return usage_object(value)
    if isinstance(value, Report):
        return value._asdict()
    return dict(value) if isinstance(value, Mapping) else value


def usage_object(usage: Usage) -> dict[str, Any]:
    """Return the JSON form of what a call cost."""
    written = usage.cache_write_input_tokens
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        **({} if written is None else {"cache_write_input_tokens": written}),
        "reasoning_tokens": usage.reasoning_tokens,
        "source": usage.source,
    }


def _raise_for(response: Response) -> None:
    if response.finish_reason == "error":
        word = response.provider_finish_reason
        raise ProviderError(
            "the provider ended its answer with an error",
            provider_code=word,
            hint=f"its word: {word}" if word else None,
        )
