"""Commands that plugins bring, by entry points: listed from metadata alone, imported when they are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, NamedTuple

import click

from dragoman.cli.commands import OPEN_GROUPS
from dragoman.cli.options import global_options
from dragoman.errors import PluginError

if TYPE_CHECKING:
    from dragoman.settings import Settings

COMMAND_GROUP = "dragoman.commands"
PLUGIN_GROUP = "dragoman.plugins"


class OfferedCommand(NamedTuple):
    """A plugin's command: the entry point's name is the command's. ``problem`` says why it cannot be called.

    A dot in the name stands for a blank: ``export.acme`` is the command ``acme`` of the group ``export``.
    """

    name: str
    distribution: str
    version: str
    entry: EntryPoint
    problem: str | None = None

    @property
    def brought_by(self) -> str:
        """The distribution and its version, for a person."""
        return f"{self.distribution} {self.version}".strip() or "an unnamed distribution"

    @property
    def group(self) -> str:
        """The group that it is in; empty where that is the root, or where there is none that takes commands."""
        group = self.name.rpartition(".")[0]
        return group if group in OPEN_GROUPS else ""

    @property
    def own_name(self) -> str:
        """What it is called within its group."""
        return self.name.removeprefix(f"{self.group}.") if self.group else self.name


def offered_commands(group: str | None = None) -> list[OfferedCommand]:
    """Return the commands of all installed distributions, sorted by name; those that collide carry the problem.

    Args:
        group: One of :data:`~dragoman.cli.commands.OPEN_GROUPS`, for the commands in it; ``None`` = of all.
    """
    found = sorted(entry_points(group=COMMAND_GROUP), key=lambda e: (e.name, e.dist.name if e.dist else ""))
    counts = Counter(entry.name for entry in found)
    offered = [_offered(entry, _collision(entry.name, counts)) for entry in found]
    return [command for command in offered if group in (None, command.group)]


def load_offered(command: OfferedCommand, settings: Callable[[], Settings]) -> click.Command:
    """Import a plugin's command, and give it the options that every command takes.

    Args:
        command: What to import.
        settings: Returns the deployment's settings; a plugin that they block is not imported.

    Raises:
        PluginError: The name is taken, the plugin is blocked, its code fails, or its value is no command of click.
    """
    subject = f"the command {command.name!r} of {command.brought_by}"
    if command.problem is not None:
        raise PluginError(f"{subject} is not used: {command.problem}")
    if _is_blocked(command, settings()):
        raise PluginError(f"{subject} is blocked by the settings", hint="`dragoman config` shows plugins.block")
    try:
        loaded = command.entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may even call sys.exit while it is imported
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise PluginError(f"{subject} did not load: {reason}") from error
    if not isinstance(loaded, click.Command):
        raise PluginError(f"{subject} is a {type(loaded).__name__}, not a command of click")
    if not any("--config" in parameter.opts for parameter in loaded.params):
        global_options(loaded)
    return loaded


def _offered(entry: EntryPoint, problem: str | None) -> OfferedCommand:
    name, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
    return OfferedCommand(entry.name, name, version, entry, problem)


def _collision(name: str, counts: Counter[str]) -> str | None:
    group, _, own_name = name.rpartition(".")
    if group not in OPEN_GROUPS:
        return f"dragoman has no group {group!r} that takes commands"
    if own_name in OPEN_GROUPS[group]:
        return "dragoman has a command of that name"
    if counts[name] > 1:
        return "several plugins bring a command of that name, so none of them is used"
    return None


def _is_blocked(command: OfferedCommand, settings: Settings) -> bool:
    """Return whether every plugin of the command's distribution is blocked; without any, its own name counts."""
    allow, block = settings.plugins.allow, settings.plugins.block
    siblings = [e.name for e in entry_points(group=PLUGIN_GROUP) if e.dist and e.dist.name == command.distribution]
    names = siblings or [command.name]
    return all(name in block or (allow is not None and name not in allow) for name in names)
