"""``dragoman adapters``: which there are, what they say, whether they hold, and how they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.group import CommandGroup
from dragoman.cli.importing import import_adapters
from dragoman.cli.inferring import infer
from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import json_text, note, table, write, write_json, write_line
from dragoman.cli.validation import validate

if TYPE_CHECKING:
    from dragoman.adapters import AdapterSummary, Listing
    from dragoman.engine import Engine
    from dragoman.resolve import Resolved

EPILOG = """\b
Examples:
  dragoman adapters list
  dragoman adapters show my-model --effective --origins
  dragoman adapters validate ./draft.yaml
  dragoman adapters diff my-model ./draft.yaml
"""


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def adapters() -> None:
    """List, show, check and compare adapters."""


adapters.add_command(validate)
adapters.add_command(import_adapters)
adapters.add_command(infer)


# --- list --------------------------------------------------------------------------------------------------------

LIST_EPILOG = """\b
Examples:
  dragoman adapters list
  dragoman adapters list --json | jq -r '.adapters[].name'
"""


@adapters.command("list", epilog=LIST_EPILOG)
@json_option
@global_options
@pass_invocation
def list_adapters(invocation: Invocation, /, as_json: bool) -> None:
    """List every adapter, and beside them what failed.

    An asterisk marks the default adapter.
    """
    listing = invocation.run(lambda engine: engine.adapters.list())
    if as_json:
        write_json(
            {
                "adapters": [_summary_object(summary) for summary in listing.adapters],
                "failures": [{"where": f.where, "reason": f.reason} for f in listing.failures],
            }
        )
    else:
        _print_listing(listing)


def _summary_object(summary: AdapterSummary) -> dict[str, Any]:
    return {name: getattr(summary, name) for name in summary.__dataclass_fields__}


def _print_listing(listing: Listing) -> None:
    rows = [
        (a.name + (" *" if a.default else ""), a.provider or "-", a.model or "-", a.source) for a in listing.adapters
    ]
    if rows:
        table(("NAME", "PROVIDER", "MODEL", "FROM"), rows)
    else:
        write_line("There are no adapters.")
    wrong = [(a.name, a.problem) for a in listing.adapters if a.problem] + [
        (f.where, f.reason) for f in listing.failures
    ]
    if wrong:
        write_line()
        table(("FAILED", "WHY"), wrong)


# --- show --------------------------------------------------------------------------------------------------------

SHOW_EPILOG = """\b
Examples:
  dragoman adapters show my-model
  dragoman adapters show ./draft.yaml --effective --json
  dragoman adapters show my-model --effective --origins
"""


@adapters.command(epilog=SHOW_EPILOG)
@click.argument("adapter", metavar="NAME|FILE")
@click.option("--effective", is_flag=True, help="With everything that it inherits.")
@click.option("--origins", is_flag=True, help="Where each value of the effective document comes from.")
@click.option("--json/--yaml", "as_json", default=None, help="The format; YAML unless --json is given.")
@global_options
@pass_invocation
def show(invocation: Invocation, /, adapter: str, effective: bool, origins: bool, as_json: bool | None) -> None:
    """Print an adapter as it was written, or as it takes effect."""
    if not effective and not origins:
        _print_document(invocation.run(lambda engine: _written(engine, adapter)), as_json=bool(as_json))
        return
    resolved = invocation.run(lambda engine: _effective(engine, adapter))
    if not origins:
        _print_document(resolved.document, as_json=bool(as_json))
    elif as_json:
        write_json({"document": resolved.document, "origins": resolved.origins})
    elif as_json is False:
        _print_document({"document": resolved.document, "origins": resolved.origins}, as_json=False)
    else:
        _print_origins(resolved)
    for report in resolved.notes:
        note(report.message)


async def _written(engine: Engine, text: str) -> Mapping[str, Any]:
    from dragoman.cli.references import adapter_from

    reference = await adapter_from(engine, text)
    return reference if isinstance(reference, Mapping) else (await engine.adapters.get(reference)).document


async def _effective(engine: Engine, text: str) -> Resolved:
    from dragoman.cli.references import adapter_from

    return await engine.adapters.effective(await adapter_from(engine, text))


def _print_document(document: Mapping[str, Any], *, as_json: bool) -> None:
    from dragoman.documents import write_document

    if as_json:
        write_json(document)
    else:
        write(write_document(document, ".yaml"))


def _print_origins(resolved: Resolved) -> None:
    rows = [(path, json_text(value), resolved.origins.get(path, "")) for path, value in _leaves(resolved.document)]
    table(("FIELD", "VALUE", "FROM"), rows)


def _leaves(document: Mapping[str, Any]) -> list[tuple[str, Any]]:
    from dragoman.merge import dotted, leaves, value_at

    return [(dotted(path), value_at(document, path)) for path in leaves(document)]


# --- schema ------------------------------------------------------------------------------------------------------

SCHEMA_EPILOG = """\b
Examples:
  dragoman adapters schema > adapter.schema.json
  dragoman adapters schema --provider local
"""


@adapters.command(epilog=SCHEMA_EPILOG)
@click.option("--provider", metavar="KIND", help="Only what this provider adds or narrows.")
@global_options
@pass_invocation
def schema(invocation: Invocation, /, provider: str | None) -> None:
    """Print the JSON Schema of an adapter document."""
    write_json(invocation.run(lambda engine: _schema(engine, provider)))


async def _schema(engine: Engine, provider: str | None) -> dict[str, Any]:
    whole = await engine.adapters.schema()
    if provider is None:
        return whole
    kind = engine.plugins.provider(provider).kind
    branch = next(b for b in whole["allOf"] if b["if"]["properties"]["provider"]["const"] == kind)
    own = (f"connection.{kind}", f"inference.{kind}")
    return {
        "$schema": whole["$schema"],
        "title": f"What the provider {kind} adds to an adapter document",
        "type": "object",
        **branch["then"],
        "properties": {"provider": {"const": kind}, **branch["then"]["properties"]},
        "$defs": {
            name: definition
            for name, definition in whole["$defs"].items()
            if name in own or name.startswith(tuple(f"{part}." for part in own))
        },
    }


# --- diff --------------------------------------------------------------------------------------------------------

DIFF_EPILOG = """\b
Examples:
  dragoman adapters diff my-model my-model-exact
  dragoman adapters diff my-model ./draft.yaml --json
"""


@adapters.command(epilog=DIFF_EPILOG)
@click.argument("left", metavar="NAME|FILE")
@click.argument("right", metavar="NAME|FILE")
@json_option
@global_options
@pass_invocation
def diff(invocation: Invocation, /, left: str, right: str, as_json: bool) -> None:
    """Compare two adapters, field by field, as they take effect."""
    first, second = invocation.run(lambda engine: _both(engine, left, right))
    differences = _differences(first.document, second.document)
    if as_json:
        shown = [{"path": path, "left": one, "right": other} for path, one, other in differences]
        write_json({"left": left, "right": right, "differences": shown})
    elif differences:
        table(("FIELD", left, right), [(path, _cell(one), _cell(other)) for path, one, other in differences])
    else:
        write_line("There is no difference.")


async def _both(engine: Engine, left: str, right: str) -> tuple[Resolved, Resolved]:
    return await _effective(engine, left), await _effective(engine, right)


def _differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> Sequence[tuple[str, Any, Any]]:
    """Return path and both values of each field that differs; ``None`` where a side has none."""
    one, other = dict(_leaves(left)), dict(_leaves(right))
    paths = dict.fromkeys([*one, *other])
    return [(path, one.get(path), other.get(path)) for path in paths if one.get(path) != other.get(path)]


def _cell(value: Any) -> str:
    return "-" if value is None else json_text(value)
