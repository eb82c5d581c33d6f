"""A toy embedding: words and groups of letters, hashed to a fixed number of dimensions. No model, nothing learnt.

Two texts are near where they share words, or words that are spelt alike; what they mean takes no part. The same text
gives the same vector in every process and on every machine.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

#: Changes with every change of the vectors, so that stored ones can be told apart.
VERSION = 1

_LETTERS = 3  # of a group
_FULL_WEIGHT_LETTERS = 8  # shorter words count less: most of them are "the" and "is"
_WORD = re.compile(r"\w+|[^\w\s]")


class Feature(NamedTuple):
    """One thing that a text has: a number of 64 bits that stands for it, and how much it counts."""

    number: int
    weight: float


def is_blank(text: str) -> bool:
    """Tell a text without anything that could be hashed."""
    return _WORD.search(text) is None


def vector(text: str, dimensions: int, *, normalize: bool = True) -> list[float]:
    """Return the text's vector; of length 1 where ``normalize``. A blank one's is all zeros."""
    words = Counter(_WORD.findall(_plain(text)))
    found = _summed(words, dimensions, signed=True)
    if not any(found):  # a few features in few dimensions may cancel out altogether
        found = _summed(words, dimensions, signed=False)
    return _of_length_one(found) if normalize else found


def _summed(words: Mapping[str, int], dimensions: int, *, signed: bool) -> list[float]:
    found = [0.0] * dimensions
    for word, times in words.items():
        for number, weight in features(word):
            sign = -1.0 if signed and number & 1 else 1.0  # features that meet in one place cancel out on average
            found[(number >> 1) % dimensions] += sign * weight * math.sqrt(times)
    return found


def cosine(one: list[float], other: list[float]) -> float:
    """Return how near two vectors of length 1 are: 1 = the same direction, 0 = nothing in common."""
    return sum(a * b for a, b in zip(one, other, strict=True))


@lru_cache(maxsize=20_000)
def features(word: str) -> tuple[Feature, ...]:
    """Return the word itself, and its groups of letters, which together count as much as the word."""
    weight = min(len(word), _FULL_WEIGHT_LETTERS) / _FULL_WEIGHT_LETTERS
    framed = f"<{word}>"
    groups = [framed[i : i + _LETTERS] for i in range(len(framed) - _LETTERS + 1)]
    share = weight / math.sqrt(len(groups))
    return (Feature(_number(f"w {word}"), weight), *(Feature(_number(f"g {group}"), share) for group in groups))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _number(text: str) -> int:
    # Not hash(): that is another one in each process. A lone surrogate is no reason to fail.
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _of_length_one(found: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in found))
    return [value / length for value in found] if length else found
