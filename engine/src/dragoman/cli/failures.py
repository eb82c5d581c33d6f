"""How an error is told to a person: one clear line on stderr, and an exit code.

Exit codes: 0 done; 1 a bad value, file or document, or a failed call; 2 an unknown option or command, or a missing
argument; 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from dragoman.cli.invocation import Invocation
from dragoman.cli.output import OutputClosedError, error_line, write_raw_error
from dragoman.errors import DocumentError, DragomanError, ProviderError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def tell(error: BaseException, invocation: Invocation) -> int:
    """Say what went wrong, without any secret that the engine knows, and return the exit code.

    Raises:
        OutputClosedError: It is that error, about which nobody can be told.
    """
    if isinstance(error, OutputClosedError):
        raise error
    if invocation.debug and not isinstance(error, click.ClickException):
        import traceback

        write_raw_error(invocation.redact("".join(traceback.format_exception(error))))
    lines, code = _explain(error)
    for line in lines:
        error_line(invocation.redact(line))
    return code


def _explain(error: BaseException) -> tuple[Sequence[str], int]:
    if isinstance(error, click.ClickException):
        return [f"error: {_said_by_click(error)}"], _exit_code(error)
    if isinstance(error, DocumentError) and len(error.problems) > 1:
        first = f"error: {error.subject}: {len(error.problems)} problems"
        return [first, *(f"  {problem}" for problem in error.problems)], EXIT_FAILED
    if isinstance(error, DragomanError):
        return [f"error: {_with_request_id(error)}"], EXIT_FAILED
    what = f"internal: {type(error).__name__}: {error}"
    return [f"error: {what}; run again with --debug to see where"], EXIT_FAILED


def _with_request_id(error: DragomanError) -> str:
    """Return the error with the provider's id of the request, which its support desk asks for."""
    said = str(error)
    request_id = error.request_id if isinstance(error, ProviderError) else None
    return f"{said} [request {request_id}]" if request_id and request_id not in said else said


def _said_by_click(error: click.ClickException) -> str:
    said = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{said} (see {context.command_path} --help)" if context else said


def _exit_code(error: click.ClickException) -> int:
    if isinstance(error, click.MissingParameter):
        return EXIT_USAGE
    bad_value = isinstance(error, click.BadParameter) or not isinstance(error, click.UsageError)
    return EXIT_FAILED if bad_value else EXIT_USAGE
