"""``dragoman usage``: what was used, by whom, and what it cost."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import note, table, write, write_json, write_line
from dragoman.cli.state import when, with_state

if TYPE_CHECKING:
    from dragoman.server.state import State, UsageGroup, UsageReport

EPILOG = """\b
Examples:
  dragoman usage
  dragoman usage --by project --by adapter --since 7d
  dragoman usage --by day --only project=search --since 2026-11-01 --until 2026-12-01
  dragoman usage --by model --by tag:team --since 2026-11-01
  dragoman usage --by key --csv > usage.csv
  dragoman usage --json | jq '.total.costs'

Days begin at midnight UTC. Cost is by the pricing that each adapter had when it was called; UNPRICED counts the
calls whose adapter has none. Percentiles are right to 5 %. Calls of the last second may be missing.
"""

#: Written here as well, so that ``--help`` need not import the database; a test holds them equal.
DIMENSIONS = (
    "day", "project", "key", "principal", "adapter", "provider", "model", "base_model", "upstream", "operation",
)  # fmt: skip


def _dimensions(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for name in given:
        _check_dimension(name)
    return given


def _check_dimension(name: str) -> None:
    from dragoman.adapter import TAG_KEY_PATTERN  # pydantic with it, which --help has no use for

    if name not in DIMENSIONS and not (name.startswith("tag:") and TAG_KEY_PATTERN.fullmatch(name[4:])):
        raise click.BadParameter(f"{name!r} is not one of {', '.join(DIMENSIONS)}, tag:NAME")


@click.command(epilog=EPILOG)
@click.option(
    "--by",
    "by",
    callback=_dimensions,
    metavar="WHAT",
    multiple=True,
    help=f"What to group by: {', '.join(DIMENSIONS)}, or tag:NAME for a tag of the adapters; day unless given. "
    "Repeatable.",
)
@click.option(
    "--since", callback=when(), metavar="WHEN", default="30d", show_default=True, help="2026-11-01, or 7d ago."
)
@click.option("--until", callback=when(), metavar="WHEN", help="Only calls that began before; now unless given.")
@click.option("--only", multiple=True, metavar="WHAT=VALUE", help="For example project=search. Repeatable.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one line per group and currency.")
@json_option
@global_options
@pass_invocation
def usage(invocation: Invocation, /, **given: Any) -> None:
    """Show what was used and what it cost.

    One line per group, and the total of all.
    """
    as_csv, as_json = given.pop("as_csv"), given.pop("as_json")
    if as_csv and as_json:
        raise click.UsageError("--csv and --json contradict each other")
    given["only"] = _wanted(given["only"])
    given["by"] = given["by"] or ("day",)

    async def read(state: State) -> UsageReport:
        from dragoman.server.state import UsageQuery

        kept_since = state.retention.kept_since("ledger")
        if kept_since is not None and given["since"] < kept_since:
            note(f"calls from before {kept_since:%Y-%m-%d} are not kept (store.ledger_days)")
        return await state.ledger.usage(UsageQuery(**given))

    report = with_state(invocation, read)
    since, until = given["since"], given["until"]
    if as_json:
        write_json({"since": since.isoformat(), "until": until.isoformat() if until else None, **report.as_dict()})
    elif as_csv:
        from dragoman.server.state.ledger.usage_csv import usage_csv

        write(usage_csv(report))
    else:
        _print_table(report)


def _wanted(only: tuple[str, ...]) -> dict[str, str]:
    wanted = {}
    for text in only:
        name, separator, value = text.partition("=")
        if not separator:
            raise click.BadParameter(f"{text!r} has no value; write for example project=search or tag:team=a")
        _check_dimension(name)
        if name == "day":
            try:
                dt.date.fromisoformat(value)
            except ValueError:
                raise click.BadParameter(f"{value!r} is no day; write 2026-11-28") from None
        wanted[name] = value
    return wanted


def _print_table(report: UsageReport) -> None:
    if not report.total.requests:
        write_line("Nothing was used.")
        return
    headers = [
        *(name.upper() for name in report.by),
        "CALLS",
        "ERRORS",
        "IN",
        "OUT",
        "COST",
        "UNPRICED",
        "P50 S",
        "P95 S",
    ]
    rows = [[*(group.key[name] or "-" for name in report.by), *_figures(group)] for group in report.groups]
    total = ["TOTAL", *[""] * (len(report.by) - 1), *_figures(report.total)]
    table(headers, [*rows, total])


def _figures(group: UsageGroup) -> list[str]:
    costs = [f"{amount:.6f} {currency}".strip() for currency, amount in sorted(group.costs.items())]
    return [
        str(group.requests),
        str(group.errors),
        str(group.input_tokens),
        str(group.output_tokens),
        " + ".join(costs) or "-",
        str(group.unpriced),
        *(f"{seconds:.2f}" if seconds is not None else "-" for seconds in map(group.percentile_s, (0.5, 0.95))),
    ]
