"""``dragoman bedrock profiles``: cross-region and application profiles."""

from __future__ import annotations

from typing import Any

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
from dragoman.errors import InvalidRequestError, ModelNotFoundError

from dragoman_aws.commands.applying import apply
from dragoman_aws.commands.importing import import_profiles
from dragoman_aws.commands.shown import (
    application_object,
    confirm_deletion,
    cross_region_object,
    description_option,
    progress,
    save_option,
    saved,
    show,
    tag_option,
    tags_from,
    yes_option,
)
from dragoman_aws.commands.who import Who, who_options
from dragoman_aws.profiles import (
    Account,
    ApplicationProfile,
    ApplicationProfiles,
    CrossRegionInferenceProfile,
    discover,
    facts,
)
from dragoman_aws.profiles.cross_region import SYSTEM_DEFINED, described, from_summary, shipped

EPILOG = """\b
Examples:
  dragoman bedrock profiles list --offline --model anthropic.claude-sonnet-4-20250514-v1:0
  dragoman bedrock profiles show us.anthropic.claude-sonnet-4-20250514-v1:0
  dragoman bedrock profiles create team-a --from us.amazon.nova-lite-v1:0 --tag team=a --save team-a
  dragoman bedrock profiles apply profiles.yaml
"""


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def profiles() -> None:
    """Cross-region and application inference profiles."""


profiles.add_command(apply)
profiles.add_command(import_profiles)


# --- list and show -----------------------------------------------------------------------------------------------


@profiles.command("list")
@click.option("--type", "kind", type=click.Choice(["all", "system", "application"]), default="all", help="Only these.")
@click.option("--model", metavar="ID", help="Only profiles of this foundation model.")
@click.option("--geo", metavar="GEO", help="Only cross-region profiles of this geography.")
@click.option("--offline", is_flag=True, help="Ask no account: cross-region profiles of the shipped facts.")
@json_option
@who_options
@global_options
@pass_invocation
def list_profiles(
    invocation: Invocation, /, *, kind: str, model: str | None, geo: str | None, offline: bool, as_json: bool, who: Who
) -> None:
    """List the profiles of the account, all pages of them."""
    if offline:
        found: tuple[list[CrossRegionInferenceProfile], list[ApplicationProfile]] = (shipped(), [])
    else:
        found = who.ask(invocation, lambda account: _listed(account, kind, geo))
    system = [p for p in found[0] if model in (None, p.model) and geo in (None, p.geo_region)]
    own = [p for p in found[1] if model in (None, p.base_model)]
    if as_json:
        write_json({"profiles": [*map(cross_region_object, system), *map(application_object, own)]})
        return
    rows = [(p.id, "system", p.model, p.status or "-", p.origin) for p in system]
    rows += [(p.id, "application", p.base_model or "-", p.status or "-", p.name) for p in own]
    if rows:
        table(("ID", "TYPE", "MODEL", "STATUS", "NAME OR SOURCE"), rows)
    else:
        write_line("There are no such profiles.")


async def _listed(
    account: Account, kind: str, geo: str | None
) -> tuple[list[CrossRegionInferenceProfile], list[ApplicationProfile]]:
    system = await discover(account, progress) if kind != "application" else []
    own = await ApplicationProfiles(account).list(progress) if kind != "system" and geo is None else []
    return system, own


@profiles.command("show")
@click.argument("profile", metavar="ID|NAME|ARN")
@click.option("--offline", is_flag=True, help="Ask no account: the shipped facts.")
@save_option
@json_option
@who_options
@global_options
@pass_invocation
def show_profile(
    invocation: Invocation, /, *, profile: str, offline: bool, save: str | None, as_json: bool, who: Who
) -> None:
    """Show a profile: where it routes to, the model behind it, its tags."""
    if offline:
        if save is not None:
            raise click.BadParameter("it needs the account", param_hint="'--save'")
        shown = cross_region_object(CrossRegionInferenceProfile.from_id(profile))
    else:
        shown, document = who.ask(invocation, lambda account: _shown(account, profile))
        saved(invocation, save, document)
    show(shown, as_json=as_json)


async def _shown(account: Account, reference: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a profile as it is shown, and an adapter that calls it."""
    if (row := await _system_defined(account, reference)) is not None:
        found = from_summary(row, account.region)
        return cross_region_object(found), found.as_adapter(account.region)
    own = await ApplicationProfiles(account).get(reference)
    return application_object(own), own.as_adapter()


async def _system_defined(account: Account, reference: str) -> dict[str, Any] | None:
    """Return what the service says about a cross-region profile; ``None`` where the reference is of another one."""
    profile_id = reference.rpartition("/")[2]
    if ":application-inference-profile/" in reference:
        return None
    if facts.split_profile(profile_id) is not None:
        return await described(account, profile_id)
    try:
        row = await account.call("get_inference_profile", inferenceProfileIdentifier=profile_id)
    except (ModelNotFoundError, InvalidRequestError):  # it is a name, which is no identifier
        return None
    return row if row["type"] == SYSTEM_DEFINED else None


@profiles.command()
@click.argument("region")
@json_option
@global_options
def geo(region: str, as_json: bool) -> None:
    """Show the geographies of a region: the prefixes that its cross-region profiles have."""
    found = facts.geographies_of_region(region)
    if as_json:
        write_json({"region": region, "geographies": list(found)})
        return
    for name in found:
        write_line(name)
    if not found:
        note(f"no geography of the {facts.provenance()} has the region {region}")


# --- create, tag, delete -----------------------------------------------------------------------------------------


@profiles.command()
@click.argument("name")
@click.option("--from", "source", metavar="ID|ARN", required=True, help="A model or a cross-region profile.")
@description_option
@tag_option
@click.option("--no-wait", is_flag=True, help="Do not wait until it is active.")
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
    source: str,
    description: str | None,
    tags: tuple[str, ...],
    no_wait: bool,
    save: str | None,
    as_json: bool,
    who: Who,
) -> None:
    """Create an application profile and print it."""
    given, wait_s = tags_from(tags), 0 if no_wait else 60
    made = who.ask(
        invocation,
        lambda account: ApplicationProfiles(account).create(
            name, source, description=description, tags=given, wait_s=wait_s
        ),
    )
    saved(invocation, save, made.as_adapter())
    show(application_object(made), as_json=as_json)


@profiles.command()
@click.argument("profile", metavar="ID|NAME|ARN")
@click.argument("tags", metavar="KEY=VALUE...", nargs=-1, required=True)
@who_options
@global_options
@pass_invocation
def tag(invocation: Invocation, /, *, profile: str, tags: tuple[str, ...], who: Who) -> None:
    """Set tags of an application profile; others stay."""
    given = tags_from(tags)
    who.ask(invocation, lambda account: ApplicationProfiles(account).tag(profile, given))


@profiles.command()
@click.argument("profile", metavar="ID|NAME|ARN")
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@who_options
@global_options
@pass_invocation
def untag(invocation: Invocation, /, *, profile: str, keys: tuple[str, ...], who: Who) -> None:
    """Remove tags of an application profile."""
    who.ask(invocation, lambda account: ApplicationProfiles(account).untag(profile, keys))


@profiles.command()
@click.argument("profile", metavar="ID|NAME|ARN")
@yes_option
@who_options
@global_options
@pass_invocation
def delete(invocation: Invocation, /, *, profile: str, yes: bool, who: Who) -> None:
    """Delete an application profile; calls of its ARN fail from then on."""
    confirm_deletion(f"the profile {profile}", yes=yes)
    who.ask(invocation, lambda account: ApplicationProfiles(account).delete(profile))
    note(f"the profile {profile} is deleted")
