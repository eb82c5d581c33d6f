"""What every command that calls a model shows beside its result: terms, reports, progress, and a dry run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dragoman.cli.output import error_line, is_terminal, json_text, note, write_json, write_line, write_raw_error

if TYPE_CHECKING:
    from dragoman.cli.invocation import Running
    from dragoman.engine import DryRun
    from dragoman.errors import DragomanError


def show_notice(running: Running, adapter: str | Mapping[str, Any] | None, override: Mapping[str, Any]) -> None:
    """Tell a model's terms before it is used."""
    notice = running.run(running.engine.resolve(adapter, override)).adapter.notice
    if notice is not None and (told := " ".join(filter(None, (notice.text, notice.terms_url)))):
        note(told)


def print_request(request: DryRun, *, as_json: bool) -> None:
    """Print the request of a dry run."""
    members = {"method": request.method, "url": request.url, "headers": request.headers, "body": request.body}
    if as_json:
        write_json(members)
        return
    write_line(f"{request.method} {request.url}")
    for name, value in request.headers.items():
        write_line(f"{name}: {value}")
    if request.body is not None:
        write_line()
        write_line(request.body if isinstance(request.body, str) else json_text(request.body, indent=2))
    for report in request.reports:
        note(report.message)


@contextmanager
def shown_progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Say on one line how far a call has come; yields ``None`` where no person looks at stderr."""
    if not is_terminal(sys.stderr):
        yield None
        return
    begun = False

    def show(done: int, total: int) -> None:
        nonlocal begun
        if begun or done < total:  # a call of one request has nothing to tell on its way
            begun = True
            write_raw_error(f"\r{done} of {total} {what}")

    try:
        yield show
    finally:
        if begun:
            write_raw_error("\n")


def show_failures(failures: Mapping[int, DragomanError], count: int, what: str, lack: str) -> None:
    """List on stderr which of the items failed and why, those of one reason together; numbers count from 0."""
    if not failures:
        return
    error_line(f"error: {len(failures)} of {count} {what}s have no {lack}")
    reasons: dict[str, list[int]] = {}
    for index, error in sorted(failures.items()):
        reasons.setdefault(str(error), []).append(index)
    for reason, indexes in reasons.items():
        error_line(f"  {what} {_ranges(indexes)}: {reason}")


def _ranges(indexes: Iterable[int]) -> str:
    """Return ``0-2, 5`` for 0, 1, 2 and 5."""
    runs: list[list[int]] = []
    for index in indexes:
        if runs and index == runs[-1][-1] + 1:
            runs[-1][1:] = [index]
        else:
            runs.append([index])
    return ", ".join("-".join(map(str, run)) for run in runs)
