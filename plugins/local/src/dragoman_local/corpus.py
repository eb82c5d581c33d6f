"""The English that the toy model learns: the prose of Python's own reference, which every installation brings.

The text differs between versions of Python and is always the same for one installation.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping

from dragoman.errors import PluginError

from dragoman_local.ngram import TextIndex
from dragoman_local.tokens import SENTENCE_ENDS, words

#: Where reading ends, so that learning stays a matter of some 50 ms. CPython 3.11 has 117,000 characters of prose.
MAX_CHARS = 200_000
MIN_WORDS = 1_000
_SOURCE = "pydoc_data.topics"
_MIN_PARAGRAPH_CHARS = 80
#: More of them make a list.
_MAX_SEMICOLONS = 2
_MARKUP = re.compile(r"[\"*`“”]|\s*\([^()]*\)")
_BROKEN_COMPOUND = re.compile(r"(?<=\w)-\s+(?=\w)")
_NOT_PROSE = (" ", "*", "+", "-", "|", ">", "=", "~", "^")

_lock = threading.Lock()
_learnt: list[TextIndex] = []


def english() -> TextIndex:
    """Return the model's English; the first call in a process learns it. Blocks; call it off the event loop.

    Raises:
        PluginError: This Python comes without that text.
    """
    with _lock:
        if not _learnt:
            text = words(" ".join(prose(_topics())))
            if len(text) < MIN_WORDS:
                raise PluginError(f"provider local found no English to learn from in {_SOURCE} of this Python")
            _learnt.append(TextIndex(text))
        return _learnt[0]


def _topics() -> Mapping[str, str]:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise PluginError(
            f"provider local learns its English from {_SOURCE}, which this installation of Python lacks",
            hint="install the complete standard library",
        ) from None
    return topics


def prose(topics: Mapping[str, str]) -> Iterator[str]:
    """Yield paragraphs of plain sentences, each once, in the order of their topics' names, up to the limit."""
    seen: set[str] = set()
    left = MAX_CHARS
    for name in sorted(topics):
        for block in topics[name].split("\n\n"):
            paragraph = _paragraph(block)
            if paragraph and paragraph not in seen:
                seen.add(paragraph)
                left -= len(paragraph)
                if left < 0:
                    return
                yield paragraph


def _paragraph(block: str) -> str | None:
    """Return the block as plain text; ``None`` where it is a heading, a list, a table, or code."""
    lines = block.strip("\n").split("\n")
    if any(line.startswith(_NOT_PROSE) for line in lines):
        return None
    text = _BROKEN_COMPOUND.sub("-", " ".join(lines))
    text = _MARKUP.sub("", text)
    plain = len(text) >= _MIN_PARAGRAPH_CHARS and text[-1] in SENTENCE_ENDS and text.count(";") <= _MAX_SEMICOLONS
    return text if plain else None
