"""Members of an answer without a place of their own, kept as they came.

One flat namespace: members of the answer, then of its choice, then of its message, each under its own name. Where two
of them share a name, the inner one is kept as ``choice.NAME`` or ``message.NAME``. Empty values say nothing and are
left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

#: Members that have a place of their own or say nothing.
ANSWER_MEMBERS = frozenset({"id", "object", "model", "choices", "usage", "obfuscation"})
CHOICE_MEMBERS = frozenset({"index", "delta", "message", "finish_reason", "logprobs", "content_filter_results"})
MESSAGE_MEMBERS = frozenset(
    {"role", "content", "refusal", "reasoning_content", "reasoning", "tool_calls", "function_call", "audio"}
)

Level = Literal["", "choice.", "message."]


class Extra:
    """Collects such members from a whole answer, or from the chunks of a stream."""

    __slots__ = ("_owners", "fields")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self._owners: dict[str, Level] = {}

    def keep(self, members: Mapping[str, Any], known: frozenset[str], level: Level = "") -> None:
        """Keep what is not in ``known``. Of what a stream repeats, lists grow and anything else is replaced."""
        for name, value in members.items():
            if name in known or _is_empty(value):
                continue
            key = self._key(name, level)
            before = self.fields.get(key)
            self.fields[key] = [*before, *value] if isinstance(before, list) and isinstance(value, list) else value

    def keep_choice(self, choice: Mapping[str, Any]) -> None:
        """Keep a choice's log probabilities, filter results and unknown members."""
        if logprobs := choice.get("logprobs"):
            self._grow("logprobs", logprobs)
        if filters := choice.get("content_filter_results"):
            self._merge_filters(filters)
        if not CHOICE_MEMBERS.issuperset(choice):
            self.keep(choice, CHOICE_MEMBERS, "choice.")

    def keep_audio(self, piece: Any) -> None:
        """Keep spoken output; the pieces of a stream are joined."""
        if not isinstance(piece, Mapping):
            self.keep({"audio": piece}, frozenset(), "message.")
            return
        audio = self._object("audio", "message.")
        for name, value in piece.items():
            grows = name in ("data", "transcript") and isinstance(audio.get(name), str) and isinstance(value, str)
            audio[name] = audio[name] + value if grows else value

    def keep_call(self, call: Any) -> None:
        """Keep a tool call that is no function call, as it came."""
        self.keep({"tool_calls": [call]}, frozenset(), "message.")

    def _grow(self, name: str, value: Any) -> None:
        if not isinstance(value, Mapping):
            self.keep({name: value}, frozenset(), "choice.")
            return
        known = self._object(name, "choice.")
        for member, pieces in value.items():
            if isinstance(pieces, list):
                known[member] = [*(known.get(member) or ()), *pieces]
            elif pieces is not None:
                known[member] = pieces

    def _merge_filters(self, results: Any) -> None:
        if not isinstance(results, Mapping):
            self.keep({"content_filter_results": results}, frozenset(), "choice.")
            return
        known = self._object("content_filter_results", "choice.")
        for category, verdict in results.items():
            if not _has_struck(known.get(category)):  # what was filtered once stays filtered
                known[category] = verdict

    def _object(self, name: str, level: Level) -> dict[str, Any]:
        found: dict[str, Any] = self.fields.setdefault(self._key(name, level), {})
        return found

    def _key(self, name: str, level: Level) -> str:
        owner = self._owners.setdefault(name, level)
        return name if owner == level else f"{level}{name}"


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _has_struck(verdict: Any) -> bool:
    return isinstance(verdict, Mapping) and bool(verdict.get("filtered") or verdict.get("detected"))


def pick(members: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the named members that are there."""
    return {name: members[name] for name in names if name in members}
