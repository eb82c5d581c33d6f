"""``dragoman secrets``: the names that are there and where they come from, never a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import table, write_json, write_line
from dragoman.errors import DragomanError

if TYPE_CHECKING:
    from dragoman.engine import Engine
    from dragoman.secrets import SecretListing, SecretProblem

EPILOG = """\b
Examples:
  dragoman secrets
  dragoman secrets --json | jq -r '.secrets[] | select(.source == null).name'
"""

# Where somebody wrote a key in place of its name, the key must not be listed.
_LIKE_A_NAME = re.compile(r"(?!.*[A-Za-z0-9]{24})[A-Za-z_][A-Za-z0-9_. /:-]*")


class Found(NamedTuple):
    """The secrets of a deployment; ``needed`` maps a name to the adapters that ask for it."""

    sources: tuple[str, ...]
    listing: list[SecretListing]
    problems: tuple[SecretProblem, ...]
    needed: dict[str, list[str]]


@click.command(epilog=EPILOG)
@json_option
@global_options
@pass_invocation
def secrets(invocation: Invocation, /, as_json: bool) -> None:
    """Show which secrets are present, never a value.

    Lists the names that the sources bring and those that adapters ask for. A name that is in several places is taken
    from the first.
    """
    found = invocation.run(_find)
    if as_json:
        write_json(_object(found))
    else:
        _print(found)


async def _find(engine: Engine) -> Found:
    needed: dict[str, list[str]] = {}
    for name in (await engine.catalog()).entries:
        try:
            credentials = (await engine.resolve(name)).target.credentials
        except DragomanError:  # `adapters list` tells of it
            continue
        for secret in filter(_LIKE_A_NAME.fullmatch, credentials.values()):
            needed.setdefault(secret, []).append(name)
    snapshot = await engine.secrets.load()
    return Found(snapshot.sources, snapshot.listing(needed), snapshot.problems, needed)


def _object(found: Found) -> dict[str, Any]:
    return {
        "sources": list(found.sources),
        "secrets": [
            {
                "name": row.name,
                "source": row.source,
                "also_in": list(row.also_in),
                "adapters": found.needed.get(row.name, []),
            }
            for row in found.listing
        ],
        "problems": [{"source": p.source, "name": p.name, "message": p.message} for p in found.problems],
    }


def _print(found: Found) -> None:
    rows = [
        (row.name, row.source or "absent", ", ".join(row.also_in) or "-", ", ".join(found.needed.get(row.name, ["-"])))
        for row in found.listing
    ]
    if rows:
        table(("NAME", "FROM", "ALSO IN", "FOR"), rows)
    else:
        write_line(f"There are no secrets; sources: {', '.join(found.sources) or 'none'}, process environment.")
    if found.problems:
        write_line()
        table(("ABOUT", "NAME", "WHAT"), [(p.source, p.name or "-", p.message) for p in found.problems])
