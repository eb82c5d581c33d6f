"""``dragoman prompts``: named prompts, and their variants side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.failures import EXIT_FAILED
from dragoman.cli.group import CommandGroup
from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import error_line, table, write_json, write_line

if TYPE_CHECKING:
    from dragoman.engine import Engine
    from dragoman.prompts import Prompt, PromptList, Rendered

EPILOG = """\b
Examples:
  dragoman prompts list
  dragoman prompts render greeting --var name=Maria
  dragoman prompts run greeting --var name=Maria --variant formal
  dragoman prompts compare greeting --var name=Maria
"""


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def prompts() -> None:
    """List, show, render, run and compare prompts."""


_var = click.option("--var", "pairs", metavar="NAME=VALUE", multiple=True, help="The value of a variable.")
_variant = click.option("--variant", metavar="NAME", help="Which variant; else the default one.")
_adapter = click.option("-a", "--adapter", metavar="NAME", help="Ask this adapter instead of the variant's.")


def _values(pairs: Sequence[str]) -> dict[str, str]:
    values = {}
    for pair in pairs:
        name, found, value = pair.partition("=")
        if not found or not name:
            raise click.BadParameter("NAME=VALUE is expected", param_hint="'--var'")
        values[name.strip()] = value
    return values


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
        write_json({"prompts": [p.model_dump(mode="json") for p in found.prompts], "failures": found.failures})
        return
    if found.prompts:
        table(("NAME", "VARIANTS", "VARIABLES", "DESCRIPTION"), [_row(prompt) for prompt in found.prompts])
    else:
        write_line("There are no prompts.")
    for reason in found.failures.values():
        error_line(f"failed: {reason}")


def _row(prompt: Prompt) -> tuple[str, str, str, str]:
    variables = dict.fromkeys(name for variant in prompt.variants.values() for name in variant.variables)
    return prompt.name, ", ".join(prompt.variants), ", ".join(variables) or "-", prompt.description or "-"


@prompts.command("show", epilog="\b\nExamples:\n  dragoman prompts show greeting")
@click.argument("name")
@global_options
@pass_invocation
def show(invocation: Invocation, /, name: str) -> None:
    """Show a prompt's document."""

    async def work(engine: Engine) -> Prompt:
        return await engine.prompts.get(name)

    write_json(invocation.run(work).model_dump(mode="json", exclude_none=True))


@prompts.command("render", epilog="\b\nExamples:\n  dragoman prompts render greeting --var name=Maria")
@click.argument("name")
@_var
@_variant
@global_options
@pass_invocation
def render(invocation: Invocation, /, *, name: str, pairs: Sequence[str], variant: str | None) -> None:
    """Show what would be asked, and ask nobody."""
    values = _values(pairs)

    async def work(engine: Engine) -> Rendered:
        from dragoman.prompts import render

        return render(await engine.prompts.get(name), values, variant)

    found = invocation.run(work)
    write_json({n: getattr(found, n) for n in ("adapter", "messages", "tools", "inference")})


@prompts.command("run", epilog="\b\nExamples:\n  dragoman prompts run greeting --var name=Maria -a my-model")
@click.argument("name")
@_var
@_variant
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
    adapter: str | None,
    as_json: bool,
) -> None:
    """Ask with a prompt, and print the answer."""
    values = _values(pairs)
    answer = invocation.run(lambda engine: _asked(engine, name, values, variant, adapter))
    if as_json:
        write_json(answer)
    else:
        write_line(answer["text"])


@prompts.command("compare", epilog="\b\nExamples:\n  dragoman prompts compare greeting --var name=Maria --json")
@click.argument("name")
@_var
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
    adapter: str | None,
    as_json: bool,
) -> None:
    """Ask with every variant, and put the answers side by side with their time and tokens.

    A value goes to the variants that have its variable. The exit code is 1 where a variant has no answer.
    """
    answers = invocation.run(lambda engine: _compared(engine, name, _values(pairs), adapter))
    if as_json:
        write_json({"variants": answers})
    else:
        columns = ("variant", "adapter", "seconds", "input_tokens", "output_tokens")
        rows = [(*(str(a.get(c) or "-") for c in columns), a.get("text") or f"failed: {a['error']}") for a in answers]
        table(("VARIANT", "ADAPTER", "SECONDS", "IN", "OUT", "ANSWER"), rows)
    if any("error" in answer for answer in answers):
        ctx.exit(EXIT_FAILED)


async def _compared(engine: Engine, name: str, values: dict[str, str], adapter: str | None) -> list[dict[str, Any]]:
    import asyncio

    from dragoman.errors import DragomanError, MessageError

    prompt = await engine.prompts.get(name)
    known = {variable for variant in prompt.variants.values() for variable in variant.variables}
    if strange := sorted(set(values) - known):
        raise MessageError(f"the prompt {name}: {', '.join(strange)}: no variant has such a variable")

    async def one(variant: str) -> dict[str, Any]:
        own = {n: v for n, v in values.items() if n in prompt.variants[variant].variables}
        try:
            return await _asked(engine, name, own, variant, adapter)
        except DragomanError as error:
            return {"variant": variant, "error": str(error)}

    return list(await asyncio.gather(*(one(variant) for variant in prompt.variants)))


async def _asked(
    engine: Engine, name: str, values: dict[str, str], variant: str | None, adapter: str | None
) -> dict[str, Any]:
    import time

    started = time.perf_counter()
    response = await engine.prompt(name, values, variant=variant, adapter=adapter)
    return {
        "variant": variant,
        "adapter": response.adapter,
        "model": response.model,
        "text": response.text,
        "seconds": round(time.perf_counter() - started, 3),
        "input_tokens": response.usage.input_tokens,
        "output_tokens": response.usage.output_tokens,
        "finish_reason": response.finish_reason,
    }
