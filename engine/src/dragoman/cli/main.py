"""Where the command starts, and where every error ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from dragoman.cli.failures import EXIT_FAILED, EXIT_INTERRUPTED, tell
from dragoman.cli.group import OpenGroup
from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options
from dragoman.cli.output import OutputClosedError, discard_output, prepare_streams

EPILOG = """\b
Examples:
  dragoman chat "Tell me about iterators"
  dragoman chat -a my-model --set inference.temperature=0 "Name three rivers"
  dragoman adapters list
  dragoman adapters show my-model --effective --origins

Settings come from dragoman.toml or config/dragoman.toml, DRAGOMAN_* variables, and these options, in that order.
"""


@click.group(cls=OpenGroup, place="", epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
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
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001  (whatever it is, a person gets one line)
        return tell(error, invocation)
    return code or 0


if __name__ == "__main__":
    sys.exit(main())
