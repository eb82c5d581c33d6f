"""Values that a prompt mentions, handed out in order to whoever can use them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: A prompt is searched from its end for so many characters.
MAX_CHARS = 20_000

_NUMBER = re.compile(r"(?<![\w.-])-?\d{1,15}(?:\.\d{1,15})?(?![\w-]|\.\d)")
_MARKS = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb", "\u300c": "\u300d"}
#: Quotation marks that stand inside a word (don't) quote nothing; a quotation is short, so that the search is too.
_QUOTED = re.compile("|".join(rf"(?<!\w){a}([^{a}{b}\n]{{1,200}}){b}(?!\w)" for a, b in _MARKS.items()))


class Prompted:
    """The numbers and the quoted texts of a prompt. Each is handed out once."""

    def __init__(self, prompt: str) -> None:
        text = prompt[-MAX_CHARS:]
        self._texts = [next(filter(None, found.groups())) for found in _QUOTED.finditer(text)]
        self._numbers = [float(n) if "." in n else int(n) for n in _NUMBER.findall(_QUOTED.sub(" ", text))]
        self._words = frozenset(word.casefold() for word in re.findall(r"\w+(?:-\w+)*", text))

    def number(self, fits: Callable[[float], bool]) -> int | float | None:
        """Return, and use up, the first number left that fits."""
        return _take(self._numbers, fits)

    def text(self, fits: Callable[[str], bool]) -> str | None:
        """Return, and use up, the first quotation left that fits."""
        return _take(self._texts, fits)

    def texts(self) -> list[str]:
        """Return, and use up, every quotation left."""
        texts, self._texts = self._texts, []
        return texts

    def mentions(self, word: str) -> bool:
        """Tell whether the prompt holds the word, whatever its case."""
        return word.casefold() in self._words


def _take(values: list[T], fits: Callable[[T], bool]) -> T | None:
    for i, value in enumerate(values):
        if fits(value):
            return values.pop(i)
    return None
