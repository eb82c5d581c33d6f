"""``dragoman bedrock routers``: default and custom prompt routers."""

from __future__ import annotations

from typing import Literal

import click
from dragoman.cli.plugin import (
    CommandGroup,
    Invocation,
    global_options,
    json_option,
    note,
    pass_invocation,
    table,
    write_json,
    write_line,
)

from dragoman_aws.commands.shown import (
    confirm_deletion,
    description_option,
    progress,
    router_object,
    save_option,
    saved,
    show,
    tag_option,
    tags_from,
    yes_option,
)
from dragoman_aws.commands.who import Who, who_options
from dragoman_aws.profiles import PromptRouter, PromptRouters, facts

EPILOG = """\b
Examples:
  dragoman bedrock routers list
  dragoman bedrock routers show anthropic.claude:1 --offline --region us-east-1
  dragoman bedrock routers create nova --model amazon.nova-lite-v1:0 --model amazon.nova-pro-v1:0 \\
      --fallback amazon.nova-pro-v1:0 --difference 25
"""


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def routers() -> None:
    """Prompt routers, which choose between the models of one family."""


@routers.command("list")
@click.option("--type", "kind", type=click.Choice(["default", "custom"]), help="Only these.")
@json_option
@who_options
@global_options
@pass_invocation
def list_routers(
    invocation: Invocation, /, *, kind: Literal["default", "custom"] | None, as_json: bool, who: Who
) -> None:
    """List the routers of the account and the models behind them."""

    found = who.ask(invocation, lambda account: PromptRouters(account).list(kind, progress))
    if as_json:
        write_json({"routers": [router_object(router) for router in found]})
    elif found:
        table(
            ("NAME", "TYPE", "STATUS", "MODELS"),
            [(r.name, r.type, r.status or "-", ", ".join(m.rpartition("/")[2] for m in r.models)) for r in found],
        )
    else:
        write_line("There are no such routers.")


@routers.command("show")
@click.argument("router", metavar="ID|NAME|ARN")
@click.option("--offline", is_flag=True, help="Ask no account: a default router of the shipped facts; needs --region.")
@save_option
@json_option
@who_options
@global_options
@pass_invocation
def show_router(
    invocation: Invocation, /, *, router: str, offline: bool, save: str | None, as_json: bool, who: Who
) -> None:
    """Show a router and the models behind it."""
    if not offline:
        found = who.ask(invocation, lambda account: PromptRouters(account).get(router))
        saved(invocation, save, found.as_adapter())
    else:
        region = ((who.override or {}).get("connection") or {}).get("region")
        if region is None or save is not None:
            raise click.UsageError("--offline needs --region, and does not save: an ARN holds the account")
        found = PromptRouter.default(router, region)
        note(f"from {facts.provenance()}; * stands for the account")
    show(router_object(found), as_json=as_json)


@routers.command()
@click.argument("name")
@click.option("--model", "models", metavar="ID|ARN", multiple=True, required=True, help="Two, of one family.")
@click.option("--fallback", metavar="ID|ARN", required=True, help="One of them: used unless the other is better.")
@click.option("--difference", type=float, required=True, metavar="PERCENT", help="By how much: 0 to 100, steps of 5.")
@description_option
@tag_option
@save_option
@json_option
@who_options
@global_options
@pass_invocation
def create(
    invocation: Invocation,
    /,
    *,
    name: str,
    models: tuple[str, ...],
    fallback: str,
    difference: float,
    description: str | None,
    tags: tuple[str, ...],
    save: str | None,
    as_json: bool,
    who: Who,
) -> None:
    """Create a custom router and print it."""
    given = tags_from(tags)

    made = who.ask(
        invocation,
        lambda account: PromptRouters(account).create(
            name,
            models,
            fallback=fallback,
            quality_difference_percent=difference,
            description=description,
            tags=given,
        ),
    )
    saved(invocation, save, made.as_adapter())
    show(router_object(made), as_json=as_json)


@routers.command()
@click.argument("router", metavar="ID|NAME|ARN")
@yes_option
@who_options
@global_options
@pass_invocation
def delete(invocation: Invocation, /, *, router: str, yes: bool, who: Who) -> None:
    """Delete a custom router."""
    confirm_deletion(f"the router {router}", yes=yes)
    who.ask(invocation, lambda account: PromptRouters(account).delete(router))
    note(f"the router {router} is deleted")
