"""Nothing is dropped in silence: what a caller set and a skeleton does not read is refused, or reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from dragoman.adapter import InferenceSettings
from dragoman.errors import Problem, UnsupportedError
from dragoman.events import Report
from dragoman.mapping.reads import Reads
from dragoman.mapping.view import settings_of
from dragoman.messages import Message, Reasoning, ToolChoice, ToolResult
from dragoman.provider import ChatRequest

_PREFIX = "inference."
#: Settings of which each member is one setting of its own.
_GROUPS = ("reasoning",)


class Coverage:
    """What one mapping has a place for.

    Args:
        reads: What its skeleton reads.
        cases: The values that its switches have a case for.
        ignore: Paths of inference settings that are left out and reported.
    """

    def __init__(self, reads: Reads, cases: frozenset[str], ignore: Iterable[str]) -> None:
        self._reads = reads
        self._ignored = frozenset(ignore)
        self._sends_reasoning = any(case.startswith("reasoning") for case in cases)

    def refuse_unread(self, request: ChatRequest, settings: Mapping[str, Any]) -> None:
        """Refuse what has no place in this mapping; ``settings`` come from :func:`~dragoman.mapping.view.settings_of`.

        Raises:
            UnsupportedError: naming the setting, the tools, or the message.
        """
        self.refuse_unread_settings(settings)
        if request.tools and not self._reads.holds("tools"):
            _refuse("this mapping sends no tools", "tools")
        if request.tool_choice is not None:
            self._refuse_choice(request.tool_choice)

    def refuse_unread_settings(self, settings: Mapping[str, Any]) -> None:
        """Refuse a setting that has no place in this mapping, and is not one to ignore."""
        for name in self._unread_settings(settings):
            if f"{_PREFIX}{name}" not in self._ignored:
                hint = "remove it with null, let mapping.request read it, or name it in mapping.ignore"
                _refuse("this mapping does not send it", f"{_PREFIX}{name}", hint)

    def ignored_settings(self, inference: InferenceSettings) -> Iterator[Report]:
        """Yield a report for each setting that is left out because ``mapping.ignore`` names it."""
        if not self._ignored:
            return
        for name in self._unread_settings(settings_of(inference)):
            path = f"{_PREFIX}{name}"
            yield Report("setting_ignored", f"{path} was left out: mapping.ignore names it", path)

    def reports(self, request: ChatRequest) -> tuple[Report, ...]:
        """Return what is left out of a request that is not refused, one report for each kind."""
        return (*self.ignored_settings(request.settings.inference), *self._left_out(request.messages))

    def _unread_settings(self, settings: Mapping[str, Any]) -> Iterator[str]:
        for name, value in settings.items():
            if name not in _GROUPS:
                if not self._reads.holds("params", name):
                    yield name
                continue
            for inner in value:
                if not self._reads.holds("params", name, inner):
                    yield f"{name}.{inner}"

    def _refuse_choice(self, choice: ToolChoice) -> None:
        if choice.mode == "tool" and not choice.name:
            _refuse("names no tool", "tool_choice.name")
        if choice.mode != "auto" and not self._reads.holds("tool_choice", "mode"):
            _refuse("this mapping sends no tool choice", "tool_choice")
        if choice.parallel is not None and not self._reads.holds("tool_choice", "parallel"):
            _refuse("this mapping cannot say whether calls may be parallel", "tool_choice.parallel")

    def _left_out(self, messages: Iterable[Message]) -> Iterator[Report]:
        messages = tuple(messages)
        parts: tuple[Any, ...] = tuple(part for message in messages for part in message.parts)
        if not self._sends_reasoning and any(isinstance(part, Reasoning) for part in parts):
            yield _NO_REASONING
        marks = self._reads.holds("messages", "is_error") or self._reads.holds("turns", "blocks", "is_error")
        if not marks and any(isinstance(part, ToolResult) and part.is_error for part in parts):
            yield _NO_ERROR_FLAG
        if not self._reads.holds("messages", "name") and any(m.name for m in messages if m.role != "tool"):
            yield _NO_NAMES


_NO_REASONING = Report(
    "reasoning_not_sent", "earlier reasoning was not sent back: the mapping has no case for it", "messages"
)
_NO_ERROR_FLAG = Report(
    "tool_error_not_marked", "the mapping cannot mark a tool result as an error; its text was sent", "messages"
)
_NO_NAMES = Report("name_not_sent", "the speakers' names were not sent: the mapping has no place for them", "messages")


def coverage_problems(reads: Reads, ignore: Iterable[str]) -> Iterator[Problem]:
    """Yield what is wrong with a mapping as a whole: no conversation is sent, a setting cannot be ignored."""
    if not any(reads.holds(name) for name in ("prompt", "messages", "turns")):
        yield Problem("mapping.request", "reads neither prompt, messages nor turns, so no conversation would be sent")
    for place in ("messages", "turns"):
        members = reads.names(place)
        if members and not members & {"content", "blocks"}:
            yield Problem("mapping.request", f"reads {place}, and neither their content nor their blocks")
    for index, path in enumerate(ignore):
        if not path.startswith(_PREFIX):
            yield Problem(
                f"mapping.ignore[{index}]", f"{path!r} is no inference setting", f"write {_PREFIX}seed, for example"
            )


def _refuse(what: str, path: str, hint: str | None = None) -> NoReturn:
    raise UnsupportedError(what, path=path, hint=hint)
