"""``dragoman bedrock prompts``: prompts pushed into Bedrock's prompt management, and imported from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

import click
from dragoman.cli.plugin import (
    CommandGroup,
    Invocation,
    global_options,
    json_option,
    note,
    pass_invocation,
    prompt_from,
    table,
    write,
    write_document,
    write_json,
    write_line,
)

from dragoman_aws.commands.prompt_files import into, save_prompt
from dragoman_aws.commands.shown import confirm_deletion, progress, save_adapter, tags_from, yes_option
from dragoman_aws.commands.who import Who, who_options
from dragoman_aws.prompts import ImportedPrompt, ManagedPrompt, ManagedPrompts, Plan, Pushed, plan, read_prompt
from dragoman_aws.prompts import push as carry_out

EPILOG = """\b
Examples:
  dragoman bedrock prompts push summary --dry-run
  dragoman bedrock prompts push summary --from 3 --version --description 'shorter' --tag team=a
  dragoman bedrock prompts list
  dragoman bedrock prompts import summary-plain --version 2
  dragoman bedrock prompts import PROMPT12345 --into summary --variant terse --write-adapter haiku
"""


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def prompts() -> None:
    """Prompts of Bedrock's prompt management, one for each variant."""


def _of_ours(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> int | str | None:
    """Return how a version of a prompt of the deployment is asked for."""
    if text is None or text in ("draft", "latest"):
        return text
    if not text.isdecimal() or not text.isascii():
        raise click.BadParameter("a version is a number, draft or latest")
    return int(text)


# --- push --------------------------------------------------------------------------------------------------------


@prompts.command()
@click.argument("prompt", metavar="NAME|FILE")
@click.option("--variant", "variants", metavar="NAME", multiple=True, help="Only this variant; may be repeated.")
@click.option("--from", "source", metavar="N", callback=_of_ours, help="A version of NAME; else the one that counts.")
@click.option("--as", "stem", metavar="NAME", help="What the names there begin with, instead of the prompt's name.")
@click.option("--version", "with_version", is_flag=True, help="Make an immutable version of each draft.")
@click.option("--description", metavar="TEXT", help="With --version: its description, at most 200 characters.")
@click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, help="A tag; may be repeated. Others stay.")
@click.option("--kms-key", metavar="ARN", help="The key to encrypt with; without it the one that there is.")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@yes_option
@json_option
@who_options
@global_options
@pass_invocation
def push(
    invocation: Invocation,
    /,
    *,
    prompt: str,
    variants: tuple[str, ...],
    source: int | Literal["draft", "latest"] | None,
    stem: str | None,
    with_version: bool,
    description: str | None,
    tags: tuple[str, ...],
    kms_key: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    who: Who,
) -> None:
    """Write a prompt's variants into the account, each as the draft of a prompt NAME-VARIANT.

    The plan is shown first: create, update, leave. A draft says what a call of the variant would send: the adapter's
    model and all its settings. What a prompt of Bedrock has no place for is refused. Pushed again, nothing changes.
    """
    if description is not None and not with_version:
        raise click.BadParameter("it goes with --version", param_hint="'--description'")
    given, is_number = tags_from(tags), with_version and isinstance(source, int)
    with invocation.running() as running:
        account = running.run(who.account(running.engine))
        try:
            managed = ManagedPrompts(account)
            document = running.run(prompt_from(running.engine, prompt, source))
            planned = running.run(
                plan(
                    running.engine,
                    managed,
                    document,
                    variants=variants,
                    stem=stem,
                    tags=given,
                    key_arn=kms_key,
                    with_version=with_version,
                    version_description=description or (f"version {source} of {document.name}" if is_number else None),
                    progress=progress,
                )
            )
            _print_plan(planned, as_json=as_json)
            if dry_run or not planned.changes:
                if as_json:
                    write_json(_plan_object(planned))
                return
            if not yes:
                click.confirm(f"Make {len(planned.changes)} changes?", abort=True, err=True)
            done = running.run(carry_out(managed, planned, progress))
        finally:
            running.run(account.aclose())
    if as_json:
        write_json({**_plan_object(planned), "prompts": [_pushed_object(one) for one in done]})
    else:
        _print_done(done)


def _print_plan(planned: Plan, *, as_json: bool) -> None:
    if not as_json:
        rows = []
        for step in planned.steps:
            version = "new" if step.new_version else step.version or "-"
            rows.append((step.action, step.draft.name, version, "; ".join(step.reasons) or "-"))
        table(("ACTION", "PROMPT", "VERSION", "WHY"), rows)
    for told in planned.notes:
        note(told)


def _print_done(done: list[Pushed]) -> None:
    for one in done:
        if one.version is not None:
            write_line(f"version {one.version.version}  {one.prompt.name}  {one.version.arn}")
        elif one.step.action != "leave":
            write_line(f"{one.step.action}  {one.prompt.name}  {one.prompt.arn}")


def _plan_object(planned: Plan) -> dict[str, Any]:
    return {
        "steps": [
            {
                "action": step.action,
                "name": step.draft.name,
                "variant": step.variant,
                "reasons": list(step.reasons),
                "new_version": step.new_version,
                **({"version": step.version} if step.version else {}),
                **({"arn": step.existing.arn} if step.existing else {}),
            }
            for step in planned.steps
        ],
        "notes": list(planned.notes),
    }


def _pushed_object(one: Pushed) -> dict[str, Any]:
    return {"name": one.prompt.name, "arn": one.prompt.arn, "version": one.version.arn if one.version else None}


# --- list and delete ---------------------------------------------------------------------------------------------


@prompts.command("list")
@json_option
@who_options
@global_options
@pass_invocation
def list_prompts(invocation: Invocation, /, *, as_json: bool, who: Who) -> None:
    """List the prompts of the account, all pages of them."""

    found = who.ask(invocation, lambda account: ManagedPrompts(account).list(progress))
    if as_json:
        write_json({"prompts": [_listed(prompt) for prompt in found]})
    elif found:
        rows = [(p.id, p.name, p.updated_at or "-", p.description or "-") for p in found]
        table(("ID", "NAME", "UPDATED", "DESCRIPTION"), rows)
    else:
        write_line("There are no prompts.")


def _listed(prompt: ManagedPrompt) -> dict[str, Any]:
    return {name: value for name, value in asdict(prompt).items() if value not in (None, ())}


@prompts.command()
@click.argument("prompt", metavar="ID|NAME|ARN")
@click.option("--version", metavar="N", help="Only this version; without it the prompt with all its versions.")
@yes_option
@who_options
@global_options
@pass_invocation
def delete(invocation: Invocation, /, *, prompt: str, version: str | None, yes: bool, who: Who) -> None:
    """Delete a prompt of the account; calls of its ARN fail from then on."""
    what = f"version {version} of the prompt {prompt}" if version else f"the prompt {prompt}"
    confirm_deletion(what, yes=yes)
    who.ask(invocation, lambda account: ManagedPrompts(account).delete(prompt, version))
    note(f"{what} is deleted")


# --- import ------------------------------------------------------------------------------------------------------


@prompts.command("import")
@click.argument("prompt", metavar="ID|NAME|ARN")
@click.option("--version", metavar="N", help="This version; without it the draft.")
@click.option("--into", "name", metavar="NAME", help="Write it into the prompt of this name, beside its variants.")
@click.option("--variant", metavar="NAME", help="What the variant is called here.")
@click.option("--write-adapter", metavar="NAME", help="Save an adapter that calls its model, for the variant.")
@click.option("--force", is_flag=True, help="Replace a variant of that name.")
@json_option
@who_options
@global_options
@pass_invocation
def import_prompt(
    invocation: Invocation,
    /,
    *,
    prompt: str,
    version: str | None,
    name: str | None,
    variant: str | None,
    write_adapter: str | None,
    force: bool,
    as_json: bool,
    who: Who,
) -> None:
    """Print a prompt of the account as a document, or write it beside the variants of one that is there.

    The variant is asked of the adapter that calls the same model; where there is none, --write-adapter makes one, or
    the model is called over the connection of --adapter. What has no place in a document is refused with its path;
    what stays in Bedrock is told.
    """
    if force and name is None:
        raise click.BadParameter("it goes with --into", param_hint="'--force'")

    async def work(engine: Any) -> tuple[ImportedPrompt, Mapping[str, Any]]:
        async with await who.account(engine) as account:
            found = await read_prompt(
                engine,
                ManagedPrompts(account),
                prompt,
                version=version,
                new_adapter=write_adapter,
                over=who.adapter,
            )
        document = await into(engine, found, name, variant, force=force)
        if write_adapter is not None:
            await save_adapter(engine, write_adapter, found.adapter or {})
        if name is not None:
            await save_prompt(engine, name, document)
        return found, document

    found, document = invocation.run(work)
    for told in found.notes:
        note(told)
    if as_json:
        write_json(document)
    elif name is None:
        write(write_document(document, ".yaml"))
