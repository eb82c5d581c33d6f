"""What the engine logs, on stderr: warnings as one line each, everything and tracebacks only for ``--debug``."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dragoman.cli.output import note, write_raw_error


class _StderrHandler(logging.Handler):
    """Writes to whatever stderr is at the time. There is one, so that it is never added twice."""

    def __init__(self) -> None:
        super().__init__()
        self.redact: Callable[[str], str] = str
        self.debug = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self.debug:
                write_raw_error(self.redact(self.format(record)) + "\n")
            else:
                note(self.redact(record.getMessage()))
        except Exception:  # noqa: BLE001  (a log record must not end the command)
            self.handleError(record)


_HANDLER = _StderrHandler()
_HANDLER.setFormatter(logging.Formatter("debug: %(name)s: %(message)s"))


def show_logs(redact: Callable[[str], str], debug: bool) -> None:
    """Send the process's log and Python's warnings to stderr.

    Args:
        redact: Takes known secret values out of a text.
        debug: Whether the engine's own records below a warning are shown, and tracebacks.
    """
    _HANDLER.redact, _HANDLER.debug = redact, debug
    logging.captureWarnings(True)
    logging.getLogger().addHandler(_HANDLER)
    logging.getLogger("dragoman").setLevel(logging.DEBUG if debug else logging.WARNING)
