"""What a run of an agent gives: the answer, the steps that led to it, and what happens on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dragoman.events import NO_USAGE, FinishReason, ReasoningDelta, RefusalDelta, Report, TextDelta, Usage
from dragoman.messages import Message


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One call of a tool.

    Args:
        id: The call's, as the model gave it.
        name: The tool's.
        arguments: JSON text; as the model wrote it where it is none.
        result: What the model was told; text.
        is_error: Whether the tool failed, or could not be called with these arguments.
    """

    id: str
    name: str
    arguments: str
    result: str
    is_error: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {name: getattr(self, name) for name in ("id", "name", "arguments", "result", "is_error")}


@dataclass(frozen=True, slots=True)
class AgentStep:
    """One call of the model with the tools that it asked for; the last step asks for none.

    Args:
        number: From 1.
        text: What the model said beside its calls.
        tools: In the order in which it asked for them.
    """

    number: int
    text: str
    tools: tuple[ToolUse, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"number": self.number, "text": self.text, "tools": [use.as_dict() for use in self.tools]}


@dataclass(frozen=True, slots=True)
class AgentResult:
    """How a run ended.

    Args:
        agent: The agent's name; ``None`` for a document without one.
        text: The answer.
        messages: The whole conversation, what it began with included and the instruction left out: what the next run
            goes on from.
        steps: One for each call of the model.
        usage: All calls of the model added up; ``source`` is ``provider`` where every call's figures are.
        finish_reason: Why the last answer ended.
        cost: By the adapter's pricing, exact decimals as text; ``None`` where it has no price.
        currency: Goes with it.
        reports: What the caller should know, each said once.
        adapter, provider, model: Whom the model's calls asked.
    """

    agent: str | None
    text: str
    messages: tuple[Message, ...]
    steps: tuple[AgentStep, ...]
    usage: Usage = NO_USAGE
    finish_reason: FinishReason = "unknown"
    cost: str | None = None
    currency: str | None = None
    reports: tuple[Report, ...] = ()
    adapter: str | None = None
    provider: str | None = None
    model: str | None = None

    @property
    def tools(self) -> tuple[ToolUse, ...]:
        """Every call of a tool, in order."""
        return tuple(use for step in self.steps for use in step.tools)

    def as_object(self) -> dict[str, Any]:
        """Return the JSON form, without the conversation; the cost is a decimal text."""
        usage = {name: value for name, value in self.usage._asdict().items() if name != "detail"}
        return {
            "agent": self.agent,
            "text": self.text,
            "refusal": self.messages[-1].refusal or None,
            "finish_reason": self.finish_reason,
            "steps": [step.as_dict() for step in self.steps],
            "usage": usage,
            "cost": self.cost,
            "currency": self.currency,
            "adapter": self.adapter,
            "provider": self.provider,
            "model": self.model,
            "reports": [report._asdict() for report in self.reports],
        }


# --- what happens on the way -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool is called. ``arguments`` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool's result is there; the members are those of :class:`ToolUse`."""

    use: ToolUse


@dataclass(frozen=True, slots=True)
class StepStarted:
    """The model is asked. ``number`` counts from 1."""

    number: int


@dataclass(frozen=True, slots=True)
class AgentFinished:
    """The run is over; always the last event."""

    result: AgentResult


AgentEvent = StepStarted | TextDelta | ReasoningDelta | RefusalDelta | ToolStarted | ToolFinished | AgentFinished


def summed(usages: Iterable[Usage]) -> Usage:
    """Return several calls' usage as one; a figure that no call has stays ``None``."""
    found = list(usages)
    if not found:
        return NO_USAGE
    figures: dict[str, Any] = {name: _sum(found, name) for name in _FIGURES}
    sources = {usage.source for usage in found}
    source = next(source for source in ("absent", "estimated", "provider") if source in sources)
    return Usage(**figures, source=source)


_FIGURES = (
    "input_tokens", "output_tokens", "total_tokens", "cached_input_tokens", "cache_write_input_tokens",
    "reasoning_tokens",
)  # fmt: skip


def _sum(usages: Iterable[Usage], name: str) -> int | None:
    known = [value for usage in usages if (value := getattr(usage, name)) is not None]
    return sum(known) if known else None
