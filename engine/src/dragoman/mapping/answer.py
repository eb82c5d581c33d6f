"""A whole answer as our values."""

from __future__ import annotations

from typing import Any

from dragoman.errors import ProtocolError
from dragoman.events import Report, Response
from dragoman.mapping.explain import kind_of
from dragoman.mapping.rules import CallRules, Rule, Rules, usage_of
from dragoman.messages import Message, Part, Reasoning, Refusal, Text, ToolCall

#: Finish reasons of an answer that may lack its text: the endpoint took it away.
TEXTLESS = frozenset({"content_filter", "refusal"})


def answer_of(value: Any, rules: Rules, reports: tuple[Report, ...] = ()) -> Response:
    """Return the answer that a JSON value is.

    Raises:
        ProtocolError: There is no text where it should be, and nothing that could stand for it.
        ProviderError: The value is an error, whatever the status that it came with.
    """
    rules.raise_error(value)
    before, after = _reasoning(value, rules), [*_refusal(value, rules), *_calls(value, rules.calls)]
    word = rules.finish.word(value) if rules.finish else None
    reason = rules.finish_reason(word, called=any(isinstance(part, ToolCall) for part in after))
    said = _said(value, rules.text, is_optional=bool(before or after) or reason in TEXTLESS)
    return Response(
        message=Message("assistant", (*before, *said, *after)),
        finish_reason=reason,
        provider_finish_reason=word,
        usage=usage_of(dict(rules.figures(value))),
        model=rules.model.word(value) if rules.model else None,
        response_id=rules.id.word(value) if rules.id else None,
        reports=reports,
        extra=rules.extras(value),
    )


def call_id(position: int) -> str:
    """Return an id for a call that came without one, so that its result can name it."""
    return f"call_{position}"


def _said(value: Any, rule: Rule | None, *, is_optional: bool) -> list[Part]:
    text = rule.text(value) if rule else None
    if text:
        return [Text(text)]
    if rule and not is_optional and (text is None or rule.is_hollow(value)):
        raise rule.nothing(value, "the answer")
    return []


def _reasoning(value: Any, rules: Rules) -> list[Part]:
    text, signature, redacted = (
        rule.text(value) or None if rule else None for rule in (rules.reasoning, rules.signature, rules.redacted)
    )
    return [Reasoning(text or "", signature, redacted)] if text or signature or redacted else []


def _refusal(value: Any, rules: Rules) -> list[Part]:
    text = rules.refusal.text(value) if rules.refusal else None
    return [Refusal(text)] if text else []


def _calls(value: Any, rules: CallRules | None) -> list[Part]:
    return [_call(call, position, rules) for position, call in enumerate(rules.found(value))] if rules else []


def _call(call: Any, position: int, rules: CallRules) -> ToolCall:
    name = rules.name.text(call) if rules.name else None
    if not name:
        place = rules.name.path if rules.name else rules.each.path
        raise ProtocolError(f"{place} finds no name in a tool call, which is {kind_of(call)}")
    given = rules.id.word(call) if rules.id else None
    return ToolCall(given or call_id(position), name, rules.arguments_of(call))
