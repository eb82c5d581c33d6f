"""Asking AWS's control planes as an adapter's identity, one account in several regions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from dragoman.errors import CallTimeoutError, ConnectionFailedError, DragomanError, PermissionDeniedError
from dragoman.plugin import CheckStep, Context, Target
from dragoman.secret import Secret

from dragoman_aws.profiles.account import Account

A = ParamSpec("A")
T = TypeVar("T")

#: A person waits for the answer, and what cannot be asked is left out.
MAX_ATTEMPTS = 2

#: The control plane of a region is out of reach, as where only the data plane has a VPC endpoint.
OUT_OF_REACH = (ConnectionFailedError, CallTimeoutError)


class Regions:
    """The account of a target's identity, in any region; use it as ``async with``.

    ``connection.control_endpoint_url`` is asked for every region: whom it leads to, the signature's region says.
    """

    def __init__(self, target: Target, context: Context) -> None:
        self._target = target
        self._deployment: Any = _OfContext(context)
        self._accounts: dict[str | None, Account] = {}

    def account(self, region: str | None = None) -> Account:
        """Return the account in a region; ``None`` = the target's own."""
        if region not in self._accounts:
            connection = self._target.connection
            control = connection.control_endpoint_url
            places = {"bedrock": control, "sagemaker": control, "sts": connection.sts_endpoint_url}
            endpoints = {service: address for service, address in places.items() if address}
            self._accounts[region] = Account(
                self._deployment, self._target, region, endpoints, max_attempts=MAX_ATTEMPTS
            )
        return self._accounts[region]

    async def __aenter__(self) -> Regions:
        return self

    async def __aexit__(self, *_: object) -> None:
        for account in self._accounts.values():
            await account.aclose()


class _OfContext:
    """What an account needs of the engine, out of a provider's context."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def secrets(self) -> _OfContext:
        return self

    async def get(self, name: str) -> Secret:
        return await self._context.secret(name)

    def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> Awaitable[T]:
        return self._context.run_blocking(function, *args, **kwargs)


def not_asked(name: str, what: str, error: DragomanError) -> CheckStep:
    """Return the step for something that AWS does not tell this identity: that says nothing about a call.

    Args:
        name: The step's.
        what: What was to be found out, as the end of "could not be asked:".
        error: Why not.
    """
    reason = "the identity may not" if isinstance(error, PermissionDeniedError) else error.message
    hint = error.hint if isinstance(error, PermissionDeniedError) else None
    return CheckStep.skipped(name, f"{what} could not be asked: {reason}", hint)
