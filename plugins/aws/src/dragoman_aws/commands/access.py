"""``dragoman bedrock access``: whether the account may use a model, and asking for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
from dragoman.cli.plugin import (
    Invocation,
    adapter_from,
    global_options,
    json_option,
    note,
    pass_invocation,
    table,
    write_json,
    write_line,
)

EPILOG = """\b
Examples:
  dragoman bedrock access my-model
  dragoman bedrock access my-model --json
  dragoman bedrock access my-model --request

NAME is an adapter of provider bedrock; for a profile every region that it reaches is asked. To request access is to
accept the terms of the model's offer on behalf of the account, which may cost money. Where a model's provider wants a
use case described first, AWS's console is the place. The exit code is 1 where access is missing.
"""


@click.command(epilog=EPILOG)
@click.argument("name", metavar="NAME|FILE")
@click.option("--request", is_flag=True, help="Request what is missing, after a confirmation.")
@click.option("--yes", is_flag=True, help="Confirm beforehand: the terms are accepted.")
@json_option
@global_options
@pass_invocation
@click.pass_context
def access(
    ctx: click.Context, invocation: Invocation, /, *, name: str, request: bool, yes: bool, as_json: bool
) -> None:
    """Show whether the account may use an adapter's model, and request it."""
    if yes and not request:
        raise click.BadParameter("it goes with --request", param_hint="'--yes'")
    with invocation.running() as running:
        states = running.run(_states(running.engine, name))
        missing = [state for state in states if state["usable"] is False]
        if request and missing and (yes or _confirmed(missing)):
            running.run(_request(running.engine, name, missing))
            states = running.run(_states(running.engine, name))
    if as_json:
        write_json({"access": states})
    else:
        rows = [(s["model"], s["region"], _word(s["usable"]), s["why_not"] or "-") for s in states]
        table(("MODEL", "REGION", "ACCESS", "WHY NOT"), rows)
        if not states:
            write_line("There is no model whose access could be asked.")
    if not all(state["usable"] for state in states):
        ctx.exit(1)


def _confirmed(missing: list[dict[str, Any]]) -> bool:
    models = ", ".join(sorted({state["model"] for state in missing}))
    question = f"Accept the terms of {models} on behalf of the account?"
    return click.confirm(question, default=False, err=True)


def _word(usable: bool | None) -> str:
    return {True: "granted", False: "missing", None: "not known"}[usable]


async def _states(engine: Any, name: str) -> list[dict[str, Any]]:
    from dragoman_aws.inspection.requesting import states_of

    resolved = await engine.resolve(await adapter_from(engine, name))
    return [dict(state) for state in await states_of(resolved.target, engine.context_of(resolved))]


async def _request(engine: Any, name: str, missing: Sequence[Mapping[str, Any]]) -> None:
    from dragoman_aws.inspection.requesting import request_access

    resolved = await engine.resolve(await adapter_from(engine, name))
    pairs = [(state["model"], state["region"]) for state in missing]
    for line in await request_access(resolved.target, engine.context_of(resolved), pairs):
        note(line)
