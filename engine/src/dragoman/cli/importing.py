"""``dragoman adapters import``: adapters out of the documents of other systems, by the importers of plugins."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import note, write, write_json
from dragoman.errors import DocumentError, DragomanError, PluginError, Problem

if TYPE_CHECKING:
    from dragoman.engine import Engine
    from dragoman.provider import Imported, ImporterDescription

EPILOG = """\b
Examples:
  dragoman adapters import --from galileo ./model.json
  dragoman adapters import --from galileo ./inventory.json --save
  dragoman adapters import --from galileo ./model.json --save my-model --force
"""


@click.command("import", epilog=EPILOG)
@click.argument("file", metavar="FILE")
@click.option("--from", "source", metavar="NAME", required=True, help="The system the document is of.")
@click.option("--save", is_flag=False, flag_value="", metavar="[NAME]", help="Save what was imported, under this name.")
@click.option("--force", is_flag=True, help="Let --save replace adapters.")
@json_option
@global_options
@pass_invocation
def import_adapters(
    invocation: Invocation, /, *, file: str, source: str, save: str | None, force: bool, as_json: bool
) -> None:
    """Turn a document of another system into adapters, and print them.

    FILE is the document, - is standard input. What could not be taken over is told on stderr.
    """
    if force and save is None:
        raise click.BadParameter("it goes with --save", param_hint="'--force'")
    imported, paths = invocation.run(lambda engine: _import(engine, file, source, save, force=force))
    if as_json:
        write_json(
            {
                "documents": list(imported.documents),
                "notes": [{"path": n.path, "message": n.message, "hint": n.hint} for n in imported.notes],
                "saved": [str(path) for path in paths],
            }
        )
        return
    for told in imported.notes:
        note(str(told))
    if save is None:
        _print(imported)
    for document, path in zip(imported.documents, paths, strict=False):
        note(f"the adapter {document['name']} is saved in {path}")


async def _import(
    engine: Engine, file: str, source: str, save: str | None, *, force: bool
) -> tuple[Imported, list[Path]]:
    text = await engine.run_blocking(_read, file)
    plugins = await engine.run_blocking(lambda: engine.plugins)
    imported = await engine.run_blocking(_run, _importer(plugins.importers, source), text)
    if save is None:
        return imported, []
    if save:
        imported = imported._replace(documents=[_renamed(imported, save)])
    return imported, [await engine.adapters.save(document, force=force) for document in imported.documents]


def _importer(importers: Any, source: str) -> ImporterDescription:
    found: ImporterDescription | None = importers.get(source)
    if found is None:
        known = ", ".join(sorted(importers)) or "none"
        raise PluginError(f"no plugin imports from {source!r}", hint=f"available: {known}")
    return found


def _run(importer: ImporterDescription, text: str) -> Imported:
    module, _, name = importer.factory.partition(":")
    try:
        imported: Imported = getattr(importlib.import_module(module), name)(text, _Tools())
    except DragomanError:
        raise
    except Exception as error:
        raise PluginError(f"the importer {importer.name} failed: {type(error).__name__}: {error}") from error
    return imported


class _Tools:
    """See :class:`dragoman.provider.ImportTools`."""

    def shorthand_mapping(self, prompt_path: str, kwargs_path: str | None, output_path: str) -> dict[str, Any]:
        from dragoman.mapping.paths import shorthand_mapping

        return shorthand_mapping(prompt_path, kwargs_path, output_path)


def _renamed(imported: Imported, name: str) -> dict[str, Any]:
    if len(imported.documents) != 1:
        raise DocumentError(
            "the import", [Problem("", f"holds {len(imported.documents)} adapters", "save them without a name")]
        )
    document = {**imported.documents[0], "name": name}
    if aliases := [alias for alias in document.pop("aliases", ()) if alias != name]:
        document["aliases"] = aliases
    return document


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise DocumentError(file, [Problem("", f"cannot be read: {reason}")]) from None


def _print(imported: Imported) -> None:
    from dragoman.documents import write_document

    for number, document in enumerate(imported.documents):
        write(("---\n" if number else "") + write_document(document, ".yaml"))
