"""AWS's control planes, as one identity sees them in one region: asynchronous, all pages, with retries."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, ParamSpec, Protocol, Self, TypeVar

from dragoman.errors import DocumentError, Problem
from dragoman.plugin import Target
from dragoman.secret import Secret

from dragoman_aws.identity.connection import AwsConnection, BedrockApiKeyAuth
from dragoman_aws.identity.identity import Identity
from dragoman_aws.identity.region import choose_region, partition

A = ParamSpec("A")
T = TypeVar("T")

#: Told what a long piece of work is at, in one line for a person.
Progress = Callable[[str], None]

#: Of each call; botocore waits longer each time. Control planes throttle early.
MAX_ATTEMPTS = 6

#: What the next page is asked with, as services spell it.
_TOKENS = ("nextToken", "NextToken")


class _Secrets(Protocol):
    async def get(self, name: str) -> Secret: ...


class Deployment(Protocol):
    """What is needed of the engine; ``dragoman.Engine`` is one."""

    @property
    def secrets(self) -> _Secrets: ...
    def resolve(self, adapter: Any, override: Mapping[str, Any] | None = None) -> Awaitable[Any]: ...
    def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> Awaitable[T]: ...


class Account:
    """Calls AWS as an adapter's identity, its roles in other accounts included; use it as ``async with``.

    Errors are the engine's own and name the identity, the missing action and the resource. ``service`` is the one that
    is called where a call names none.

    Args:
        deployment: The engine, whose secrets and threads are used.
        target: Whose identity; its connection is one of this plugin's.
        region: Where; ``None`` = the connection's own, else the environment's.
        endpoints: Addresses of services, under botocore's names; that of ``bedrock`` is by default the connection's
            ``control_endpoint_url``, others are those of the connection's ``endpoints``, else their service's own.
        max_attempts: Of each call.
    """

    service: ClassVar[str] = "bedrock"

    def __init__(
        self,
        deployment: Deployment,
        target: Target,
        region: str | None = None,
        endpoints: Mapping[str, str] | None = None,
        *,
        max_attempts: int = MAX_ATTEMPTS,
    ) -> None:
        if not isinstance(target.connection, AwsConnection):
            problem = Problem("provider", f"{target.provider} is not called as an identity of AWS")
            raise DocumentError("account", [problem])
        self.region = region or choose_region(target.connection, os.environ).name
        self.partition = partition(self.region)
        self.identity = Identity.of(target, self.region)
        self._deployment = deployment
        self._target = target
        self._endpoints = {
            "bedrock": getattr(target.connection, "control_endpoint_url", None),
            **(getattr(target.connection, "endpoints", None) or {}),
            **(endpoints or {}),
        }
        self._max_attempts = max_attempts
        self._clients: dict[str, Any] = {}
        self._open: dict[tuple[str, str], Any] = {}

    @classmethod
    async def of(
        cls, deployment: Deployment, adapter: Any = None, override: Mapping[str, Any] | None = None
    ) -> Account:
        """Return the account of an adapter's identity.

        Args:
            deployment: The engine.
            adapter: A name or a document; ``None`` = what the settings say of the provider ``bedrock``.
            override: A patch over it, for another region or role: ``{"connection": {"region": "eu-west-1"}}``.

        Raises:
            DragomanError: There is no such adapter, or it is not one of AWS.
        """
        document = {"provider": "bedrock", "model": "none"} if adapter is None else adapter
        resolved = await deployment.resolve(document, override)
        return cls(deployment, resolved.target)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; a later call opens new ones."""
        opened, self._open = list(self._open.values()), {}
        for client in opened:
            await self._deployment.run_blocking(client.close)

    async def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> T:
        """Run a blocking function in the deployment's threads."""
        return await self._deployment.run_blocking(function, *args, **kwargs)

    async def secret(self, name: str) -> Secret:
        """Return a secret of the deployment."""
        store = await self.run_blocking(lambda: self._deployment.secrets)
        return await store.get(name)

    async def call(
        self, operation: str, *, service: str | None = None, region: str | None = None, **arguments: Any
    ) -> dict[str, Any]:
        """Return the answer of one operation, under botocore's name for it: ``get_inference_profile``.

        Args:
            operation: botocore's name for it.
            service: Whose, under botocore's name; ``None`` = the usual one.
            region: Where; ``None`` = the account's own.
            arguments: Of the operation.
        """
        client = await self._client(service or self.service, region)
        answer: dict[str, Any] = await self._asked(
            service or self.service, lambda: getattr(client, operation)(**arguments)
        )
        return answer

    async def pages(
        self, operation: str, member: str, progress: Progress | None = None, **arguments: Any
    ) -> list[dict[str, Any]]:
        """Return the rows of all pages of a listing.

        Args:
            operation: botocore's name for it.
            member: Where an answer holds its rows.
            progress: Told after each page.
            arguments: Of the operation; ``service`` as in :meth:`call`.
        """
        rows: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            answer = await self.call(operation, **arguments, **more)
            rows += answer.get(member, ())
            more = {name: answer[name] for name in _TOKENS if answer.get(name)}
            if not more:
                return rows
            if progress is not None:
                progress(f"{len(rows)} so far, asking for more")

    async def _client(self, service: str, region: str | None = None) -> Any:
        where = region or self.region
        if (service, where) not in self._open:
            given, api_key = await self._given()
            self._open[service, where] = await self.run_blocking(self._make, service, where, given, api_key)
        return self._open[service, where]

    async def _given(self) -> tuple[Any, Secret | None]:
        if isinstance(self.identity.auth, BedrockApiKeyAuth):
            return None, await self.secret(self._api_key())
        return self.identity.keys_from({n: await self.secret(s) for n, s in self.identity.secrets.items()}), None

    def _api_key(self) -> str:
        if name := self._target.credentials.get("api_key"):
            return name
        problem = Problem("credentials.api_key", "is missing", "name the secret that holds it")
        raise DocumentError(f"provider {self._target.provider}", [problem])

    def _make(self, service: str, region: str, given: Any, api_key: Secret | None) -> Any:
        from dragoman_aws.identity.clients import Clients  # in the thread: importing botocore takes long

        if region not in self._clients:
            self._clients[region] = Clients(replace(self.identity, region=region), given, api_key=api_key)
        address = self._endpoints.get(service)
        return self._clients[region].client(service, endpoint_url=address, max_attempts=self._max_attempts)

    async def _asked(self, service: str, call: Callable[[], T]) -> T:
        def run() -> T:
            from dragoman_aws.identity.errors import ask

            return ask(_TITLES.get(service, "AWS"), self.identity.who, call)

        return await self.run_blocking(run)


#: What errors call a service; others are AWS.
_TITLES = {
    "sagemaker": "SageMaker",
    "secretsmanager": "Secrets Manager",
    "service-quotas": "Service Quotas",
}
