"""``dragoman adapters validate``: whether documents hold, with every problem of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import write_json, write_line
from dragoman.errors import DocumentError, DragomanError, Problem

if TYPE_CHECKING:
    from dragoman.engine import Engine

EPILOG = """\b
Examples:
  dragoman adapters validate
  dragoman adapters validate my-model ./draft.yaml
  dragoman adapters validate config/adapters/*.yaml --json
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found out about one document; it holds where there are no problems. ``notes`` do no harm."""

    adapter: str
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


@click.command(epilog=EPILOG)
@click.argument("names", metavar="[NAME|FILE]...", nargs=-1)
@json_option
@global_options
@pass_invocation
@click.pass_context
def validate(ctx: click.Context, invocation: Invocation, /, names: Sequence[str], as_json: bool) -> None:
    """Check adapters; without a name, all that there are.

    Exits with 1 if one does not hold.
    """
    verdicts = invocation.run(lambda engine: _judge(engine, names))
    if as_json:
        write_json({"adapters": [_verdict_object(verdict) for verdict in verdicts]})
    else:
        for verdict in verdicts:
            _print_verdict(verdict)
        if not verdicts:
            write_line("There are no adapters.")
    if any(verdict.problems for verdict in verdicts):
        ctx.exit(1)


async def _judge(engine: Engine, names: Sequence[str]) -> list[Verdict]:
    if names:
        return [await _verdict(engine, name) for name in names]
    catalog = await engine.catalog()
    failed = [Verdict(f.where, (Problem("", f.reason.removeprefix(f"{f.where}: ")),)) for f in catalog.failures]
    return [*[await _verdict(engine, name) for name in catalog.entries], *failed]


async def _verdict(engine: Engine, name: str) -> Verdict:
    from dragoman.cli.references import adapter_from

    try:
        resolved = await engine.resolve(await adapter_from(engine, name))
    except DocumentError as error:
        return Verdict(name, error.problems)
    except DragomanError as error:
        return Verdict(name, (Problem("", error.message, error.hint),))
    return Verdict(name, notes=tuple(report.message for report in resolved.notes))


def _print_verdict(verdict: Verdict) -> None:
    write_line(f"{'failed' if verdict.problems else 'ok'}  {verdict.adapter}")
    for problem in verdict.problems:
        write_line(f"  {problem}")
    for told in verdict.notes:
        write_line(f"  note: {told}")


def _verdict_object(verdict: Verdict) -> dict[str, Any]:
    return {
        "adapter": verdict.adapter,
        "ok": not verdict.problems,
        "problems": [{"path": p.path, "message": p.message, "hint": p.hint} for p in verdict.problems],
        "notes": list(verdict.notes),
    }
