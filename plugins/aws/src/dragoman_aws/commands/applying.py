"""``dragoman bedrock profiles apply``: an account made to look like a declaration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from dragoman.cli.plugin import (
    Invocation,
    global_options,
    json_option,
    note,
    pass_invocation,
    read_document,
    table,
    write_json,
    write_line,
)

from dragoman_aws.commands.replacing import Callers, Rewriting, callers_object, callers_of, tell_callers
from dragoman_aws.commands.shown import application_object, progress, yes_option
from dragoman_aws.commands.who import Who, who_options
from dragoman_aws.profiles import ApplicationProfile, ApplicationProfiles, Plan
from dragoman_aws.profiles.declared import apply as carry_out
from dragoman_aws.profiles.declared import plan as make_plan
from dragoman_aws.profiles.declared import read_declaration

EPILOG = """\b
Examples:
  dragoman bedrock profiles apply profiles.yaml --dry-run
  dragoman bedrock profiles apply profiles.yaml --yes --write-adapters
"""


@click.command(epilog=EPILOG)
@click.argument("file", metavar="FILE")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@yes_option
@click.option("--write-adapters", is_flag=True, help="Put new ARNs into the files of the adapters that name old ones.")
@json_option
@who_options
@global_options
@pass_invocation
def apply(
    invocation: Invocation,
    /,
    *,
    file: str,
    dry_run: bool,
    yes: bool,
    write_adapters: bool,
    as_json: bool,
    who: Who,
) -> None:
    """Create, tag and replace application profiles as a file declares them.

    The plan is shown first. Profiles cannot be changed: another source or description makes a new one with another
    ARN, and the old one is deleted. The adapters that name the old ARN are listed, those that were saved through the
    gateway as well; with --write-adapters their files get the new one. Profiles that the file does not name stay.
    """
    declared = read_declaration(read_document(Path(file)), file)
    with invocation.running() as running:
        account = running.run(who.account(running.engine))
        try:
            profiles = ApplicationProfiles(account)
            planned = running.run(make_plan(profiles, declared, progress))
            found = running.run(callers_of(running.engine, planned))
            if not as_json:
                _print(planned)
            tell_callers(found, write=write_adapters)
            if dry_run or not planned.changes:
                if as_json:
                    write_json(_object(planned, found))
                return
            if not yes:
                click.confirm(f"Make {len(planned.changes)} changes?", abort=True, err=True)
            replaced = Rewriting(running.engine, found) if write_adapters else None
            done = running.run(carry_out(profiles, planned, progress, replaced=replaced))
        finally:
            running.run(account.aclose())
    if as_json:
        write_json({**_object(planned, found), "profiles": [application_object(profile) for profile in done]})
    else:
        _print_done(planned, done)


def _print(planned: Plan) -> None:
    table(
        ("ACTION", "NAME", "SOURCE", "WHY"),
        [(s.action, s.declared.name, s.declared.source, "; ".join(s.reasons) or "-") for s in planned.steps],
    )
    for profile in planned.undeclared:
        note(f"the profile {profile.name} ({profile.id}) is not declared and stays")
    for step in planned.changes:
        if step.action == "replace" and step.existing is not None:
            note(f"{step.declared.name} gets a new ARN; what calls {step.existing.arn} has to be changed")


def _print_done(planned: Plan, done: list[ApplicationProfile]) -> None:
    for step, profile in zip(planned.steps, done, strict=True):
        if step.action != "leave":
            write_line(f"{step.action}  {profile.name}  {profile.arn}")


def _object(planned: Plan, callers: Callers) -> dict[str, Any]:
    return {
        "steps": [
            {
                "action": step.action,
                "name": step.declared.name,
                "source": step.declared.source,
                "reasons": list(step.reasons),
                **({"arn": step.existing.arn} if step.existing else {}),
            }
            for step in planned.steps
        ],
        "adapters": callers_object(callers),
        "undeclared": [application_object(profile) for profile in planned.undeclared],
    }
