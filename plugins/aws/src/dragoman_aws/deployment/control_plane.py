"""SageMaker's control plane, and those beside it, as a deployment's identity sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from dragoman.errors import DragomanError
from dragoman.plugin import Target
from dragoman.secret import MASK, Secret

from dragoman_aws.deployment.document import Deployment
from dragoman_aws.profiles.account import Account
from dragoman_aws.profiles.account import Deployment as Engine


class ControlPlane(Account):
    """An account whose usual service is SageMaker, and whose calls can hold secrets that no log sees.

    Args:
        engine: Its secrets and threads are used.
        target: Whose identity; its connection is one of this plugin's.
        endpoints: Addresses of services, under botocore's names; others are their service's own.
    """

    service: ClassVar[str] = "sagemaker"

    def __init__(self, engine: Engine, target: Target, endpoints: Mapping[Any, str] | None = None) -> None:
        super().__init__(engine, target, endpoints=endpoints)

    @classmethod
    async def declared(cls, engine: Engine, document: Deployment) -> Self:
        """Return the control planes of a document's identity.

        Raises:
            DragomanError: The connection does not hold, or no region is named.
        """
        adapter: dict[str, Any] = {
            "provider": "sagemaker",
            "model": document.name,
            "connection": document.connection.model_dump(mode="json", exclude_unset=True),
        }
        if document.credentials:
            adapter["credentials"] = document.credentials
        resolved = await engine.resolve(adapter)
        return cls(engine, resolved.target, document.endpoints)

    async def call_with_secret(self, operation: str, mark: str, secret: Secret, **arguments: Any) -> dict[str, Any]:
        """Return the answer of an operation of SageMaker in whose request a mark is replaced by a secret.

        The secret joins the request just before it is signed: neither botocore's checks nor its log see it, and an
        error that quotes it is masked.
        """
        client = await self._client(self.service)

        def run() -> dict[str, Any]:
            from dragoman_aws.deployment.unseen import filled_in, unlogged

            with filled_in(client, operation, mark, secret), unlogged():
                answer: dict[str, Any] = getattr(client, operation)(**arguments)
                return answer

        failure: DragomanError | None = None
        try:
            return await self._asked(self.service, run)
        except DragomanError as error:
            failure = masked(error, secret)
        raise failure  # here and not above: what is masked is not to be its context

    async def unlogged(self, operation: str, *, service: str, region: str | None, **arguments: Any) -> dict[str, Any]:
        """Return the answer of an operation that botocore's log does not see, because it holds a secret."""
        client = await self._client(service, region)

        def run() -> dict[str, Any]:
            from dragoman_aws.deployment.unseen import unlogged

            with unlogged():
                answer: dict[str, Any] = getattr(client, operation)(**arguments)
                return answer

        return await self._asked(service, run)


def masked(error: DragomanError, secret: Secret) -> DragomanError:
    """Return an error without the secret that its texts may quote; AWS quotes what it cannot validate."""
    value = secret.reveal()
    error.message = error.message.replace(value, MASK)
    error.hint = error.hint.replace(value, MASK) if error.hint else None
    error.args = tuple(a.replace(value, MASK) if isinstance(a, str) else a for a in error.args)
    error.__cause__ = error.__context__ = None
    return error
