"""How one of several possibilities is taken: penalties, then temperature, then top_k, then top_p, then the dice."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TypeVar

from dragoman.plugin import Inference

T = TypeVar("T")
K = TypeVar("K")

_NONE_USED: Mapping[object, int] = {}


class Sampler:
    """The dice of one call.

    With a seed, or at temperature 0, the same weights give the same choices. Absent settings are temperature 1,
    top_p 1, no top_k (0 means none as well) and no penalties.
    """

    def __init__(self, settings: Inference) -> None:
        self._temperature = 1.0 if settings.temperature is None else settings.temperature
        self._top_p = 1.0 if settings.top_p is None else settings.top_p
        self._top_k = settings.top_k or None
        self._presence = settings.presence_penalty or 0.0
        self._frequency = settings.frequency_penalty or 0.0
        # As text, because random.Random takes -7 and 7 for the same seed.
        seed = None if settings.seed is None else str(settings.seed)
        self._random = random.Random(seed)  # noqa: S311  (this is sampling, not cryptography)

    def choose(self, weights: Mapping[K, float], used: Mapping[K, int] = _NONE_USED) -> K:  # type: ignore[assignment]
        """Return one of the keys, by weight; ``used`` says how often each was taken, for the penalties.

        Of equal weights the first comes first, so that the order of the keys is part of the outcome.
        """
        scored = [(key, math.log(weight) - self._penalty(used.get(key, 0))) for key, weight in weights.items()]
        if self._temperature == 0:
            return max(scored, key=_score)[0]
        scored = sorted(scored, key=_score, reverse=True)[: self._top_k]
        best = scored[0][1]
        sums = list(accumulate(math.exp((score - best) / self._temperature) for _, score in scored))
        kept = _nucleus(sums, self._top_p)
        return self._random.choices([key for key, _ in scored[:kept]], cum_weights=sums[:kept])[0]

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, all equally likely; the first at temperature 0."""
        return options[self.choose(dict.fromkeys(range(len(options)), 1.0))]

    def _penalty(self, times: int) -> float:
        return self._presence + self._frequency * times if times else 0.0


def _score(item: tuple[object, float]) -> float:
    return item[1]


def _nucleus(sums: Sequence[float], top_p: float) -> int:
    """Return how many of the likeliest possibilities together reach the share ``top_p``; at least one."""
    wanted = top_p * sums[-1]
    return next((n for n, reached in enumerate(sums, start=1) if reached >= wanted), len(sums))
