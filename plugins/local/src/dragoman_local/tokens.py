"""What the toy model counts as a token: a word, or one mark of punctuation, with the white space before it."""

from __future__ import annotations

import re

_WORD = r"\w+(?:[-'\u2019.]\w+)*"
_PIECE = re.compile(rf"\s*(?:{_WORD}|[^\w\s])|\s+")
_READ = re.compile(rf"{_WORD}|[.,;:!?]")

SENTENCE_ENDS = frozenset(".!?")
_CLINGS = frozenset(".,;:!?")


def pieces(text: str) -> list[str]:
    """Return the text's tokens as they stand; joined, they are the text again."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """Return how many tokens the text has."""
    return sum(1 for _ in _PIECE.finditer(text))


def words(text: str) -> list[str]:
    """Return what the model learns from: words and the punctuation of sentences, without white space."""
    return _READ.findall(text)


def is_word(token: str) -> bool:
    """Tell a word from a mark of punctuation."""
    return token not in _CLINGS


def written(token: str, before: str | None) -> str:
    """Return a token as it is written after the one ``before`` it (``None``: it opens the text).

    What it returns is one token again: the count of a written text is the number of its tokens.
    """
    if before is None or before in SENTENCE_ENDS:
        token = _capitalised(token)
    return token if before is None or token in _CLINGS else f" {token}"


def _capitalised(token: str) -> str:
    # ASCII only: elsewhere one small letter can become several, and no longer be one word.
    return token[0].upper() + token[1:] if token[0].isascii() else token
