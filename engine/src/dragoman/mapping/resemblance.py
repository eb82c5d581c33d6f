"""How well a sample request resembles what a skeleton writes: to recognise a shipped preset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SETTING = re.compile(r"params\.([a-z_]+)")


@dataclass(slots=True)
class Resemblance:
    """What a sample has in common with a skeleton.

    Args:
        matched: How many members and elements the skeleton writes as well.
        strange: Paths of those that it does not write, or writes otherwise.
        settings: Inference settings that the sample gives a value.
        extras: Members that ``model_kwargs`` would add, by their names there.
        prompt: The sample's prompt, where the skeleton has one.
    """

    matched: int = 0
    strange: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)
    prompt: str | None = None

    @property
    def score(self) -> int:
        """More is more alike."""
        return self.matched - 2 * len(self.strange) - len(self.extras)


class _Differs(Exception):  # noqa: N818  (it never leaves this module)
    """The sample cannot have been written by the skeleton."""


def resemblance(skeleton: Any, sample: Any) -> Resemblance | None:
    """Return what a sample has in common with a skeleton; ``None`` where the skeleton could not have written it."""
    found = Resemblance()
    spreads = isinstance(skeleton, Mapping) and not _names_spread(skeleton)
    try:
        _compare(skeleton, sample, "", found, spreads=spreads)
    except _Differs:
        return None
    return found


def _names_spread(skeleton: Any) -> bool:
    if not isinstance(skeleton, Mapping):
        return False
    return "$spread" in skeleton or any(_names_spread(inner) for inner in skeleton.values())


def _compare(skeleton: Any, sample: Any, path: str, found: Resemblance, *, spreads: bool = False) -> None:
    if isinstance(skeleton, list):
        _compare_list(skeleton, sample, path, found)
    elif not isinstance(skeleton, Mapping):
        _note(skeleton == sample, path, found)
    elif "$" in skeleton:
        _compare_leaf(skeleton["$"], sample, found)
    elif "$each" in skeleton:
        if not isinstance(sample, list):
            raise _Differs
        for index, element in enumerate(sample):
            _compare(skeleton["do"], element, f"{path}[{index}]", found)
    elif "$switch" in skeleton:
        _compare_switch(skeleton, sample, path, found)
    else:
        _compare_object(skeleton, sample, path, found, spreads=spreads or "$spread" in skeleton)


def _note(same: bool, path: str, found: Resemblance) -> None:
    found.matched += same
    if not same:
        found.strange.append(path)


def _compare_leaf(source: str, sample: Any, found: Resemblance) -> None:
    if source == "prompt":
        if not isinstance(sample, str):
            raise _Differs
        found.prompt = sample
    elif setting := _SETTING.fullmatch(source):
        found.settings[setting[1]] = sample
    found.matched += 1


def _compare_list(skeleton: list[Any], sample: Any, path: str, found: Resemblance) -> None:
    if not isinstance(sample, list) or len(sample) != len(skeleton):
        raise _Differs
    for index, (inner, element) in enumerate(zip(skeleton, sample, strict=True)):
        _compare(inner, element, f"{path}[{index}]", found)


def _compare_switch(skeleton: Mapping[str, Any], sample: Any, path: str, found: Resemblance) -> None:
    """Take the case that the sample resembles most."""
    cases = [*skeleton["cases"].values(), *([skeleton["else"]] if "else" in skeleton else [])]
    tried = [case for case in (resemblance(case, sample) for case in cases) if case is not None]
    if not tried:
        raise _Differs
    best = max(tried, key=lambda case: case.score)
    found.matched += best.matched
    found.strange += [f"{path}{inner}" for inner in [*best.strange, *(f".{name}" for name in best.extras)]]
    found.settings.update(best.settings)


def _compare_object(skeleton: Mapping[str, Any], sample: Any, path: str, found: Resemblance, *, spreads: bool) -> None:
    if not isinstance(sample, Mapping):
        raise _Differs
    for name, inner in skeleton.items():
        if name not in sample and _holds_conversation(inner):
            raise _Differs
    for name, value in sample.items():
        if name in skeleton:
            _compare(skeleton[name], value, f"{path}.{name}", found)
        elif spreads:
            found.extras[name] = value
        else:
            found.strange.append(f"{path}.{name}")


def _holds_conversation(skeleton: Any) -> bool:
    if isinstance(skeleton, Mapping):
        if skeleton.get("$") == "prompt" or skeleton.get("$each") in ("messages", "turns"):
            return True
        return any(_holds_conversation(inner) for inner in skeleton.values())
    return isinstance(skeleton, list) and any(_holds_conversation(inner) for inner in skeleton)
