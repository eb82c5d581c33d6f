"""What comes through standard input."""

from __future__ import annotations

import select
import stat
import sys
from os import fstat

import click

from dragoman.cli.output import is_terminal, note

#: A pipe that is open and silent for this many seconds is left alone, where it is only an addition: a program that
#: starts us may have left its end open and never write.
PATIENCE_S = 3.0


def piped_text(wanted: bool | None, *, needed: bool, patience_s: float = PATIENCE_S) -> str:
    """Return what was piped in, as text without its last line break; empty where nothing was.

    Args:
        wanted: ``True`` waits for all of it, ``False`` leaves it alone, ``None`` reads it where something is there.
        needed: Whether there is nothing else to send, so that waiting is right.
        patience_s: Seconds to wait for the first of it where it is not needed.
    """
    if wanted is False or sys.stdin is None:
        return ""
    if wanted is None and is_terminal(sys.stdin):
        return ""
    if wanted is None and not needed and _is_silent(patience_s):
        note(f"nothing came through standard input within {patience_s:g} s, so it was not read; --stdin waits for it")
        return ""
    return read_stdin().rstrip("\r\n")


def read_stdin() -> str:
    """Return all of standard input.

    Raises:
        click.ClickException: It is not UTF-8 text.
    """
    raw = sys.stdin.buffer.read()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.ClickException("standard input is not UTF-8 text") from None


def _is_silent(patience_s: float) -> bool:
    """Return whether standard input is a pipe or socket where neither data nor an end arrives in time."""
    try:
        mode = fstat(sys.stdin.fileno()).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            return False
        return not select.select([sys.stdin], [], [], patience_s)[0]
    except (OSError, ValueError):  # no real file, or a platform that cannot wait for one
        return False
