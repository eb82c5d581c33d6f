"""``dragoman prompts``: named prompts, and their variants side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dragoman.cli.failures import EXIT_FAILED
from dragoman.cli.group import CommandGroup
from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation, values_of, var_option
from dragoman.cli.output import error_line, table, write_json, write_line

if TYPE_CHECKING:
    from dragoman.engine import Engine
    from dragoman.prompting import Comparison
    from dragoman.prompts import Prompt, PromptList, Published, Rendered, VersionLike, VersionList

EPILOG = """\b
Examples:
  dragoman prompts list
  dragoman prompts render greeting --var name=Maria
  dragoman prompts run greeting --var name=Maria --variant formal
  dragoman prompts compare greeting --var name=Maria
  dragoman prompts publish greeting --description "Kinder"
  dragoman prompts run greeting --var name=Maria --version 1
"""


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def prompts() -> None:
    """List, show, render, run, compare and publish prompts."""


_variant = click.option("--variant", metavar="NAME", help="Which variant; else the default one.")
_adapter = click.option("-a", "--adapter", metavar="NAME", help="Ask this adapter instead of the variant's.")


def _asked_version(ctx: click.Context, parameter: click.Parameter, text: str | None) -> VersionLike | None:
    from dragoman.prompts import as_version

    try:
        return None if text is None else as_version(text)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from None


_version = click.option(
    "--version",
    metavar="N",
    callback=_asked_version,
    help="A published version, draft or latest.",
)


@prompts.command("list", epilog="\b\nExamples:\n  dragoman prompts list\n  dragoman prompts list --json")
@json_option
@global_options
@pass_invocation
def list_prompts(invocation: Invocation, /, as_json: bool) -> None:
    """List the prompts, and the files that hold none."""

    async def work(engine: Engine) -> PromptList:
        return await engine.prompts.list()

    found = invocation.run(work)
    if as_json:
        rows = [{**p.model_dump(mode="json"), "versions": found.versions[p.name]} for p in found.prompts]
        write_json({"prompts": rows, "failures": found.failures})
        return
    if found.prompts:
        table(
            ("NAME", "VARIANTS", "VARIABLES", "VERSIONS", "DESCRIPTION"),
            [_row(prompt, found.versions[prompt.name]) for prompt in found.prompts],
        )
    else:
        write_line("There are no prompts.")
    for reason in found.failures.values():
        error_line(f"failed: {reason}")


def _row(prompt: Prompt, versions: Sequence[int]) -> tuple[str, ...]:
    variables = dict.fromkeys(name for variant in prompt.variants.values() for name in variant.variables)
    published = f"{', '.join(map(str, versions))} (default: {prompt.default_version})" if versions else "-"
    return prompt.name, ", ".join(prompt.variants), ", ".join(variables) or "-", published, prompt.description or "-"


@prompts.command("show", epilog="\b\nExamples:\n  dragoman prompts show greeting --version 1")
@click.argument("name")
@click.option("--version", metavar="N", callback=_asked_version, help="A published version, or latest; else the draft.")
@global_options
@pass_invocation
def show(invocation: Invocation, /, name: str, version: VersionLike | None) -> None:
    """Show a prompt's document, as it is now or as it was published."""

    async def work(engine: Engine) -> Prompt:
        return await engine.prompts.get(name, version or "draft")

    write_json(invocation.run(work).model_dump(mode="json", exclude_unset=True))


@prompts.command("render", epilog="\b\nExamples:\n  dragoman prompts render greeting --var name=Maria")
@click.argument("name")
@var_option
@_variant
@_version
@global_options
@pass_invocation
def render(
    invocation: Invocation,
    /,
    *,
    name: str,
    pairs: Sequence[str],
    variant: str | None,
    version: VersionLike | None,
) -> None:
    """Show what would be asked, and ask nobody."""
    values = values_of(pairs)

    async def work(engine: Engine) -> Rendered:
        from dragoman.prompts import render

        return render(await engine.prompts.get(name, version), values, variant)

    write_json(invocation.run(work).as_object())


@prompts.command("run", epilog="\b\nExamples:\n  dragoman prompts run greeting --var name=Maria -a my-model")
@click.argument("name")
@var_option
@_variant
@_version
@_adapter
@json_option
@global_options
@pass_invocation
def run(
    invocation: Invocation,
    /,
    *,
    name: str,
    pairs: Sequence[str],
    variant: str | None,
    version: VersionLike | None,
    adapter: str | None,
    as_json: bool,
) -> None:
    """Ask with a prompt, and print the answer."""
    values = values_of(pairs)

    async def work(engine: Engine) -> Comparison:
        from dragoman.prompting import PromptAsked, measure

        asked = PromptAsked(name, values, variant, version, adapter)
        prompt = await engine.prompts.get(name, version)
        return await measure(engine, variant or prompt.default, await engine.prepare_prompt(asked))

    found = invocation.run(work)
    if as_json:
        write_json(found.as_object())
    else:
        write_line(found.text)


@prompts.command("compare", epilog="\b\nExamples:\n  dragoman prompts compare greeting --var name=Maria --json")
@click.argument("name")
@var_option
@_version
@_adapter
@json_option
@global_options
@pass_invocation
@click.pass_context
def compare(
    ctx: click.Context,
    invocation: Invocation,
    /,
    *,
    name: str,
    pairs: Sequence[str],
    version: VersionLike | None,
    adapter: str | None,
    as_json: bool,
) -> None:
    """Ask with every variant, and put the answers side by side with their times, tokens and cost.

    A value goes to the variants that have its variable. The exit code is 1 where a variant has no answer.
    """
    values = values_of(pairs)
    found = invocation.run(lambda engine: engine.compare(name, values, version=version, adapter=adapter))
    if as_json:
        write_json({"variants": [one.as_object() for one in found]})
    else:
        table(
            ("VARIANT", "ADAPTER", "FIRST TOKEN S", "SECONDS", "IN", "OUT", "COST", "ANSWER"),
            [_compared(one) for one in found],
        )
    if any(one.error is not None for one in found):
        ctx.exit(EXIT_FAILED)


def _compared(one: Comparison) -> tuple[str, ...]:
    cost = f"{one.cost.amount:f} {one.cost.currency or ''}".strip() if one.cost else "—"
    figures = (one.first_token_s, one.duration_s, one.usage.input_tokens, one.usage.output_tokens)
    shown = (f"{value:.3f}" if isinstance(value, float) else "—" if value is None else str(value) for value in figures)
    return one.variant, one.adapter or "—", *shown, cost, one.text if one.error is None else f"failed: {one.error}"


PUBLISH_EPILOG = """\b
Examples:
  dragoman prompts publish greeting
  dragoman prompts publish greeting --description "Kinder"
"""


@prompts.command("publish", epilog=PUBLISH_EPILOG)
@click.argument("name")
@click.option("--description", metavar="TEXT", help="What is new in it.")
@json_option
@global_options
@pass_invocation
def publish(invocation: Invocation, /, name: str, description: str | None, as_json: bool) -> None:
    """Make what the prompt's document says now the next version, for good.

    It is written into a file beside the document. A document that says what a version says already makes no new one.
    """
    from dragoman.cli.state import whoever_runs_this

    by = whoever_runs_this()

    async def work(engine: Engine) -> Published:
        return await engine.prompts.publish(name, by=by, description=description)

    version, is_new = invocation.run(work)
    if as_json:
        write_json({"name": name, "is_new": is_new, **version.summary()})
    elif is_new:
        write_line(f"{name} has version {version.version} now.")
    else:
        write_line(f"{name} says what its version {version.version} says: no new version.")


@prompts.command("versions", epilog="\b\nExamples:\n  dragoman prompts versions greeting --json")
@click.argument("name")
@json_option
@global_options
@pass_invocation
def versions(invocation: Invocation, /, name: str, as_json: bool) -> None:
    """List the published versions of a prompt, and those that do not hold."""

    async def work(engine: Engine) -> VersionList:
        return await engine.prompts.versions(name)

    found = invocation.run(work)
    if as_json:
        failures = {str(number): reason for number, reason in found.failures.items()}
        write_json({"name": name, "versions": [v.summary() for v in found.versions], "failures": failures})
        return
    if found.versions:
        rows = [
            (str(v.version), v.published_at, v.published_by or "-", v.digest[:12], v.description or "-")
            for v in found.versions
        ]
        table(("VERSION", "PUBLISHED", "BY", "DIGEST", "DESCRIPTION"), rows)
    else:
        write_line(f"{name} has no versions.")
    for reason in found.failures.values():
        error_line(f"failed: {reason}")
