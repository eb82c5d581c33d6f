"""Who calls AWS, and where: an adapter's identity, or one that the command line chooses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
from dragoman.cli.plugin import Invocation

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_OPTIONS = (
    click.option("-a", "--adapter", metavar="NAME", help="Call as this adapter does; without it as the settings say."),
    click.option("--region", metavar="REGION", help="Another region."),
    click.option("--profile", "aws_profile", metavar="NAME", help="The credentials of this AWS profile."),
    click.option(
        "--role", "roles", metavar="ARN", multiple=True, help="Assume this role; repeated: one after another."
    ),
    click.option("--external-id", metavar="ID", help="What the last role's trust policy asks for."),
)


def who_options(command: F) -> F:
    """Add the options that say who calls, as one argument ``who``."""

    def gathering(*args: Any, **values: Any) -> Any:
        names = ("adapter", "region", "aws_profile", "roles", "external_id")
        return command(*args, who=Who(*(values.pop(name) for name in names)), **values)

    gathering.__name__, gathering.__doc__ = command.__name__, command.__doc__
    gathering.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    wrapped: Any = gathering
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


class Who:
    """What the options say."""

    def __init__(
        self,
        adapter: str | None,
        region: str | None,
        profile: str | None,
        roles: tuple[str, ...],
        external_id: str | None,
    ) -> None:
        if external_id is not None and not roles:
            raise click.BadParameter("it goes with --role", param_hint="'--external-id'")
        self.adapter = adapter
        connection: dict[str, Any] = {"region": region} if region else {}
        if profile:
            connection["auth"] = {"kind": "aws_profile", "profile": profile}
        if roles:
            given = [{"arn": arn} for arn in roles]
            if external_id is not None:
                given[-1]["external_id"] = external_id
            connection["roles"] = given
        self.override: dict[str, Any] | None = {"connection": connection} if connection else None

    def ask(self, invocation: Invocation, work: Callable[[Any], Awaitable[T]]) -> T:
        """Run one piece of work with the account as this identity sees it."""

        async def asked(engine: Any) -> T:
            async with await self.account(engine) as account:
                return await work(account)

        return invocation.run(asked)

    async def account(self, engine: Any) -> Any:
        """Return the account as this identity sees it; close it with ``async with``."""
        from dragoman.cli.plugin import adapter_from

        from dragoman_aws.profiles import Account

        adapter = None if self.adapter is None else await adapter_from(engine, self.adapter)
        return await Account.of(engine, adapter, self.override)
