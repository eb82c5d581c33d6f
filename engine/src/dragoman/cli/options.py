"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from dragoman.cli.invocation import Invocation

F = TypeVar("F", bound=Callable[..., Any])

pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def _take(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value and parameter.name:
        setattr(ctx.ensure_object(Invocation), parameter.name, value)


_GLOBAL = (
    click.option(
        "--config", metavar="PATH", expose_value=False, callback=_take, help="The dragoman.toml, or its folder."
    ),
    click.option("--stage", metavar="STAGE", expose_value=False, callback=_take, help="Overrule the stage."),
    click.option(
        "--debug", is_flag=True, expose_value=False, callback=_take, help="Show the log, and where an error came from."
    ),
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


var_option = click.option("--var", "pairs", metavar="NAME=VALUE", multiple=True, help="The value of a variable.")


def values_of(pairs: Sequence[str]) -> dict[str, str]:
    """Return the values that ``--var`` gives, by the variable's name."""
    values = {}
    for pair in pairs:
        name, found, value = pair.partition("=")
        if not found or not name:
            raise click.BadParameter("NAME=VALUE is expected", param_hint="'--var'")
        values[name.strip()] = value
    return values


def global_options(command: F) -> F:
    """Add the options that every command takes, before or after its name."""
    for option in reversed(_GLOBAL):
        command = option(command)
    return command
