"""``dragoman rerank``: documents by their relevance to a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.showing import print_request, show_failures, show_notice, shown_progress
from dragoman.cli.texts import given_texts, input_options

if TYPE_CHECKING:
    from dragoman.cli.invocation import Running

EPILOG = """\b
Examples:
  dragoman rerank -a local-rerank "bake bread" "Stocks fell." "Baking bread at home."
  dragoman rerank -a my-ranking --top-n 3 "bake bread" --input documents.txt
  cat documents.txt | dragoman rerank -a my-ranking "bake bread" --json
  dragoman rerank -a my-ranking "bake bread" --input documents.json --dry-run

An adapter says "operation: rerank"; `dragoman adapters list` shows which there are. What a score's range is, is the
provider's. Where some documents fail, the others are ranked, those are listed, and the exit code is 1.
"""


@click.command(epilog=EPILOG)
@click.argument("query")
@click.argument("documents", metavar="[DOCUMENT]...", nargs=-1)
@click.option("-a", "--adapter", metavar="NAME|FILE", help="The adapter, or a document; else default_adapter.")
@click.option("-n", "--top-n", type=click.IntRange(min=1), help="Show the best ones only.")
@click.option("--set", "assignments", metavar="PATH=VALUE", multiple=True, help="Change one value; null removes it.")
@click.option("--override", "overrides", metavar="FILE", multiple=True, help="Change what a document says.")
@input_options
@click.option("--dry-run", is_flag=True, help="Print the first request, credentials masked, and send nothing.")
@json_option
@global_options
@pass_invocation
def rerank(invocation: Invocation, /, query: str, as_json: bool, dry_run: bool, **given: Any) -> None:
    """Put documents in order by their relevance to a query.

    Each DOCUMENT is ranked, and each text of the file; without either, each line that is piped in. The most relevant
    comes first. The ranking goes to stdout, everything else to stderr.
    """
    from dragoman.cli.patches import override_from

    override = override_from(given["overrides"], given["assignments"])
    documents = given_texts(given["documents"], given["input_file"], given["input_format"], "DOCUMENT")
    asked = {"query": query, "documents": documents, "top_n": given["top_n"], "override": override}
    with invocation.running() as running:
        _carry_out(running, given["adapter"], asked, as_json=as_json, dry_run=dry_run)


def _carry_out(running: Running, adapter: str | None, asked: dict[str, Any], *, as_json: bool, dry_run: bool) -> None:
    from dragoman.cli import vectors
    from dragoman.cli.output import write_json
    from dragoman.cli.references import adapter_from

    engine, documents = running.engine, asked["documents"]
    reference = None if adapter is None else running.run(adapter_from(engine, adapter))
    if dry_run:
        print_request(running.run(engine.rerank_dry_run(reference, **asked)), as_json=as_json)
        return
    show_notice(running, reference, asked["override"])
    with shown_progress("documents") as progress:
        response = running.run(engine.rerank(reference, **asked, progress=progress))
    if as_json:
        write_json(vectors.ranking_object(response, documents))
    else:
        vectors.print_ranking(response, documents)
    vectors.tell(response)
    show_failures(response.failures, len(documents), "document", "score")
    if response.failures:
        click.get_current_context().exit(1)
