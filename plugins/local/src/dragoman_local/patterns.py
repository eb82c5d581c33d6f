"""One text that matches a regular expression.

The expression comes from a caller, so it is never run: running one can take for ever. Where its text cannot be made
by reading it alone (look-around, back references, flags), it is refused.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

MAX_DEPTH = 20
MAX_REPEATS = 1_000
MAX_STEPS = 20_000
_NO_END = 10**9

#: Escapes that stand for one of several characters, by one that they stand for.
_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_RANGES = {"d": "09", "w": "azAZ09__", "s": "  \t\r"}
#: Tried in this order for a negated class.
_CANDIDATES = "a0A-_ .,:;/!?#xyzXYZ123456789bcdefBCDEF"
_QUANTIFIER = re.compile(r"(?:([*+?])|\{(\d{1,9})(,(\d{1,9})?)?\})\??")


class PatternError(ValueError):
    """The expression is not one of those that a text can be made for."""


@dataclass(frozen=True, slots=True)
class _Anchor:
    sign: str


@dataclass(frozen=True, slots=True)
class _Repeat:
    item: _Node
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class _Sequence:
    items: tuple[_Node, ...]


_Node = str | _Anchor | _Repeat | _Sequence


def example(pattern: str, least: int = 0, most: int | None = None) -> str:
    """Return a text of ``least`` to ``most`` characters that matches the whole pattern; always the same one.

    Raises:
        PatternError: The pattern cannot be read, or the text cannot be made as long or as short.
    """
    tree = _Parser(pattern).whole()
    text = _render(tree, _repeats_for(tree, least))
    if len(text) < least or (most is not None and len(text) > most):
        raise PatternError("the pattern and the length that is asked for do not go together")
    return text


def _repeats_for(tree: _Node, least: int) -> int:
    """Return how many repetitions more than needed make the text long enough, if any number does."""
    most = 1
    while len(_render(tree, most)) < least and most < least:
        most *= 2
    return bisect_left(range(most), least, key=lambda more: len(_render(tree, more)))


class _Parser:
    """Reads an expression; of alternatives it takes the first."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def whole(self) -> _Node:
        node = self._alternatives(0)
        if self._at < len(self._pattern):
            self._refuse()
        return node

    def _alternatives(self, depth: int) -> _Node:
        if depth > MAX_DEPTH:
            raise PatternError("the pattern is nested too deeply")
        first = self._sequence(depth)
        while self._peek() == "|":
            self._at += 1
            self._sequence(depth)
        return first

    def _sequence(self, depth: int) -> _Node:
        items: list[_Node] = []
        while self._peek() not in ("", "|", ")"):
            items.append(self._quantified(self._atom(depth)))
        return _Sequence(tuple(items))

    def _quantified(self, item: _Node) -> _Node:
        found = _QUANTIFIER.match(self._pattern, self._at)
        if not found:
            return item
        self._at = found.end()
        if isinstance(item, _Anchor):
            self._refuse()
        sign, least, comma, most = found.groups()
        if sign:
            low, high = {"*": (0, _NO_END), "+": (1, _NO_END), "?": (0, 1)}[sign]
        else:
            low = int(least)
            high = int(most) if most else _NO_END if comma else low
        if low > MAX_REPEATS or high < low or self._peek() in ("*", "+", "?"):
            self._refuse()
        return _Repeat(item, low, high)

    def _atom(self, depth: int) -> _Node:
        sign = self._take()
        if sign in "^$":
            return _Anchor(sign)
        if read := _ATOMS.get(sign):
            return read(self, depth)
        if sign in "*+?{":
            self._refuse()
        return sign

    def _group(self, depth: int) -> _Node:
        if self._peek() == "?":
            opening = re.compile(r"\?(?::|P?<\w+>)").match(self._pattern, self._at)
            if not opening:
                self._refuse()
            self._at = opening.end()
        node = self._alternatives(depth + 1)
        if self._take() != ")":
            self._refuse()
        return node

    def _any(self, depth: int) -> _Node:
        return "a"

    def _escape(self, depth: int) -> _Node:
        sign = self._take()
        return _CLASSES.get(sign) or self._character(sign)

    def _character(self, sign: str) -> str:
        """Return the one character of an escape, whose letter was taken."""
        if sign in _CONTROLS:
            return _CONTROLS[sign]
        if digits := {"x": 2, "u": 4}.get(sign):
            code = "".join(self._take() for _ in range(digits))
            if not re.fullmatch("[0-9a-fA-F]+", code) or 0xD800 <= int(code, 16) < 0xE000:
                self._refuse()
            return chr(int(code, 16))
        if not sign or (sign.isascii() and sign.isalnum()):
            self._refuse()
        return sign

    def _set(self, depth: int) -> _Node:
        negated = self._peek() == "^"
        self._at += negated
        ranges: list[tuple[str, str]] = []
        while (sign := self._take()) != "]":
            if sign in ("", "["):
                self._refuse()
            ranges += self._range(sign, negated)
        if not ranges:
            self._refuse()
        if not negated:
            return ranges[0][0]
        others = (c for c in _CANDIDATES if not any(low <= c <= high for low, high in ranges))
        return next(others, None) or self._refuse()

    def _range(self, sign: str, negated: bool) -> list[tuple[str, str]]:
        low = self._member(sign)
        if low in _CLASSES and sign == "\\":
            if low in _RANGES:
                ends = _RANGES[low]
                return list(zip(ends[::2], ends[1::2], strict=True))
            if negated:
                self._refuse()
            return [(_CLASSES[low], _CLASSES[low])]
        if self._peek() != "-" or self._pattern[self._at + 1 : self._at + 2] in ("", "]"):
            return [(low, low)]
        self._at += 1
        sign = self._take()
        high = self._member(sign)
        if high < low or (sign == "\\" and high in _CLASSES):
            self._refuse()
        return [(low, high)]

    def _member(self, sign: str) -> str:
        """Return a character of a set; for an escape that stands for several, its letter."""
        if sign != "\\":
            return sign
        letter = self._take()
        return letter if letter in _CLASSES else self._character(letter)

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        sign = self._peek()
        self._at += 1
        return sign

    def _refuse(self) -> NoReturn:
        raise PatternError(f"the pattern cannot be followed at character {min(self._at, len(self._pattern))}")


_ATOMS: dict[str, Callable[[_Parser, int], _Node]] = {
    "(": _Parser._group,
    "[": _Parser._set,
    ".": _Parser._any,
    "\\": _Parser._escape,
}


def _render(tree: _Node, more: int) -> str:
    """Write the tree with each repetition ``more`` times than it must be, where it may."""
    writer = _Renderer(more)
    writer.write(tree)
    return "".join(writer.text)


class _Renderer:
    def __init__(self, more: int) -> None:
        self.text: list[str] = []
        self._more = more
        self._ended = False
        self._steps = 0

    def write(self, node: _Node) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise PatternError("the pattern's text is too long")
        _WRITE[type(node)](self, node)

    def _literal(self, node: str) -> None:
        if self._ended:
            raise PatternError("the pattern goes on after its end")
        self.text.append(node)

    def _anchor(self, node: _Anchor) -> None:
        if node.sign == "$":
            self._ended = True
        elif self.text:
            raise PatternError("the pattern begins after its beginning")

    def _repeat(self, node: _Repeat) -> None:
        for _ in range(min(node.most, node.least + self._more)):
            self.write(node.item)

    def _sequence(self, node: _Sequence) -> None:
        for item in node.items:
            self.write(item)


_WRITE: dict[type, Callable[[_Renderer, Any], None]] = {
    str: _Renderer._literal,
    _Anchor: _Renderer._anchor,
    _Repeat: _Renderer._repeat,
    _Sequence: _Renderer._sequence,
}
