"""``dragoman inference``: the named settings that adapters share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.group import CommandGroup
from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import json_text, note, table, write, write_json, write_line

if TYPE_CHECKING:
    from dragoman.adapters import ConfigurationSummary, ConfigurationUse
    from dragoman.catalog import Failure
    from dragoman.engine import Engine

EPILOG = """\b
Examples:
  dragoman inference list
  dragoman inference show precise
  dragoman inference apply precise --to my-model
"""


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def inference() -> None:
    """List, show and apply inference configurations."""


# --- list --------------------------------------------------------------------------------------------------------

LIST_EPILOG = """\b
Examples:
  dragoman inference list
  dragoman inference list --json | jq -r '.configurations[].name'
"""


@inference.command("list", epilog=LIST_EPILOG)
@json_option
@global_options
@pass_invocation
def list_configurations(invocation: Invocation, /, as_json: bool) -> None:
    """List every inference configuration, and beside them what failed."""
    found, failures = invocation.run(_listed)
    if as_json:
        shown = [{**_object(summary), "source": summary.source} for summary in found]
        write_json({"configurations": shown, "failures": [{"where": f.where, "reason": f.reason} for f in failures]})
        return
    if found:
        rows = [(c.name, _settings(c), c.description or "-", c.source) for c in found]
        table(("NAME", "SETTINGS", "DESCRIPTION", "FROM"), rows)
    else:
        write_line("There are no inference configurations.")
    if failures:
        write_line()
        table(("FAILED", "WHY"), [(f.where, f.reason) for f in failures])


async def _listed(engine: Engine) -> tuple[tuple[ConfigurationSummary, ...], list[Failure]]:
    found = await engine.adapters.configurations()
    folder = engine.settings.inference_folder
    failures = (await engine.catalog()).failures
    return found, [f for f in failures if folder is not None and f.where.startswith(str(folder))]


def _settings(summary: ConfigurationSummary) -> str:
    return ", ".join(f"{name}={json_text(value)}" for name, value in summary.settings.items()) or "-"


# --- show --------------------------------------------------------------------------------------------------------

SHOW_EPILOG = """\b
Examples:
  dragoman inference show precise
  dragoman inference show precise --json
"""


@inference.command(epilog=SHOW_EPILOG)
@click.argument("name")
@json_option
@global_options
@pass_invocation
def show(invocation: Invocation, /, name: str, as_json: bool) -> None:
    """Print an inference configuration, in the spelling of adapter documents."""
    _print(_object(invocation.run(lambda engine: engine.adapters.configuration(name))), as_json=as_json)


def _object(summary: ConfigurationSummary) -> dict[str, Any]:
    described = {"description": summary.description} if summary.description else {}
    return {"name": summary.name, **described, **summary.settings}


def _print(document: Any, *, as_json: bool) -> None:
    from dragoman.documents import write_document

    if as_json:
        write_json(document)
    else:
        write(write_document(document, ".yaml"))


# --- apply -------------------------------------------------------------------------------------------------------

APPLY_EPILOG = """\b
Examples:
  dragoman inference apply precise --to my-model
  dragoman inference apply precise --to my-model --dry-run
"""


@inference.command(epilog=APPLY_EPILOG)
@click.argument("name")
@click.option("--to", "adapter", metavar="ADAPTER", required=True, help="The adapter that uses it from now on.")
@click.option("--dry-run", is_flag=True, help="Check it and print the adapter's document, write nothing.")
@json_option
@global_options
@pass_invocation
def apply(invocation: Invocation, /, name: str, adapter: str, dry_run: bool, as_json: bool) -> None:
    """Let an adapter use an inference configuration.

    Its file is written anew, without comments. What the adapter says itself stays over the configuration.
    """
    used = invocation.run(lambda engine: engine.adapters.use_configuration(adapter, name, write=not dry_run))
    if as_json:
        write_json(_use_object(used))
        return
    if used.path is None:
        _print(used.document, as_json=False)
    else:
        write_line(f"{used.document['name']} uses {name}: {used.path}")
    if used.overruled:
        note(f"the adapter has values of its own, which stay: {', '.join(f'inference.{s}' for s in used.overruled)}")


def _use_object(used: ConfigurationUse) -> dict[str, Any]:
    path = None if used.path is None else str(used.path)
    return {"document": dict(used.document), "path": path, "overruled": list(used.overruled)}
