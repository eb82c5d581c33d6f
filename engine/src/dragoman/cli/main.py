"""Where the command starts and where every error ends: one clear line, and an exit code.

Exit codes: 0 done; 1 a bad value, file or document, or a failed call; 2 an unknown option or command, or a missing
argument; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from dragoman.cli.commands import TABLE
from dragoman.cli.failures import explain_error
from dragoman.cli.group import RootGroup
from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options
from dragoman.cli.output import OutputClosedError, discard_output, error_line, prepare_streams, write_raw_error
from dragoman.errors import DragomanError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

EPILOG = """\b
Examples:
  dragoman chat "Tell me about iterators"
  dragoman chat -a my-model --set inference.temperature=0 "Name three rivers"
  dragoman adapters list
  dragoman adapters show my-model --effective --origins

Settings come from dragoman.toml or config/dragoman.toml, DRAGOMAN_* variables, and these options, in that order.
"""


@click.group(cls=RootGroup, table=TABLE, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dragoman", prog_name="dragoman", message="%(prog)s %(version)s")
@global_options
def root() -> None:
    """Call any language model through an adapter that is data."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        arguments: What stands after the program's name; ``None`` takes it from the process.
    """
    prepare_streams()
    invocation = Invocation(debug=os.environ.get("DRAGOMAN_DEBUG", "") not in ("", "0"))
    given = None if arguments is None else list(arguments)
    try:
        code = root.main(given, prog_name="dragoman", standalone_mode=False, obj=invocation)
        sys.stdout.flush()
    except (OutputClosedError, BrokenPipeError):
        discard_output()
        return EXIT_FAILED
    except (click.exceptions.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001  (whatever it is, a person gets one line)
        return _tell(error, invocation)
    return code or 0


def _tell(error: Exception, invocation: Invocation) -> int:
    """Say what went wrong, without any secret that the engine knows, and return the exit code."""
    if invocation.debug and not isinstance(error, click.ClickException):
        import traceback

        write_raw_error(invocation.redact("".join(traceback.format_exception(error))))
    lines, code = _explain(error)
    for line in lines:
        error_line(invocation.redact(line))
    return code


def _explain(error: Exception) -> tuple[list[str], int]:
    if isinstance(error, DragomanError):
        return explain_error(error), EXIT_FAILED
    if isinstance(error, click.ClickException):
        return _explain_usage(error)
    name = type(error).__name__
    return [f"error: internal: {name}: {error}; run again with --debug to see where"], EXIT_FAILED


def _explain_usage(error: click.ClickException) -> tuple[list[str], int]:
    message = error.format_message().rstrip(".")
    if not isinstance(error, click.UsageError):
        return [f"error: {message}"], EXIT_FAILED
    if error.ctx is not None:
        message = f"{message} (see {error.ctx.command_path} --help)"
    missing = isinstance(error, click.MissingParameter)
    bad_value = isinstance(error, click.BadParameter) and not missing
    return [f"error: {message}"], EXIT_FAILED if bad_value else EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
