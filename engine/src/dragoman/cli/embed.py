"""``dragoman embed``: texts to vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.showing import print_request, show_failures, show_notice, shown_progress
from dragoman.cli.texts import given_texts, input_options

if TYPE_CHECKING:
    from dragoman.cli.invocation import Running
    from dragoman.events import EmbedResponse

EPILOG = """\b
Examples:
  dragoman embed -a local-embed "How do I bake bread?" "Baking bread"
  dragoman embed -a my-embeddings --set inference.dimensions=256 --json "a text"
  dragoman embed -a my-embeddings --purpose query "how to bake"
  dragoman embed -a my-embeddings --input texts.txt --output vectors.jsonl
  cat texts.txt | dragoman embed -a my-embeddings --jsonl > vectors.jsonl
  dragoman embed -a my-embeddings --input corpus.json --dry-run

An adapter says "operation: embed"; `dragoman adapters list` shows which there are. Many texts go in as many requests
as the provider needs. Where some of them fail, the others are kept, those are listed, and the exit code is 1.
"""

#: The files that --output can write, by suffix.
SUFFIXES = (".jsonl", ".json")


@dataclass(frozen=True, slots=True)
class Shown:
    """How the vectors are shown."""

    as_json: bool
    as_jsonl: bool
    output: str | None
    dry_run: bool


@click.command(epilog=EPILOG)
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option("-a", "--adapter", metavar="NAME|FILE", help="The adapter, or a document; else default_adapter.")
@click.option("--purpose", type=click.Choice(["document", "query"]), help="Texts to be found, or to find others with.")
@click.option("--set", "assignments", metavar="PATH=VALUE", multiple=True, help="Change one value; null removes it.")
@click.option("--override", "overrides", metavar="FILE", multiple=True, help="Change what a document says.")
@input_options
@click.option("--output", metavar="FILE", help="Write the vectors to a file that ends in .jsonl or .json.")
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print one JSON object a line: index, text and vector.")
@click.option("--dry-run", is_flag=True, help="Print the first request, credentials masked, and send nothing.")
@json_option
@global_options
@pass_invocation
def embed(invocation: Invocation, /, **given: Any) -> None:
    """Turn texts into vectors.

    Each TEXT gets one, then each text of the file; without either, each line that is piped in. Without --json or
    --jsonl a table tells what came; its vectors are cut. Everything that is no vector goes to stderr.
    """
    from dragoman.cli.patches import override_from

    shown = Shown(**{name: given.pop(name) for name in Shown.__dataclass_fields__})
    if shown.as_json and shown.as_jsonl:
        raise click.BadParameter("choose one of --json and --jsonl", param_hint="'--jsonl'")
    if shown.output is not None:
        _check_output(Path(shown.output))
    override = override_from(given["overrides"], given["assignments"])
    texts = given_texts(given["texts"], given["input_file"], given["input_format"], "TEXT")
    asked = {"texts": texts, "purpose": given["purpose"], "override": override}
    with invocation.running() as running:
        _carry_out(running, given["adapter"], asked, shown)


def _check_output(path: Path) -> None:
    """Refuse a file that could not be written, before anything is paid for."""
    hint = "'--output'"
    if path.suffix.lower() not in SUFFIXES:
        raise click.BadParameter(f"{path} ends neither in .jsonl nor in .json", param_hint=hint)
    if not path.expanduser().absolute().parent.is_dir():
        raise click.BadParameter(f"the folder of {path} is not there", param_hint=hint)


def _carry_out(running: Running, adapter: str | None, asked: dict[str, Any], shown: Shown) -> None:
    from dragoman.cli.references import adapter_from

    engine = running.engine
    reference = None if adapter is None else running.run(adapter_from(engine, adapter))
    if shown.dry_run:
        print_request(running.run(engine.embed_dry_run(reference, **asked)), as_json=shown.as_json)
        return
    show_notice(running, reference, asked["override"])
    with shown_progress("texts") as progress:
        response = running.run(engine.embed(reference, **asked, progress=progress))
    _show(response, asked["texts"], shown)
    if response.failures:
        click.get_current_context().exit(1)


def _show(response: EmbedResponse, texts: list[str], shown: Shown) -> None:
    from dragoman.cli import vectors

    if shown.output is not None:
        _save(response, texts, Path(shown.output).expanduser())
    if shown.as_json:
        vectors.print_object(response)
    elif shown.as_jsonl:
        vectors.print_lines(response, texts)
    elif shown.output is None:
        vectors.print_table(response, texts)
    vectors.tell(response, shown.output)
    show_failures(response.failures, len(texts), "text", "vector")


def _save(response: EmbedResponse, texts: list[str], path: Path) -> None:
    """Write the file. Vectors were paid for: where it cannot be written they go to stdout before that is told."""
    from dragoman.cli import vectors
    from dragoman.errors import DragomanError

    try:
        vectors.save(response, texts, path)
    except DragomanError:
        vectors.print_lines(response, texts)
        raise
