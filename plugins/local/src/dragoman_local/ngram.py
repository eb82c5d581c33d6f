"""The toy language model: which words have followed the words before, in what it learnt and in the prompt."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from dragoman_local.sampling import Sampler
from dragoman_local.tokens import SENTENCE_ENDS, is_word, words, written

#: Witten-Bell-like trust in a context: total / (total + this).
_DOUBT = 0.6
#: What an n-gram of the prompt counts beside one of the English text: enough to colour an answer, not to copy.
_PROMPT_WEIGHT = 0.25
#: Words that may always come, whatever came before.
_COMMONEST = 256
#: A word that was never seen is followed by what follows a common one; from this rank on they have a meaning.
_FIRST_STAND_IN = 64
#: A prompt's word that was never seen opens an answer as if it had been seen so often.
_UNSEEN = 20
#: After so many words, a word that followed them before does not follow again: small models run in circles.
_NO_REPEAT = 2
#: Words that ask; an answer does not begin with them where the prompt has any other.
_ASKING = frozenset(
    words(
        "a about and are can do does explain for from give hello hi how i in is it me my of on or please say tell that "
        "the this to use we what when where which who why will with would write you your"
    )
)
#: An answer that found no end of a sentence is ended this many tokens after it might have.
_PATIENCE = 120


class TextIndex:
    """A text with the places of each word, whatever its case. It never changes, so threads may share it."""

    def __init__(self, text: Sequence[str]) -> None:
        self._text = list(text)
        self._folded = [word.casefold() for word in text]
        self._next: dict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(self._folded[:-1], start=1):
            self._next[word].append(place)
        self._next.default_factory = None
        self._frequency = Counter(self._folded)

    @cached_property
    def common(self) -> dict[str, float]:
        """The commonest words, commonest first, with their shares among themselves."""
        chosen = Counter(self._text).most_common(_COMMONEST)
        total = sum(n for _, n in chosen)
        return {word: n / total for word, n in chosen}

    @cached_property
    def stand_ins(self) -> list[str]:
        """Common words that are followed by what a noun is followed by, more or less."""
        return [word for word in self.common if is_word(word)][_FIRST_STAND_IN:]

    def frequency(self, word: str) -> int:
        """Return how often the word occurs, whatever its case."""
        return self._frequency[word.casefold()]

    def followers(self, context: Sequence[str]) -> list[Counter[str]]:
        """Return what followed the last word of the context, the last two, and so on while any such place is left."""
        found: list[Counter[str]] = []
        places: list[int] | None = None
        for distance, word in enumerate((w.casefold() for w in reversed(context)), start=1):
            if places is None:
                places = self._next.get(word, [])
            else:
                folded = self._folded
                places = [p for p in places if p >= distance and folded[p - distance] == word]
            if not places:
                break
            found.append(Counter([self._text[p] for p in places]))
        return found


class LanguageModel:
    """English and a prompt, seen through contexts of up to ``order - 1`` words."""

    def __init__(self, english: TextIndex, prompt: Sequence[str], order: int) -> None:
        self._english = english
        self._prompt = TextIndex(prompt)
        self._reach = order - 1

    def opening(self, candidates: Sequence[str]) -> dict[str, float]:
        """Return weights for an answer's first word: of ``candidates``, long and rare words before the others.

        Without a candidate an answer opens like a sentence.
        """
        asked = [word for word in reversed(candidates) if is_word(word)]
        topics = [word for word in asked if word.casefold() not in _ASKING] or asked
        return {word: len(word) / (1 + self._frequency(word)) for word in topics} or self.after(["."])

    def after(self, context: Sequence[str]) -> dict[str, float]:
        """Return the weights of the words that may follow the context; they add up to 1.

        Each longer context speaks as far as it has been seen; what is left goes to the shorter ones, and at last to
        the commonest words.
        """
        near = context[-self._reach :] if self._reach else ()
        weights: dict[str, float] = defaultdict(float)
        left = 1.0
        for counts in reversed(self._levels(near)):
            total = sum(counts.values())
            for word, n in counts.items():
                weights[word] += left * n / (total + _DOUBT)
            left *= _DOUBT / (total + _DOUBT)
        for word, share in self._english.common.items():
            weights[word] += left * share
        return weights

    def _levels(self, context: Sequence[str]) -> list[Mapping[str, float]]:
        """Return what followed the context, in English and in the prompt, shortest context first."""
        levels: list[Mapping[str, float]] = [*self._english.followers(context)]
        if context and not levels:
            levels += self._english.followers([self._stand_in(context[-1])])
        for depth, counts in enumerate(self._prompt.followers(context)):
            both = dict(levels[depth]) if depth < len(levels) else {}
            for word, n in counts.items():
                both[word] = both.get(word, 0) + _PROMPT_WEIGHT * n
            levels[depth : depth + 1] = [both]
        return levels

    def _frequency(self, word: str) -> int:
        return self._english.frequency(word) or _UNSEEN

    def _stand_in(self, word: str) -> str:
        known = self._english.stand_ins
        # Not hash(): it differs from process to process.
        return known[zlib.crc32(word.casefold().encode("utf-8", "surrogatepass")) % len(known)]


class Writer:
    """Writes texts with one model and one sampler."""

    def __init__(self, model: LanguageModel, sampler: Sampler) -> None:
        self._model = model
        self._sampler = sampler

    def write(self, opening: Sequence[str], min_tokens: int) -> Iterator[str]:
        """Yield a text, token by token, until it ends of itself.

        It ends with the first sentence that is complete after ``min_tokens``; one that never ends is ended by force.
        """
        text: list[str] = []
        used: Counter[str] = Counter()
        followed: dict[tuple[str, ...], set[str]] = defaultdict(set)
        last = min_tokens + _PATIENCE
        while True:
            context = tuple(text[-_NO_REPEAT:])
            if len(text) == last:
                word = "."
            elif not text:
                word = self._sampler.choose(self._model.opening(opening), used)
            else:
                word = self._sampler.choose(_without(self._model.after(text), followed[context]), used)
            yield written(word, text[-1] if text else None)
            followed[context].add(word)
            text.append(word)
            used[word] += 1
            if len(text) > last or (word in SENTENCE_ENDS and len(text) >= min_tokens):
                return


def _without(weights: dict[str, float], words: set[str]) -> dict[str, float]:
    """Return the weights of the other words; of all, where there is no other."""
    return {word: weight for word, weight in weights.items() if word not in words} or weights
