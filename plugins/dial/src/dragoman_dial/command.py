"""``dragoman export dial``: adapters as the ``models`` of an AI DIAL configuration."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click
from dragoman.errors import DragomanError, Problem

if TYPE_CHECKING:
    from dragoman import Engine

EPILOG = """\b
Examples:
  dragoman export dial --base-url http://dragoman.llm.svc > models.json
  dragoman export dial claude gpt --key-name DIAL_GATEWAY_KEY

\b
How to connect the two:
  1. dragoman keys create --name dial --project dial     makes the gateway's key for DIAL
  2. add what this prints to an aidial.config.json, with that key in the place of ${DRAGOMAN_API_KEY}
  3. DIAL reads it within a minute; it sends the key as X-UPSTREAM-KEY, which the gateway takes
"""


def _address(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", value):
        raise click.BadParameter("an address such as http://dragoman.llm.svc is expected, without a query or a user")
    return value


def _variable(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", value):
        raise click.BadParameter("a name in capitals is expected, and never a key itself")
    return value


@click.command(epilog=EPILOG)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--base-url",
    default="http://dragoman",
    show_default=True,
    callback=_address,
    help="The gateway's address, as DIAL reaches it.",
)
@click.option(
    "--key-name",
    default="DRAGOMAN_API_KEY",
    show_default=True,
    callback=_variable,
    help="What stands for the gateway's key: written as ${NAME}, for you to fill in.",
)
@click.pass_obj
def dial(invocation: Any, /, names: tuple[str, ...], base_url: str, key_name: str) -> None:
    """Print adapters as models of AI DIAL.

    DIAL then uses this gateway as one of its adapters. All adapters that can be called are printed, or those that are
    named. What DIAL has no word for is told on stderr.
    """
    from dragoman_dial.exporting import export_models

    documents, notes = invocation.run(lambda engine: _documents(engine, names))
    exported = export_models(documents, base_url, f"${{{key_name}}}")
    click.echo(json.dumps({"models": exported.models}, indent=2))
    for told in [*notes, *exported.notes]:
        click.echo(f"note: {told}", err=True)


async def _documents(engine: Engine, names: tuple[str, ...]) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Return the effective documents; what is not named and cannot be called is noted, what is named must be there."""
    catalog = await engine.catalog()
    documents, notes = [], []
    for name in [catalog.find(name).name for name in names] or catalog.entries:
        try:
            resolved = await engine.resolve(name)
        except DragomanError as error:
            if names:
                raise
            notes.append(Problem(name, f"is left out: {error}"))
        else:
            documents.append({**resolved.document, "name": name})
    return documents, notes
