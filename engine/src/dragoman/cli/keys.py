"""``dragoman keys``: who may use the gateway."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from dragoman.cli.group import CommandGroup
from dragoman.cli.invocation import Invocation
from dragoman.cli.options import global_options, json_option, pass_invocation
from dragoman.cli.output import note, table, write_json, write_line
from dragoman.cli.state import when, whoever_runs_this, with_state

if TYPE_CHECKING:
    from dragoman.server.state import Key, State

EPILOG = """\b
Examples:
  dragoman keys create --name laptop --project search
  dragoman keys create --name ci --project search --role developer --adapter my-model --expires 90d
  dragoman keys list
  dragoman keys revoke laptop --reason "lost on a train"
"""

SHOWN = (
    "id", "name", "project", "roles", "adapters", "networks", "state", "created_by", "created_at", "expires_at",
    "revoked_by", "revoked_at", "last_used_at",
)  # fmt: skip


@click.group(cls=CommandGroup, epilog=EPILOG)
@global_options
def keys() -> None:
    """Make, list and revoke keys of the gateway."""


# --- create ------------------------------------------------------------------------------------------------------

CREATE_EPILOG = """\b
Examples:
  dragoman keys create --name laptop --project search
  dragoman keys create --name ci --project search --adapter my-model --network 10.0.0.0/8 --expires 90d
  dragoman keys create --name root --project operations --role admin
  export DRAGOMAN_KEY=$(dragoman keys create --name job --project search --json | jq -r .secret)

The secret is shown now and never again: what is stored is its hash.
"""


@keys.command(epilog=CREATE_EPILOG)
@click.option("--name", required=True, help="What to call the key; a person or a program.")
@click.option("--project", required=True, help="What its calls are booked on.")
@click.option(
    "--role", "roles", multiple=True, metavar="ROLE", help="user, developer or admin; user unless given. Repeatable."
)
@click.option("--adapter", "adapters", multiple=True, metavar="NAME", help="An adapter that it may call. Repeatable.")
@click.option("--no-adapters", is_flag=True, help="It may call no adapter at all; for administration alone.")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="A range that it may come from. Repeatable.")
@click.option(
    "--expires",
    "expires_at",
    callback=when(ahead=True),
    metavar="WHEN",
    help="2027-01-31, or 90d from now; never unless given.",
)
@json_option
@global_options
@pass_invocation
def create(invocation: Invocation, /, as_json: bool, **given: Any) -> None:
    """Make a key and print its secret, once.

    Without --adapter it may call every adapter, without --network it may come from everywhere.
    """
    no_adapters = given.pop("no_adapters")
    if no_adapters and given["adapters"]:
        raise click.UsageError("--adapter and --no-adapters contradict each other")
    for limit in ("adapters", "networks"):  # absent means all, empty none
        given[limit] = given[limit] or None
    given["adapters"] = () if no_adapters else given["adapters"]
    given["roles"] = given["roles"] or ("user",)

    async def make(state: State) -> tuple[Key, str]:
        key, secret = await state.keys.create(by=whoever_runs_this(), **given)
        return key, secret.reveal()

    key, secret = with_state(invocation, make)
    if as_json:
        write_json({**_object(key), "secret": secret})
        return
    write_line(secret)
    note(f"key {key.id} ({key.name}) of project {key.project}; this is the only time that its secret is shown")


# --- list and show -----------------------------------------------------------------------------------------------

LIST_EPILOG = """\b
Examples:
  dragoman keys list
  dragoman keys list --all
  dragoman keys list --json | jq -r '.keys[] | select(.last_used_at == null).name'
"""


@keys.command("list", epilog=LIST_EPILOG)
@click.option("--all", "everything", is_flag=True, help="Also those that are revoked or expired.")
@json_option
@global_options
@pass_invocation
def list_keys(invocation: Invocation, /, everything: bool, as_json: bool) -> None:
    """List the keys, never a secret."""

    async def read(state: State) -> list[Key]:
        return [key for key in await state.keys.list() if everything or key.state == "active"]

    found = with_state(invocation, read)
    if as_json:
        write_json({"keys": [_object(key) for key in found]})
    elif found:
        rows = [
            (k.id, k.name, k.project, ", ".join(k.roles), k.state, _day(k.expires_at), _day(k.last_used_at))
            for k in found
        ]
        table(("ID", "NAME", "PROJECT", "ROLES", "STATE", "EXPIRES", "LAST USED"), rows)
    else:
        write_line("There are no keys; `dragoman keys create` makes one.")


SHOW_EPILOG = """\b
Examples:
  dragoman keys show laptop
  dragoman keys show laptop --json
"""


@keys.command(epilog=SHOW_EPILOG)
@click.argument("key", metavar="ID|NAME")
@json_option
@global_options
@pass_invocation
def show(invocation: Invocation, /, key: str, as_json: bool) -> None:
    """Show what a key may do and when it was used last, never its secret."""
    found = with_state(invocation, lambda state: state.keys.find(key))
    if as_json:
        write_json(_object(found))
    else:
        _print(found)


# --- revoke ------------------------------------------------------------------------------------------------------

REVOKE_EPILOG = """\b
Examples:
  dragoman keys revoke laptop --reason "lost on a train"
  dragoman keys revoke 7k2mq9xw4d
"""


@keys.command(epilog=REVOKE_EPILOG)
@click.argument("key", metavar="ID|NAME")
@click.option("--reason", help="Why; it goes into the audit log.")
@json_option
@global_options
@pass_invocation
def revoke(invocation: Invocation, /, key: str, reason: str | None, as_json: bool) -> None:
    """Revoke a key, for good; within a second no running gateway accepts it."""

    async def end(state: State) -> Key:
        found = await state.keys.find(key)
        return await state.keys.revoke(found.id, by=whoever_runs_this(), reason=reason)

    revoked = with_state(invocation, end)
    if as_json:
        write_json(_object(revoked))
    else:
        write_line(f"key {revoked.id} ({revoked.name}) was revoked by {revoked.revoked_by}, {_day(revoked.revoked_at)}")


# --- how they are shown ------------------------------------------------------------------------------------------


def _object(key: Key) -> dict[str, Any]:
    shown = {name: getattr(key, name) for name in SHOWN}
    return {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in shown.items()}


def _print(key: Key) -> None:
    shown = {
        **{name: getattr(key, name) for name in SHOWN},
        "roles": ", ".join(key.roles),
        "adapters": "all" if key.adapters is None else ", ".join(key.adapters) or "none",
        "networks": "all" if key.networks is None else ", ".join(key.networks) or "none",
    }
    rows = [
        (name, _day(value) if isinstance(value, dt.datetime) else str(value)) for name, value in shown.items() if value
    ]
    table(("MEMBER", "VALUE"), rows)


def _day(moment: dt.datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment else "-"
