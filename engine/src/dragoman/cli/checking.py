"""``dragoman plugins check``: whether an installed plugin keeps its contract."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import click

from dragoman.cli.failures import EXIT_FAILED
from dragoman.cli.options import global_options, json_option
from dragoman.cli.output import note, table, write_json, write_line
from dragoman.errors import DragomanError, PluginError

EPILOG = """\b
Examples:
  dragoman plugins check my-plugin
  dragoman plugins check my-plugin -k stream
  dragoman plugins check my-plugin --json | jq -r '.checked[].failed[][0]'
"""

#: What the contract kit is run with: the extra ``testing``.
NEEDED = ("pytest", "pytest_asyncio", "jsonschema")

#: The kit runs in a process of its own: the command does not import it, and a plugin that misbehaves ends nothing else.
KIT = (sys.executable, "-P", "-m", "dragoman.testing.outside")


@click.command(epilog=EPILOG)
@click.argument("name")
@click.option("-k", "match", metavar="EXPRESSION", help="Only the tests that match, as pytest's -k.")
@json_option
@global_options
@click.pass_context
def check(ctx: click.Context, /, name: str, match: str | None, as_json: bool) -> None:
    """Hold an installed plugin to the contract.

    NAME is what `dragoman plugins` lists. Checked are its description, and every case that it ships (entry points of
    the group dragoman.cases). The plugin talks to a server on this machine; nothing is sent elsewhere. The
    exit code is 0 where it keeps the contract.
    """
    result = _run(name, match)
    if as_json:
        write_json(result)
    else:
        _print(result)
    if not result["kept"]:
        ctx.exit(EXIT_FAILED)


def _run(name: str, match: str | None) -> dict[str, Any]:
    if missing := [module for module in NEEDED if find_spec(module) is None]:
        raise DragomanError(
            f"the contract kit needs {', '.join(missing)}", hint="install it: pip install 'dragoman[testing]'"
        )
    arguments = [name] if match is None else [name, match]
    done = subprocess.run([*KIT, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    try:
        result: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines() or [f"the check ended with code {done.returncode} and said nothing"]
        raise PluginError(said[-1]) from None
    return result


def _print(result: dict[str, Any]) -> None:
    write_line(f"{result['plugin']} ({result['distribution']} {result['version']})")
    write_line()
    rows = [
        (
            c["name"],
            c["provider"] or "-",
            c["contract"],
            str(c["passed"]),
            str(len(c["failed"])),
            str(len(c["skipped"])),
        )
        for c in result["checked"]
    ]
    table(("CASE", "PROVIDER", "CONTRACT", "PASSED", "FAILED", "SKIPPED"), rows)
    failed = [(c["name"], test, why) for c in result["checked"] for test, why in c["failed"]]
    if failed:
        write_line()
        table(("FAILED", "TEST", "WHY"), failed)
    write_line()
    write_line(_verdict(result))
    for line in result["unchecked"]:
        note(line)


def _verdict(result: dict[str, Any]) -> str:
    if not result["kept"]:
        return "The contract is not kept."
    return "What was checked is kept." if result["unchecked"] else "The contract is kept."
