"""``dragoman sagemaker``: models of one's own, from a declared document to an endpoint and an adapter."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from dragoman.cli.plugin import (
    SUFFIXES,
    CommandGroup,
    Invocation,
    Running,
    global_options,
    json_option,
    note,
    pass_invocation,
    read_document,
    table,
    write,
    write_document,
    write_json,
    write_line,
)

from dragoman_aws.commands.progress import shown_progress

EPILOG = """\b
Examples:
  dragoman sagemaker deploy mistral.yaml --dry-run
  dragoman sagemaker deploy mistral.yaml --save mistral
  dragoman sagemaker status mistral.yaml
  dragoman sagemaker schedule mistral.yaml --start 'cron(0 8 ? * MON-FRI *)' --stop 'cron(0 18 ? * MON-FRI *)'
  dragoman sagemaker delete mistral.yaml
"""


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def sagemaker() -> None:
    """Models of your own on SageMaker: deploy, look, delete, start and stop by schedule."""


def _address(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", value):
        raise click.BadParameter("an address such as https://huggingface.co is expected")
    return value


@sagemaker.command()
@click.argument("file", metavar="FILE")
@click.option("--dry-run", is_flag=True, help="Show the plan and what the checks say, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--save", metavar="NAME", help="Save the adapter under this name; without it, it is printed.")
@click.option("--force", is_flag=True, help="Save it also where an adapter of that name is there.")
@click.option("--skip-quota-check", is_flag=True, help="Do not ask Service Quotas.")
@click.option(
    "--hugging-face-url",
    default="https://huggingface.co",
    show_default=True,
    callback=_address,
    help="Where access to the model is asked for; the token is sent there.",
)
@json_option
@global_options
@pass_invocation
def deploy(
    invocation: Invocation,
    /,
    *,
    file: str,
    dry_run: bool,
    yes: bool,
    save: str | None,
    force: bool,
    skip_quota_check: bool,
    hugging_face_url: str,
    as_json: bool,
) -> None:
    """Make the endpoint that FILE declares, and the adapter that calls it.

    The plan is shown first. What is made is deleted again where the endpoint does not come into service. The same file
    deployed twice changes nothing.
    """
    from dragoman_aws.deployment.adapter import adapter_of
    from dragoman_aws.deployment.checks import prepare

    declared = _declared(file)
    with invocation.running() as running:
        plane = running.run(_plane(running.engine, declared))
        try:
            prepared = running.run(
                prepare(plane, declared, hugging_face_url=hugging_face_url, quota_counts=not skip_quota_check)
            )
            _print_plan(prepared.plan.steps, prepared.reports, as_json=as_json)
            document, missing = adapter_of(declared, plane.region)
            left: list[str] = []
            if not dry_run and prepared.plan.changes:
                _confirm(f"Make {len(prepared.plan.changes)} changes?", yes=yes)
                left = _carry_out(running, plane, prepared, declared.ready_timeout_s)
        finally:
            running.run(plane.aclose())
        for told in (*left, *missing):
            note(told)
        if as_json:
            write_json(
                {"steps": [asdict(s) for s in prepared.plan.steps], "checks": prepared.reports, "adapter": document}
            )
        if not dry_run:
            _give(running, document, save, force=force, as_json=as_json)


def _carry_out(running: Running, plane: Any, prepared: Any, ready_s: float) -> list[str]:
    from dragoman_aws.deployment.rollout import Rollout
    from dragoman_aws.deployment.waiting import Patience

    with shown_progress() as progress:
        rollout = Rollout(plane, prepared.plan, prepared.token, Patience(ready_s=ready_s), progress)
        return running.run(rollout.run())


def _give(running: Running, document: dict[str, Any], save: str | None, *, force: bool, as_json: bool) -> None:
    if save is not None:
        path = running.run(running.engine.adapters.save({**document, "name": save}, force=force))
        note(f"the adapter {save} is saved in {path}")
    elif not as_json:
        write(write_document(document, ".yaml"))


@sagemaker.command()
@click.argument("endpoint", metavar="FILE|NAME")
@click.option("--region", metavar="REGION", help="Of an endpoint that is given by name.")
@click.option("--profile", metavar="NAME", help="The AWS profile, for an endpoint that is given by name.")
@json_option
@global_options
@pass_invocation
def status(invocation: Invocation, /, endpoint: str, region: str | None, profile: str | None, as_json: bool) -> None:
    """Show an endpoint's state, its variants and components, and why it failed."""
    from dragoman_aws.deployment.state import read_endpoint

    async def look(engine: Any) -> Any:
        name, plane = await _named(engine, endpoint, region, profile)
        async with plane:
            return name, await read_endpoint(plane, name)

    name, state = invocation.run(look)
    if state is None:
        _absent(name)
    if as_json:
        write_json(asdict(state))
        return
    write_line(f"{state.name}  {state.status}  configuration {state.config}")
    if state.failure:
        write_line(f"failed: {state.failure}")
    rows = [("variant", v.name, "; ".join(v.statuses) or "-", f"{v.instances}/{v.wanted}") for v in state.variants]
    rows += [("component", c.name, _state(c), f"{c.copies} copies") for c in state.components]
    if rows:
        table(("KIND", "NAME", "STATE", "INSTANCES"), rows)


def _state(component: Any) -> str:
    return f"{component.status}: {component.failure}" if component.failure else str(component.status)


@sagemaker.command()
@click.argument("endpoint", metavar="FILE|NAME")
@click.option("--region", metavar="REGION", help="Of an endpoint that is given by name.")
@click.option("--profile", metavar="NAME", help="The AWS profile, for an endpoint that is given by name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@global_options
@pass_invocation
def delete(invocation: Invocation, /, endpoint: str, region: str | None, profile: str | None, yes: bool) -> None:
    """Delete an endpoint, its components, and the configurations and models that were made for it.

    Configurations and models that something else has made stay. Adapters stay as well.
    """
    from dragoman_aws.deployment.removal import plan_removal, remove

    with invocation.running() as running:
        name, plane = running.run(_named(running.engine, endpoint, region, profile))
        try:
            removal = running.run(plan_removal(plane, name))
            for told in removal.stays:
                note(f"{told} was not made by this command and stays")
            if not removal.steps:
                _absent(name)
            _print_plan(removal.steps, (), as_json=False)
            _confirm(f"Delete {len(removal.steps)} things for good?", yes=yes)
            with shown_progress() as progress:
                running.run(remove(plane, removal, progress=progress))
        finally:
            running.run(plane.aclose())
    note(f"the endpoint {name} is deleted")


@sagemaker.command()
@click.argument("file", metavar="FILE")
@click.option("--start", metavar="TIME", help="When the endpoint is made: cron(0 8 ? * MON-FRI *), rate(…), at(…).")
@click.option("--stop", metavar="TIME", help="When it is deleted; its configuration and model stay.")
@click.option("--timezone", default="UTC", show_default=True, metavar="ZONE", help="Such as Europe/Berlin.")
@json_option
@global_options
def schedule(file: str, start: str | None, stop: str | None, timezone: str, as_json: bool) -> None:
    """Print a CloudFormation template that starts and stops the endpoint, with the permissions it needs.

    Nothing is called. Print it again after each change of FILE: the endpoint's configuration has another name then.
    """
    from dragoman_aws.deployment.schedule import schedule_template

    template = schedule_template(_declared(file), start=start, stop=stop, timezone=timezone)
    if as_json:
        write_json(template)
    else:
        write(write_document(template, ".yaml"))


@sagemaker.command()
@global_options
def schema() -> None:
    """Print the JSON Schema of the document, for editors."""
    from dragoman_aws.deployment.document import deployment_schema

    write_json(deployment_schema())


# --- what they share ---------------------------------------------------------------------------------------------


def _declared(file: str) -> Any:
    from dragoman_aws.deployment.document import read_deployment

    return read_deployment(read_document(Path(file)), file)


async def _plane(engine: Any, declared: Any) -> Any:
    from dragoman_aws.deployment.control_plane import ControlPlane

    return await ControlPlane.declared(engine, declared)


async def _named(engine: Any, text: str, region: str | None, profile: str | None) -> tuple[str, Any]:
    """Return an endpoint's name and who looks at it: as a document says, or the environment and the options."""
    if Path(text).suffix.lower() in SUFFIXES:
        if region or profile:
            raise click.UsageError("--region and --profile are for an endpoint given by name; the file says both")
        declared = await engine.run_blocking(_declared, text)
        return declared.name, await _plane(engine, declared)
    from dragoman_aws.deployment.control_plane import ControlPlane

    connection: dict[str, Any] = {"region": region} if region else {}
    if profile:
        connection["auth"] = {"kind": "aws_profile", "profile": profile}
    resolved = await engine.resolve({"provider": "sagemaker", "model": text, "connection": connection})
    return text, ControlPlane(engine, resolved.target)


def _absent(name: str) -> None:
    from dragoman.errors import ModelNotFoundError

    raise ModelNotFoundError(f"there is no endpoint {name}", hint="check the region and the account")


def _confirm(question: str, *, yes: bool) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


def _print_plan(steps: tuple[Any, ...], reports: tuple[str, ...], *, as_json: bool) -> None:
    if not as_json:
        table(("ACTION", "KIND", "NAME", "WHY"), [(s.action, s.kind, s.name, s.reason or "-") for s in steps])
    for report in reports:
        note(report)
