"""The rules for answers, compiled: where the parts of a whole answer, or of one frame of a stream, are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from dragoman import errors
from dragoman.adapter import AnswerRules, RankingRules, ToolCallRules
from dragoman.errors import Problem, ProtocolError, ProviderError, ServerError
from dragoman.events import FINISH_REASONS, NO_USAGE, FinishReason, Usage
from dragoman.mapping.explain import explain, is_hollow, kind_of
from dragoman.mapping.expressions import Expression, ExpressionRefused, compile_expression, is_false
from dragoman.mapping.skeleton import word_of

#: Rule -> the figure of :class:`~dragoman.events.Usage` that it finds.
TOKEN_RULES: Mapping[str, str] = {
    "tokens_in": "input_tokens",
    "tokens_out": "output_tokens",
    "tokens_cached": "cached_input_tokens",
    "tokens_cache_written": "cache_write_input_tokens",
    "tokens_reasoning": "reasoning_tokens",
}
_TEXT_RULES = (
    "text", "reasoning", "signature", "redacted", "refusal", "finish", "id", "model", "error", "error_code",
    "embeddings", "skip", "done",
)  # fmt: skip

#: An error's code -> its class, for ``error_map``.
ERROR_CLASSES: Mapping[str, type[ProviderError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ProviderError) and kind is not ProviderError
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One expression and the path that errors call it by."""

    path: str
    expression: Expression

    def find(self, value: Any) -> Any:
        """Return what is there, ``None`` where that is nothing."""
        return self.expression.search(value)

    def holds(self, value: Any) -> bool:
        """Whether there is anything but null, false and what is empty."""
        return not is_false(self.expression.search(value))

    def text(self, value: Any) -> str | None:
        """Return the text that is there; ``None`` for null and for false, with which ``&&`` says no.

        Raises:
            ProtocolError: There is something that is no text.
        """
        found = self.expression.search(value)
        if found is None or found is False:
            return None
        if not isinstance(found, str):
            hint = "join('', …) makes one text of a list" if isinstance(found, list) else None
            raise ProtocolError(f"{self._name} gives {kind_of(found)} where text is expected", hint=hint)
        return found

    def word(self, value: Any) -> str | None:
        """Return what is there as one word, a number as its JSON; ``None`` for null, false and what is empty."""
        found = self.expression.search(value)
        return None if is_false(found) else word_of(found)

    def is_hollow(self, value: Any) -> bool:
        """Whether an empty text only means that no element of a list had what the expression asks for."""
        return is_hollow(self.expression, value)

    def nothing(self, value: Any, where: str) -> ProtocolError:
        """Return the error for an answer in which there is nothing at this path."""
        stopped = explain(self.expression, value)
        return ProtocolError(
            f"{self._name} finds nothing in {where}: {stopped}",
            hint="correct the mapping's path to what the endpoint sends",
        )

    @property
    def _name(self) -> str:
        return f"{self.path} `{self.expression.source}`"


@dataclass(frozen=True, slots=True)
class CallRules:
    """Where tool calls, or the pieces of them in one frame, are."""

    each: Rule
    index: Rule | None = None
    id: Rule | None = None
    name: Rule | None = None
    arguments: Rule | None = None

    def found(self, value: Any) -> list[Any]:
        """Return the calls: the elements of a list, or the one that is there."""
        found = self.each.find(value)
        if isinstance(found, list):
            return found
        return [] if is_false(found) else [found]

    def arguments_of(self, call: Any) -> str:
        """Return the arguments as JSON text; empty where there are none."""
        found = self.arguments.find(call) if self.arguments else None
        if found is None or isinstance(found, str):
            return found or ""
        return orjson.dumps(found).decode()


@dataclass(frozen=True, slots=True)
class RankingRule:
    """Where the scores of documents are."""

    each: Rule
    score: Rule
    index: Rule | None = None


class Rules:
    """All rules of a section. A rule that the section does not have is ``None``.

    Args:
        rules: The rules by name.
        tokens: Figure of usage -> the rules whose figures are added.
        calls: The rules for tool calls.
        ranking: The rules for scores.
        extra: Name -> the rule that finds the member to keep.
        finish_map: The endpoint's word -> a finish reason.
        error_map: The endpoint's word -> an error's code.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        *,
        tokens: Mapping[str, tuple[Rule, ...]],
        calls: CallRules | None,
        ranking: RankingRule | None,
        extra: Mapping[str, Rule],
        finish_map: Mapping[str, Any],
        error_map: Mapping[str, Any],
    ) -> None:
        self.text = rules.get("text")
        self.reasoning = rules.get("reasoning")
        self.signature = rules.get("signature")
        self.redacted = rules.get("redacted")
        self.refusal = rules.get("refusal")
        self.finish = rules.get("finish")
        self.id = rules.get("id")
        self.model = rules.get("model")
        self.skip = rules.get("skip")
        self.done = rules.get("done")
        self.embeddings = rules.get("embeddings")
        self.calls = calls
        self.ranking = ranking
        self._error = rules.get("error")
        self._error_code = rules.get("error_code")
        self._tokens = tuple(tokens.items())
        self._extra = tuple(extra.items())
        self._finish_map = finish_map
        self._error_map = error_map

    def raise_error(self, value: Any) -> None:
        """Raise the error that an answer or a frame holds, if it does; its class is that of ``error_map``."""
        if self._error is None or is_false(found := self._error.find(value)):
            return
        word = self._error_code.word(value) if self._error_code else None
        kind = ERROR_CLASSES.get(self._error_map.get(word or "") or "", ServerError)
        raise kind(f"the endpoint answered with an error: {message_of(found)}", provider_code=word)

    def error_message(self, value: Any) -> str | None:
        """Return the text of the error that an answer holds, ``None`` where it holds none."""
        found = self._error.find(value) if self._error else None
        return None if is_false(found) else message_of(found)

    def error_word(self, value: Any) -> tuple[str, type[ProviderError] | None] | None:
        """Return the endpoint's word for an error, and the class that ``error_map`` gives it; ``None`` without one."""
        word = self._error_code.word(value) if self._error_code else None
        return None if word is None else (word, ERROR_CLASSES.get(self._error_map.get(word) or ""))

    def finish_reason(self, word: str | None, *, called: bool) -> FinishReason:
        """Return our word. A plain stop after tool calls means that they are wanted."""
        if word is None:
            reason: FinishReason = "unknown"
        else:
            reason = self._finish_map.get(word) or (word if word in FINISH_REASONS else "unknown")
        return "tool_calls" if called and reason in ("stop", "unknown") else reason

    def figures(self, value: Any) -> Iterator[tuple[str, int]]:
        """Yield the figures that are there. What is no whole number counts as not given."""
        for name, rules in self._tokens:
            found = [n for rule in rules if (n := _figure(rule.find(value))) is not None]
            if found:
                yield name, sum(found)

    def extras(self, value: Any) -> dict[str, Any]:
        """Return the other members to keep that are there."""
        return {name: found for name, rule in self._extra if (found := rule.find(value)) is not None}


def usage_of(figures: Mapping[str, int]) -> Usage:
    """Return the usage of the figures that came."""
    if not figures:
        return NO_USAGE
    read, written = figures.get("input_tokens"), figures.get("output_tokens")
    total = read + written if read is not None and written is not None else None
    return Usage(**figures, total_tokens=total, source="provider")  # type: ignore[arg-type]


def message_of(found: Any) -> str:
    """Return an error's own text: text as it is, an object's ``message``, else its JSON."""
    if isinstance(found, Mapping):
        found = next((found[name] for name in ("message", "Message", "error") if found.get(name)), found)
    if isinstance(found, str):
        return found
    return "it does not say which" if found is True else orjson.dumps(found).decode()


def _figure(found: Any) -> int | None:
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


# --- compiling ---------------------------------------------------------------------------------------------------


class RuleCompiler:
    """Compiles the rules of one mapping; ``problems`` collects everything that is wrong."""

    def __init__(self, finish_map: Mapping[str, Any], error_map: Mapping[str, Any]) -> None:
        self._finish_map = finish_map
        self._error_map = error_map
        self.problems: list[Problem] = [
            *_unknown_words("mapping.finish_map", finish_map, FINISH_REASONS),
            *_unknown_words("mapping.error_map", error_map, ERROR_CLASSES),
        ]

    def rules(self, section: AnswerRules | None, path: str, below: AnswerRules | None = None) -> Rules:
        """Compile a section.

        Args:
            section: The rules; ``None`` for none.
            path: What errors call the section.
            below: Where ``error`` and ``error_code`` are taken from if the section has none of its own.
        """
        section = section or AnswerRules()
        rules = {name: rule for name in _TEXT_RULES if (rule := self._rule(section, name, path))}
        for name in ("error", "error_code"):
            if name not in rules and below is not None and (rule := self._rule(below, name, "mapping.response")):
                rules[name] = rule
        tokens = {figure: found for name, figure in TOKEN_RULES.items() if (found := self._sum(section, name, path))}
        extra = {
            name: rule
            for name, source in (section.extra or {}).items()
            if (rule := self._compile(source, f"{path}.extra.{name}"))
        }
        calls = self._calls(section.tool_calls, f"{path}.tool_calls")
        return Rules(
            rules,
            tokens=tokens,
            calls=calls,
            ranking=self._ranking(getattr(section, "ranking", None), f"{path}.ranking"),
            extra=extra,
            finish_map=self._finish_map,
            error_map=self._error_map,
        )

    def _calls(self, section: ToolCallRules | None, path: str) -> CallRules | None:
        names = ("each", "index", "id", "name", "arguments")
        rules = {name: rule for name in names if section and (rule := self._rule(section, name, path))}
        if not rules:
            return None
        if "each" not in rules:
            self.problems.append(Problem(f"{path}.each", "is missing: it says where the calls are"))
            return None
        return CallRules(**rules)

    def _ranking(self, section: RankingRules | None, path: str) -> RankingRule | None:
        names = ("each", "index", "score")
        rules = {name: rule for name in names if section and (rule := self._rule(section, name, path))}
        if not rules:
            return None
        missing = [name for name in ("each", "score") if name not in rules]
        self.problems += [Problem(f"{path}.{name}", "is missing") for name in missing]
        return None if missing else RankingRule(**rules)

    def _sum(self, section: AnswerRules, name: str, path: str) -> tuple[Rule, ...]:
        sources = getattr(section, name)
        if isinstance(sources, list):
            found = [self._compile(source, f"{path}.{name}[{i}]") for i, source in enumerate(sources)]
        else:
            found = [self._compile(sources, f"{path}.{name}")]
        return tuple(rule for rule in found if rule is not None)

    def _rule(self, section: Any, name: str, path: str) -> Rule | None:
        return self._compile(getattr(section, name, None), f"{path}.{name}")

    def _compile(self, source: str | None, path: str) -> Rule | None:
        if not source:  # the empty text takes a preset's rule out
            return None
        try:
            return Rule(path, compile_expression(source))
        except ExpressionRefused as refused:
            self.problems.append(Problem(path, f"{source[:80]!r} {refused}"))
            return None


def _unknown_words(path: str, table: Mapping[str, Any], known: Any) -> Iterator[Problem]:
    for word, value in table.items():
        if value is not None and value not in known:
            yield Problem(f"{path}.{word}", f"{value!r} is not known", f"there are {', '.join(known)}")
