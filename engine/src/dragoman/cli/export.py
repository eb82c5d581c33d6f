"""``dragoman export``: this deployment in the words of other systems. Ours from a table, others from plugins."""

from __future__ import annotations

import click

from dragoman.cli.group import OpenGroup
from dragoman.cli.options import global_options

EPILOG = """\b
Examples:
  dragoman export kubernetes > dragoman.yaml
  dragoman export kubernetes --help
"""


@click.group(cls=OpenGroup, place="export", epilog=EPILOG)
@global_options
def export() -> None:
    """Write this deployment for other systems.

    What is printed holds names of secrets, never a value. Plugins add systems of their own.
    """
