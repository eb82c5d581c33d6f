"""``dragoman doctor``: what stands between an adapter and an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.failures import EXIT_FAILED
from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import write_json, write_line

if TYPE_CHECKING:
    from dragoman.cli.invocation import Running
    from dragoman.inspection import CheckStep

EPILOG = """\b
Examples:
  dragoman doctor my-model
  dragoman doctor ./draft.yaml
  dragoman doctor my-model other-model --json
  dragoman doctor --all

Each adapter is checked until the first step that fails; that one says what to do. The last step is a call of one token,
which the provider may charge. The exit code is 0 where every adapter answers.
"""

_MARKS = {"ok": "ok", "failed": "FAILED", "skipped": "skipped"}


@click.command(epilog=EPILOG)
@click.argument("names", metavar="[NAME|FILE]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Check every adapter.")
@click.option("--set", "assignments", metavar="PATH=VALUE", multiple=True, help="Change one value; null removes it.")
@json_option
@global_options
@pass_invocation
@click.pass_context
def doctor(
    ctx: click.Context,
    invocation: Invocation,
    /,
    *,
    names: Sequence[str],
    every: bool,
    assignments: Sequence[str],
    as_json: bool,
) -> None:
    """Check adapters step by step, up to a call of one token.

    Without a name, the default adapter.
    """
    from dragoman.cli.patches import override_from

    if every and names:
        raise click.BadParameter("it goes without names", param_hint="'--all'")
    override = override_from((), assignments)
    with invocation.running() as running:
        wanted: list[str | None] = list(running.run(_every(running))) if every else list(names) or [None]
        checked = [running.run(_check(running, name, override, as_json=as_json)) for name in wanted]
    if as_json:
        write_json({"adapters": checked})
    elif not checked:
        write_line("There are no adapters.")
    if not all(one["ok"] for one in checked):
        ctx.exit(EXIT_FAILED)


async def _every(running: Running) -> list[str]:
    """Return every adapter's name, those that could not be read as well."""
    catalog = await running.engine.catalog()
    return [*catalog.entries, *(failure.where for failure in catalog.failures)]


async def _check(running: Running, name: str | None, override: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    from contextlib import aclosing

    from dragoman.cli.references import adapter_from
    from dragoman.errors import DragomanError
    from dragoman.inspection import CheckStep

    engine = running.engine
    shown = name or engine.settings.default_adapter or "(no adapter)"
    if not as_json:
        write_line(shown)
    steps: list[CheckStep] = []
    try:
        adapter = None if name is None else await adapter_from(engine, name)
        async with aclosing(engine.check(adapter, override or None)) as found:
            async for step in found:
                steps.append(step)
                if not as_json:
                    _print(step)
    except DragomanError as error:  # no document, or secrets that cannot be read at all
        steps.append(CheckStep.failed("document", error))
        if not as_json:
            _print(steps[-1])
    is_well = steps[-1].state != "failed"
    return {"adapter": shown, "ok": is_well, "steps": [step.as_dict() for step in steps]}


def _print(step: CheckStep) -> None:
    write_line(f"  {_MARKS[step.state]:7}  {step.name}: {step.message}")
    if step.hint:
        write_line(f"           {step.hint}")
