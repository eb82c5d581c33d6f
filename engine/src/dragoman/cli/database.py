"""``dragoman database``: the tables of the gateway's database, and bringing them up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dragoman.cli.group import CommandGroup
from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import write_json, write_line
from dragoman.cli.state import with_database

if TYPE_CHECKING:
    from dragoman.server.state.database import Database

EPILOG = """\b
Examples:
  dragoman database status
  dragoman database upgrade
"""


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def database() -> None:
    """Show and migrate the gateway's database."""


STATUS_EPILOG = """\b
Examples:
  dragoman database status
  dragoman database status --json | jq -e .current
"""


@database.command(epilog=STATUS_EPILOG)
@json_option
@global_options
@pass_invocation
def status(invocation: Invocation, /, as_json: bool) -> None:
    """Show where the database is and whether its tables are up to date."""

    async def read(opened: Database) -> tuple[str, str | None, str]:
        from dragoman.server.state.migrating import migration_status

        return (opened.place, *await migration_status(opened))

    place, version, newest = with_database(invocation, read)
    if as_json:
        write_json({"database": place, "version": version, "newest": newest, "current": version == newest})
        return
    write_line(f"database: {place}")
    write_line(f"version: {version or 'none, it is empty'}; {_verdict(version, newest)}")


UPGRADE_EPILOG = """\b
Examples:
  dragoman database upgrade

The gateway does this by itself when it starts, unless store.migrate is false.
"""


@database.command(epilog=UPGRADE_EPILOG)
@global_options
@pass_invocation
def upgrade(invocation: Invocation, /) -> None:
    """Bring the tables up to date, as a whole or not at all."""

    async def run(opened: Database) -> tuple[str | None, str]:
        from dragoman.server.state.migrating import upgrade as bring_up_to_date

        return await bring_up_to_date(opened)

    version, newest = with_database(invocation, run)
    write_line(
        f"version: {newest}; it was {version or 'empty'}" if version != newest else f"version: {newest}, as before"
    )


DOWNGRADE_EPILOG = """\b
Examples:
  dragoman database downgrade 0001 --yes
  dragoman database downgrade base --yes
"""


@database.command(epilog=DOWNGRADE_EPILOG)
@click.argument("version")
@click.option("--yes", is_flag=True, help="Needed: what the older tables have no place for is lost.")
@global_options
@pass_invocation
def downgrade(invocation: Invocation, /, version: str, yes: bool) -> None:
    """Take the tables back to a version, for an older dragoman; `base` drops all of them and what they hold."""
    if not yes:
        raise click.UsageError("what the older tables have no place for is lost; repeat it with --yes")

    async def run(opened: Database) -> str | None:
        from dragoman.server.state.migrating import downgrade as take_back
        from dragoman.server.state.migrating import migration_status

        await take_back(opened, version)
        return (await migration_status(opened)).version

    write_line(f"version: {with_database(invocation, run) or 'none, it is empty'}")


def _verdict(version: str | None, newest: str) -> str:
    return "up to date" if version == newest else f"{newest} is needed: dragoman database upgrade"
