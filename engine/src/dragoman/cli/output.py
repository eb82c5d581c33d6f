"""Writing to stdout and stderr: flushed, safe for any encoding, and plain where nobody looks at a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from dragoman.errors import DragomanError

#: Control characters that could command a terminal, shown instead of sent; tab and line feed stay.
_SHOWN_CONTROLS = {c: f"\\x{c:02x}" for c in (*range(32), *range(127, 160)) if c not in (9, 10, 13)} | {13: ""}


class OutputClosedError(Exception):
    """Whoever read our output has gone; there is nobody to tell."""


def prepare_streams() -> None:
    """Let every character be written, whatever the stream's encoding; what it lacks is escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # the parent closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def discard_output() -> None:
    """Give what is still buffered nowhere to go, so that the interpreter's last flush stays quiet."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
    except (OSError, ValueError):  # not a real file
        return


# --- stdout ------------------------------------------------------------------------------------------------------


def write(text: str) -> None:
    """Write a piece of an answer to stdout, at once."""
    _write(sys.stdout, printable(text) if is_terminal(sys.stdout) else text)


def write_line(text: str = "") -> None:
    """Write a line to stdout."""
    write(f"{text}\n")


def write_json(value: Any, *, indent: int | None = 2) -> None:
    """Write a value as JSON to stdout; ``indent=None`` puts it on one line."""
    write_line(json_text(value, indent=indent))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return JSON that stdout's encoding can carry."""
    plain_only = not (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf8")
    return json.dumps(value, indent=indent, ensure_ascii=plain_only, default=str)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write aligned columns to stdout: wrapped to a terminal's width, never cut where the output is piped."""
    if is_terminal(sys.stdout):
        _terminal_table(headers, rows)
        return
    lines = [headers, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headers))]
    for line in lines:
        write_line("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _terminal_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold" if _may_style() else "")
    for header in headers:
        drawn.add_column(Text(header), overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    Console(file=sys.stdout, highlight=False).print(drawn)


# --- stderr ------------------------------------------------------------------------------------------------------


def note(text: str) -> None:
    """Tell something that is no part of the answer, in one line on stderr."""
    _write(sys.stderr, f"note: {_one_line(text)}\n")


def error_line(text: str) -> None:
    """Write one line of an error to stderr; leading spaces stay."""
    indent = text[: len(text) - len(text.lstrip())]
    _write(sys.stderr, f"{indent}{_one_line(text)}\n")


def aside(text: str) -> None:
    """Write to stderr at once, dimmed on a terminal: reasoning, and what a conversation says of itself."""
    if is_terminal(sys.stderr):
        text = printable(text)
        text = f"\x1b[2m{text}\x1b[0m" if text and _may_style() else text
    _write(sys.stderr, text)


def write_raw_error(text: str) -> None:
    """Write lines to stderr as they are."""
    _write(sys.stderr, text)


# --- terminals ---------------------------------------------------------------------------------------------------


def is_terminal(stream: TextIO) -> bool:
    """Return whether a person looks at the stream."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def printable(text: str) -> str:
    """Return the text with control characters shown instead of obeyed: a model must not command the terminal."""
    return text.translate(_SHOWN_CONTROLS)


def _may_style() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        raise OutputClosedError from None
    except OSError as error:
        if stream is sys.stderr:  # there is no other place to say so
            raise OutputClosedError from None
        discard_output()
        raise DragomanError(f"the output cannot be written: {error.strerror}") from None
