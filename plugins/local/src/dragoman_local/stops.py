"""Ends a text at its stop sequences, wherever the tokens' borders are."""

from __future__ import annotations

from collections.abc import Sequence


class StopFilter:
    """Lets text through, but holds back what may yet turn out to be the beginning of a stop sequence.

    Of several stop sequences, the one that is complete first ends the text.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.hit = False

    def feed(self, piece: str) -> str:
        """Take the next piece and return what is safe to show; once ``hit`` is true, nothing may follow."""
        text = self._held + piece
        found = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.hit = True
            self._held = ""
            return text[: min(found)[1]]
        safe = len(text) - self._longest_beginning(text)
        self._held = text[safe:]
        return text[:safe]

    def rest(self) -> str:
        """Return what is still held back, at the end of the text."""
        held, self._held = self._held, ""
        return held

    def _longest_beginning(self, text: str) -> int:
        """Return the length of the longest end of the text that begins a stop sequence."""
        longest = max(map(len, self._stops), default=0)
        lengths = range(min(len(text), longest - 1), 0, -1)
        return next((n for n in lengths if any(stop.startswith(text[-n:]) for stop in self._stops)), 0)
