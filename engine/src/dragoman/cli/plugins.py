"""``dragoman plugins``: what discovery found, what each plugin brings, and two commands for authors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.checking import check
from dragoman.cli.creating import new
from dragoman.cli.group import CommandGroup
from dragoman.cli.invocation import Invocation
from dragoman.cli.offered import OfferedCommand, offered_commands
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import table, write_json, write_line

if TYPE_CHECKING:
    from dragoman.plugins import LoadedPlugin, Plugins

EPILOG = """\b
Examples:
  dragoman plugins
  dragoman plugins --json | jq -r '.failed[].reason'
  dragoman plugins check my-plugin
  dragoman plugins new my-server
"""


@click.group(cls=CommandGroup, epilog=EPILOG, invoke_without_command=True)
@json_option
@global_options
@pass_invocation
@click.pass_context
def plugins(ctx: click.Context, invocation: Invocation, /, as_json: bool) -> None:
    """Show the plugins that loaded and those that failed."""
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError("--json goes behind the command's name", ctx)
        return
    from dragoman.plugins import load_plugins

    chosen = invocation.settings().plugins
    found = load_plugins(allow=chosen.allow, block=chosen.block)
    commands = offered_commands()
    if as_json:
        write_json(_object(found, commands))
    else:
        _print(found, commands)


plugins.add_command(check)
plugins.add_command(new)


def _object(found: Plugins, commands: list[OfferedCommand]) -> dict[str, Any]:
    return {
        "loaded": [_loaded_object(plugin) for plugin in found.loaded],
        "failed": [{name: getattr(f, name) for name in f.__dataclass_fields__} for f in found.failed],
        "blocked": list(found.blocked),
        "commands": [
            {"name": c.name, "distribution": c.distribution, "version": c.version, "problem": c.problem}
            for c in commands
        ],
    }


def _loaded_object(plugin: LoadedPlugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "providers": [
            {"kind": d.kind, "title": d.title, "operations": list(d.operations), "native": d.native}
            for d in plugin.providers
        ],
        "secret_sources": [{"kind": d.kind, "title": d.title} for d in plugin.secret_sources],
        "importers": [{"name": d.name, "title": d.title} for d in plugin.importers],
    }


def _print(found: Plugins, commands: list[OfferedCommand]) -> None:
    if found.loaded:
        table(("PLUGIN", "DISTRIBUTION", "VERSION", "BRINGS"), [_row(plugin) for plugin in found.loaded])
    else:
        write_line("No plugin is loaded, so there is no provider; install one with pip.")
    if found.failed:
        write_line()
        failed = [(f.name, f.distribution or "-", f.version or "-", f.reason) for f in found.failed]
        table(("FAILED", "DISTRIBUTION", "VERSION", "WHY"), failed)
    if commands:
        write_line()
        rows = [(c.name, c.distribution or "-", c.version or "-", c.problem or "usable") for c in commands]
        table(("COMMAND", "DISTRIBUTION", "VERSION", "STATE"), rows)
    if found.blocked:
        write_line()
        write_line(f"blocked by the settings: {', '.join(found.blocked)}")


def _row(plugin: LoadedPlugin) -> tuple[str, str, str, str]:
    kinds = [*(d.kind for d in plugin.providers), *(d.kind for d in plugin.secret_sources)]
    kinds += [f"import from {d.name}" for d in plugin.importers]
    return plugin.name, plugin.distribution or "-", plugin.version or "-", ", ".join(kinds) or "-"
