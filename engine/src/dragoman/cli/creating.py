"""``dragoman plugins new``: a folder to start a plugin from."""

from __future__ import annotations

from pathlib import Path

import click

from dragoman.cli.options import global_options
from dragoman.cli.output import note, write_line
from dragoman.errors import DragomanError

EPILOG = """\b
Examples:
  dragoman plugins new my-server
  dragoman plugins new my-server --into ~/src
"""


@click.command(epilog=EPILOG)
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default="here",
    metavar="FOLDER",
    help="The folder that the new one is made in.",
)
@global_options
def new(name: str, into: Path) -> None:
    """Create a plugin to start from.

    NAME is the provider's kind: lower case letters, digits and hyphens. The new folder NAME holds the distribution
    dragoman-NAME: a small provider that passes its tests as it is, to change step by step.
    """
    from dragoman.template import create_plugin

    try:
        folder = create_plugin(name, into)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from None
    except FileExistsError as error:
        raise DragomanError(str(error)) from None
    except OSError as error:
        raise DragomanError(f"the plugin cannot be written: {error.filename}: {error.strerror}") from None
    write_line(str(folder))
    note(f"next: pip install 'dragoman[testing]' -e {folder}, then dragoman plugins check {name}")
