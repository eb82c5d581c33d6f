"""``dragoman database``: the tables of the gateway's database, and bringing them up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dragoman.cli.group import CommandGroup
from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import table, write_json, write_line
from dragoman.cli.state import whoever_runs_this, with_database, with_state

if TYPE_CHECKING:
    from dragoman.server.state import Expired, Retention, State
    from dragoman.server.state.database import Database

EPILOG = """\b
Examples:
  dragoman database status
  dragoman database upgrade
  dragoman database prune --ledger-days 400 --dry-run
"""


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def database() -> None:
    """Show, migrate and prune the gateway's database."""


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


PRUNE_EPILOG = """\b
Examples:
  dragoman database prune --ledger-days 400 --audit-days 800 --dry-run
  dragoman database prune --yes

The gateway does this by itself where store.ledger_days or store.audit_days say so. SQLite's file does not shrink: what
becomes free in it is used again.
"""


@database.command(epilog=PRUNE_EPILOG)
@click.option("--ledger-days", type=click.IntRange(1, 36500), help="Keep calls so long. [default: store.ledger_days]")
@click.option(
    "--audit-days", type=click.IntRange(1, 36500), help="Keep the audit log so long. [default: store.audit_days]"
)
@click.option("--dry-run", is_flag=True, help="Show the plan and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@global_options
@pass_invocation
def prune(
    invocation: Invocation,
    /,
    *,
    ledger_days: int | None,
    audit_days: int | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove booked calls and entries of the audit log that are older than they are kept.

    The plan is shown first. Whole days are removed, in small transactions beside a gateway that runs; what is removed
    is gone.
    """

    def kept(state: State) -> Retention:
        from dragoman.server.state import Retention

        store = state.settings.store
        days = ledger_days or store.ledger_days, audit_days or store.audit_days
        return Retention(state.database, state.audit, *days)

    planned = with_state(invocation, lambda state: kept(state).plan())
    if not planned:
        raise click.UsageError("nothing says how long to keep: give --ledger-days or --audit-days, or set them")
    if not as_json:
        table(("WHAT", "BEFORE", "ROWS"), [(one.what, f"{one.before:%Y-%m-%d}", str(one.rows)) for one in planned])
    rows = sum(one.rows for one in planned)
    if rows and not dry_run:
        if not yes:
            click.confirm(f"Remove {rows} rows?", abort=True, err=True)
        done = with_state(invocation, lambda state: kept(state).prune(whoever_runs_this()))
    else:
        done = []
    if as_json:
        write_json({"planned": [_as_dict(one) for one in planned], "removed": [_as_dict(one) for one in done]})
    else:
        write_line(f"removed: {sum(one.rows for one in done)} rows")


def _as_dict(expired: Expired) -> dict[str, str | int]:
    return {"what": expired.what, "before": expired.before.isoformat(), "rows": expired.rows}


def _verdict(version: str | None, newest: str) -> str:
    return "up to date" if version == newest else f"{newest} is needed: dragoman database upgrade"
