"""``dragoman models``: what the providers say can be called, and an adapter out of a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.failures import EXIT_FAILED
from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import error_line, note, table, write, write_json, write_line
from dragoman.errors import DragomanError

if TYPE_CHECKING:
    from dragoman.engine import Engine
    from dragoman.inspection import ListedModel, ModelList
    from dragoman.listing import Listed

EPILOG = """\b
Examples:
  dragoman models
  dragoman models --provider local
  dragoman models --adapter my-model --invokable
  dragoman models --adapter my-model --json | jq -r '.lists[].models[].id'
  dragoman models --adapter my-model --write-adapter gpt-5-mini > config/adapters/gpt-5-mini.yaml

The lists are those of the adapters' connections, read now and as their identities; a list that cannot be read is told
beside the others. The exit code is 1 where none could be read.
"""


@click.command(epilog=EPILOG)
@click.option("--provider", metavar="KIND", help="Only this provider; without an adapter, as it is by default.")
@click.option("-a", "--adapter", "adapters", metavar="NAME|FILE", multiple=True, help="Only by its connection.")
@click.option("--invokable", is_flag=True, help="Leave out what cannot be called from here.")
@click.option("--write-adapter", "wanted", metavar="ID", help="Print a ready adapter for this row.")
@click.option("--name", metavar="NAME", help="What --write-adapter calls it.")
@json_option
@global_options
@pass_invocation
@click.pass_context
def models(
    ctx: click.Context,
    invocation: Invocation,
    /,
    *,
    provider: str | None,
    adapters: Sequence[str],
    invokable: bool,
    wanted: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """List the models that can be called, read live."""
    if name is not None and wanted is None:
        raise click.BadParameter("it goes with --write-adapter", param_hint="'--name'")
    listed = invocation.run(lambda engine: _list(engine, adapters, provider))
    if wanted is not None:
        _write_adapter(listed, wanted, name, as_json=as_json)
        return
    lists = [(one, found) for one in listed for found in one.lists]
    if as_json:
        write_json({"lists": [_list_object(one, found, invokable) for one, found in lists]})
    else:
        _print(lists, invokable)
    if lists and all(found.failure for _, found in lists):
        ctx.exit(EXIT_FAILED)


async def _list(engine: Engine, adapters: Sequence[str], provider: str | None) -> list[Listed]:
    from dragoman.cli.references import adapter_from

    await engine.run_blocking(lambda: engine.plugins)
    return await engine.models([await adapter_from(engine, name) for name in adapters], provider=provider)


# --- a row as an adapter -----------------------------------------------------------------------------------------


def _write_adapter(listed: Sequence[Listed], wanted: str, name: str | None, *, as_json: bool) -> None:
    one, row = _row(listed, wanted)
    document = one.adapter_for(row, name or _name_of(row))
    if row.can_invoke is False:
        note(f"{row.id} cannot be called from here: {row.why_not or 'the list does not say why'}")
    if as_json:
        write_json(document)
        return
    from dragoman.documents import write_document

    write(write_document(document, ".yaml"))


def _row(listed: Sequence[Listed], wanted: str) -> tuple[Listed, ListedModel]:
    rows = [(one, row) for one in listed for found in one.lists for row in found.models if row.id == wanted]
    connections = {id(one) for one, _ in rows}
    if len(connections) > 1:
        raise DragomanError(f"{len(connections)} connections list {wanted}", hint="choose one with --adapter NAME")
    if not rows:
        ids = sorted({row.id for one in listed for found in one.lists for row in found.models})
        failed = [str(found.failure) for one in listed for found in one.lists if found.failure]
        hint = f"there are: {', '.join(ids[:20])}{' …' if len(ids) > 20 else ''}" if ids else "; ".join(failed) or None
        raise DragomanError(f"no list has {wanted!r}", hint=hint)
    return rows[0]


def _name_of(row: ListedModel) -> str:
    from dragoman.adapter import slug

    return slug(row.id.rpartition("/")[2] or row.id)


# --- the lists ---------------------------------------------------------------------------------------------------


def _chosen(found: ModelList, invokable: bool) -> Iterator[ListedModel]:
    return (row for row in found.models if not invokable or row.can_invoke is not False)


def _list_object(one: Listed, found: ModelList, invokable: bool) -> dict[str, Any]:
    return {
        "provider": one.provider,
        "adapters": list(one.adapters),
        "source": found.source,
        "failure": found.failure.as_dict() if found.failure else None,
        "models": [row.as_dict() for row in _chosen(found, invokable)],
    }


def _print(lists: Sequence[tuple[Listed, ModelList]], invokable: bool) -> None:
    rows = [_cells(one, found, row) for one, found in lists for row in _chosen(found, invokable)]
    if rows:
        table(("PROVIDER", "MODEL", "WHAT", "FOR", "CALLABLE"), rows)
    elif not any(found.failure for _, found in lists):
        write_line("Nothing is listed.")
    for line in _failures(lists):
        error_line(line)


def _failures(lists: Sequence[tuple[Listed, ModelList]]) -> Iterator[str]:
    """Yield a line for each reason of a connection; sources that say the same share it."""
    sources: dict[tuple[int, str], tuple[Listed, list[str]]] = {}
    for one, found in lists:
        if found.failure:
            sources.setdefault((id(one), str(found.failure)), (one, []))[1].append(found.source)
    for (_, reason), (one, names) in sources.items():
        by = f" by the connection of {', '.join(one.adapters)}" if one.adapters else ""
        yield f"not listed: {', '.join(names)} of {one.provider}{by}: {reason}"


def _cells(one: Listed, found: ModelList, row: ListedModel) -> tuple[str, ...]:
    unknown = f"not known: {row.why_not}" if row.why_not else "not known"
    callable_ = {True: "yes", False: f"no: {row.why_not or 'the list does not say why'}", None: unknown}
    return one.provider, row.id, row.kind, ", ".join(row.operations) or "-", callable_[row.can_invoke]
