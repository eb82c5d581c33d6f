"""``dragoman bedrock profiles import``: adapters for profiles that something else has made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from dragoman.cli.plugin import (
    Invocation,
    global_options,
    json_option,
    pass_invocation,
    write,
    write_document,
    write_json,
)

from dragoman_aws.commands.shown import save_adapter, save_option
from dragoman_aws.commands.who import Who, who_options
from dragoman_aws.profiles import ApplicationProfile, ApplicationProfiles
from dragoman_aws.profiles.importing import (
    imported_from_attributes,
    imported_from_stack,
    names_in_template,
    read_template,
)

EPILOG = """\b
Examples:
  dragoman bedrock profiles import arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/cew2pa5r8hog
  dragoman bedrock profiles import --template template.json
  dragoman bedrock profiles import --stack model-access --save team-a
"""


@click.command("import", epilog=EPILOG)
@click.argument("arn", required=False)
@click.option("--model", metavar="ID", help="With ARN: the model behind it; the account is not asked then.")
@click.option("--identifier", metavar="ID", help="With ARN: its id, which is checked.")
@click.option("--template", metavar="FILE", help="A CloudFormation template; its profiles are looked up by name.")
@click.option("--stack", metavar="NAME", help="A CloudFormation stack of the account.")
@save_option
@json_option
@who_options
@global_options
@pass_invocation
def import_profiles(
    invocation: Invocation,
    /,
    *,
    arn: str | None,
    model: str | None,
    identifier: str | None,
    template: str | None,
    stack: str | None,
    save: str | None,
    as_json: bool,
    who: Who,
) -> None:
    """Print adapters that call profiles which are there, by ARN, from a CloudFormation template or a stack."""
    if sum(given is not None for given in (arn, template, stack)) != 1:
        raise click.UsageError("one of ARN, --template and --stack is expected")
    found = invocation.run(
        lambda engine: _imported(
            engine, who, arn=arn, model=model, identifier=identifier, template=template, stack=stack
        )
    )
    documents = [{"name": save or _slug(name), **profile.as_adapter()} for name, profile in found.items()]
    if save is not None:
        if len(documents) != 1:
            raise click.BadParameter(f"{len(documents)} profiles were found; it takes one", param_hint="'--save'")
        invocation.run(lambda engine: _saved(engine, save, documents[0]))
    elif as_json:
        write_json({"documents": documents})
    else:
        for number, document in enumerate(documents):
            write(("---\n" if number else "") + write_document(document, ".yaml"))


async def _imported(
    engine: Any,
    who: Who,
    *,
    arn: str | None,
    model: str | None,
    identifier: str | None,
    template: str | None,
    stack: str | None,
) -> Mapping[str, ApplicationProfile]:
    if arn is not None and model is not None:
        found = imported_from_attributes(arn, identifier=identifier, model=model)
        return {found.id: found}
    async with await who.account(engine) as account:
        profiles = ApplicationProfiles(account)
        if stack is not None:
            return await imported_from_stack(account, stack)
        if arn is not None:
            imported_from_attributes(arn, identifier=identifier)
            found = await profiles.get(arn)
            return {found.name or found.id: found}
        named = names_in_template(await engine.run_blocking(read_template, Path(str(template))), str(template))
        return {logical: await profiles.get(name) for logical, name in named.items()}


async def _saved(engine: Any, name: str, document: Mapping[str, Any]) -> None:
    await save_adapter(engine, name, document)


def _slug(name: str) -> str:
    from dragoman.plugin import slug

    return slug(name)
