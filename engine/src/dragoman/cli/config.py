"""``dragoman config``: every setting of the deployment."""

from __future__ import annotations

import click

from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import json_text, table, write_json, write_line

EPILOG = """\b
Examples:
  dragoman config
  dragoman config --config deploy/dragoman.toml --json
  DRAGOMAN_STAGE=dev dragoman config
"""


@click.command(epilog=EPILOG)
@json_option
@global_options
@pass_invocation
def config(invocation: Invocation, /, as_json: bool) -> None:
    """Show every setting and where its value comes from.

    The later wins: default, dragoman.toml, DRAGOMAN_* environment, flag.
    """
    settings = invocation.settings()
    rows = settings.origins()
    if as_json:
        write_json(
            {
                "file": str(settings.file) if settings.file else None,
                "settings": [row._asdict() for row in rows],
                "unknown_environment": settings.unknown_environment,
            }
        )
        return
    write_line(f"file: {settings.file or 'none; see dragoman config --help'}")
    write_line()
    table(("SETTING", "VALUE", "FROM"), [(row.name, json_text(row.value), row.origin) for row in rows])
    for variable in settings.unknown_environment:
        write_line(f"{variable} is set and is no setting; it is ignored")
