"""The groups of commands: ours from a table, those of plugins from the metadata of their distributions."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.commands import OPEN_GROUPS, TableEntry
from dragoman.cli.invocation import Invocation
from dragoman.cli.offered import OfferedCommand, load_offered, offered_commands

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: Longer than any line of help, so that click does not cut one.
UNCUT = 1000


class CommandGroup(click.Group):
    """A group that says what is missing when it is called alone, and shows each command's whole first line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Print the help and fail where no command is named."""
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        write_section(formatter, "Commands", [(name, c.get_short_help_str(UNCUT)) for name, c in commands if c])


class OpenGroup(CommandGroup):
    """A group that takes commands of plugins. Listing its commands imports none of them, of ours or of a plugin.

    Args:
        place: Its key in :data:`~dragoman.cli.commands.OPEN_GROUPS`.
    """

    def __init__(self, *args: Any, place: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.place = place
        self.table: Mapping[str, TableEntry] = OPEN_GROUPS[place]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every name that can be called."""
        return sorted([*self.table, *(c.own_name for c in self._offered() if c.problem is None)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; raise where a plugin's cannot be used."""
        if entry := self.table.get(cmd_name):
            module, _, attribute = entry.target.partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        offered = next((c for c in self._offered() if c.own_name == cmd_name), None)
        if offered is None:
            return None
        return load_offered(offered, ctx.ensure_object(Invocation).settings)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table and the distributions' metadata."""
        write_section(formatter, "Commands", [(name, entry.short_help) for name, entry in self.table.items()])
        offered = self._offered()
        usable = [(c.own_name, f"from {c.brought_by}") for c in offered if c.problem is None]
        refused = [(c.own_name, f"from {c.brought_by}: {c.problem}") for c in offered if c.problem is not None]
        write_section(formatter, "Commands of plugins", usable)
        write_section(formatter, "Refused commands of plugins", refused)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names without importing the commands behind them."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return names or click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> None:
        """Run a command. What it returns is no exit code."""
        super().invoke(ctx)

    def _offered(self) -> list[OfferedCommand]:
        return offered_commands(self.place)


def write_section(formatter: click.HelpFormatter, title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Write one section of a help text; nothing where it has no rows."""
    rows = list(rows)
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)
