"""AWS's control planes as the deployment's identity sees them: asynchronous, all pages, with retries."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, ParamSpec, Protocol, Self, TypeVar

from dragoman.errors import DragomanError
from dragoman.plugin import Target
from dragoman.secret import MASK, Secret

from dragoman_aws.deployment.document import Deployment
from dragoman_aws.identity.identity import Identity
from dragoman_aws.identity.region import choose_region

A = ParamSpec("A")
T = TypeVar("T")

#: Of each call; botocore waits longer each time. Control planes throttle early.
MAX_ATTEMPTS = 6


class _Secrets(Protocol):
    async def get(self, name: str) -> Secret: ...


class Engine(Protocol):
    """What is needed of the engine; ``dragoman.Engine`` is one."""

    @property
    def secrets(self) -> _Secrets: ...
    def resolve(self, adapter: Any, override: Mapping[str, Any] | None = None) -> Awaitable[Any]: ...
    def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> Awaitable[T]: ...


class ControlPlane:
    """Calls AWS as an adapter's identity, its roles in other accounts included; use it as ``async with``.

    Errors are the engine's own and name the identity, the missing action and the resource.

    Args:
        engine: Its secrets and threads are used.
        target: Whose identity; its connection is one of this plugin's.
        endpoints: Addresses of services, under botocore's names; others are their service's own.
    """

    def __init__(self, engine: Engine, target: Target, endpoints: Mapping[Any, str] | None = None) -> None:
        self.region = choose_region(target.connection, os.environ).name
        self.identity = Identity.of(target, self.region)
        self._engine = engine
        self._endpoints = dict(endpoints or {})
        self._open: dict[tuple[str, str], Any] = {}

    @classmethod
    async def of(cls, engine: Engine, declared: Deployment) -> Self:
        """Return the control planes of a document's identity.

        Raises:
            DragomanError: The connection does not hold, or no region is named.
        """
        document: dict[str, Any] = {
            "provider": "sagemaker",
            "model": declared.name,
            "connection": declared.connection.model_dump(mode="json", exclude_unset=True),
        }
        if declared.credentials:
            document["credentials"] = declared.credentials
        resolved = await engine.resolve(document)
        return cls(engine, resolved.target, declared.endpoints)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        opened, self._open = list(self._open.values()), {}
        for client in opened:
            await self._engine.run_blocking(client.close)

    async def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> T:
        """Run a blocking function in the engine's threads."""
        return await self._engine.run_blocking(function, *args, **kwargs)

    async def secret(self, name: str) -> Secret:
        """Return a secret of the engine."""
        store = await self.run_blocking(lambda: self._engine.secrets)
        return await store.get(name)

    async def call(
        self, operation: str, *, service: str = "sagemaker", region: str | None = None, **arguments: Any
    ) -> dict[str, Any]:
        """Return the answer of one operation, under botocore's name for it: ``describe_endpoint``."""
        client = await self._client(service, region or self.region)
        return await self._asked(service, lambda: getattr(client, operation)(**arguments))

    async def call_with_secret(self, operation: str, mark: str, secret: Secret, **arguments: Any) -> dict[str, Any]:
        """Return the answer of an operation of SageMaker in whose request a mark is replaced by a secret.

        The secret joins the request just before it is signed: neither botocore's checks nor its log see it, and an
        error that quotes it is masked.
        """
        client = await self._client("sagemaker", self.region)

        def run() -> dict[str, Any]:
            from dragoman_aws.deployment.unseen import filled_in, unlogged

            with filled_in(client, operation, mark, secret), unlogged():
                answer: dict[str, Any] = getattr(client, operation)(**arguments)
                return answer

        failure: DragomanError | None = None
        try:
            return await self._asked("sagemaker", run)
        except DragomanError as error:
            failure = masked(error, secret)
        raise failure  # here and not above: what is masked is not to be its context

    async def unlogged(self, operation: str, *, service: str, region: str | None, **arguments: Any) -> dict[str, Any]:
        """Return the answer of an operation that botocore's log does not see, because it holds a secret."""
        client = await self._client(service, region or self.region)

        def run() -> dict[str, Any]:
            from dragoman_aws.deployment.unseen import unlogged

            with unlogged():
                answer: dict[str, Any] = getattr(client, operation)(**arguments)
                return answer

        return await self._asked(service, run)

    async def pages(
        self, operation: str, member: str, *, service: str = "sagemaker", **arguments: Any
    ) -> list[dict[str, Any]]:
        """Return the rows of all pages of a listing; ``member`` is where an answer holds its rows."""
        rows: list[dict[str, Any]] = []
        token: str | None = None
        while True:
            more = {"NextToken": token} if token else {}
            answer = await self.call(operation, service=service, **arguments, **more)
            rows += answer.get(member, ())
            token = answer.get("NextToken")
            if not token:
                return rows

    async def _client(self, service: str, region: str) -> Any:
        if (service, region) not in self._open:
            given = self.identity.keys_from({n: await self.secret(s) for n, s in self.identity.secrets.items()})
            self._open[service, region] = await self.run_blocking(self._make, service, region, given)
        return self._open[service, region]

    def _make(self, service: str, region: str, given: Any) -> Any:
        from dragoman_aws.identity.clients import Clients  # in the thread: importing botocore takes long

        clients = Clients(replace(self.identity, region=region), given)
        return clients.client(service, endpoint_url=self._endpoints.get(service), max_attempts=MAX_ATTEMPTS)

    async def _asked(self, service: str, call: Callable[[], T]) -> T:
        def run() -> T:
            from dragoman_aws.identity.errors import ask

            return ask(_TITLES[service], self.identity.who, call)

        return await self.run_blocking(run)


_TITLES = {
    "sagemaker": "SageMaker",
    "secretsmanager": "Secrets Manager",
    "service-quotas": "Service Quotas",
}


def masked(error: DragomanError, secret: Secret) -> DragomanError:
    """Return an error without the secret that its texts may quote; AWS quotes what it cannot validate."""
    value = secret.reveal()
    error.message = error.message.replace(value, MASK)
    error.hint = error.hint.replace(value, MASK) if error.hint else None
    error.args = tuple(a.replace(value, MASK) if isinstance(a, str) else a for a in error.args)
    error.__cause__ = error.__context__ = None
    return error
