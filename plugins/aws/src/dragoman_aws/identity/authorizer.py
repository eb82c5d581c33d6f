"""Who signs a session's requests.

    region = choose_region(target.connection, os.environ).name
    session = context.codec_session(codec, authorizer(target, context, service="bedrock", region=region))

Credentials are cached by the engine under :attr:`Identity.key`, so that all adapters of one identity share them.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from dragoman.errors import DocumentError, Problem
from dragoman.plugin import Authorizer, Context, Credentials, HeaderKey, Target, WireRequest
from dragoman.secret import MASK, Secret

from dragoman_aws.identity.connection import BedrockApiKeyAuth
from dragoman_aws.identity.identity import Identity
from dragoman_aws.signing import Keys, Signer

if TYPE_CHECKING:
    from dragoman_aws.identity.sources import Acquired

#: Credentials that have no expiry of their own are looked up again after this many seconds, so that a change counts.
UNSTATED_LIFETIME_S = 300.0

_MASKED = Secret(MASK)


def authorizer(target: Target, context: Context, *, service: str, region: str) -> Authorizer:
    """Return who signs a target's requests, as its connection says.

    Args:
        target: Its connection is an :class:`~dragoman_aws.identity.connection.AwsConnection`.
        context: Of the engine.
        service: The service's name for signing: ``bedrock``, ``sagemaker``, ``s3``.
        region: As :func:`~dragoman_aws.identity.region.choose_region` found it.
    """
    if isinstance(target.connection.auth, BedrockApiKeyAuth):
        return HeaderKey(context, _api_key(target))
    return AwsAuthorizer(context, Identity.of(target, region), Signer(service, region))


def _api_key(target: Target) -> str:
    if name := target.credentials.get("api_key"):
        return name
    problem = Problem("credentials.api_key", "is missing", "name the secret that holds it")
    raise DocumentError(f"provider {target.provider}", [problem])


class AwsAuthorizer(Authorizer):
    """Signs with AWS credentials; a subclass may carry them in another way."""

    def __init__(self, context: Context, who: Identity, signer: Signer) -> None:
        self._context = context
        self._who = who
        self._key = who.key  # asked for with every call
        self.signer = signer

    @property
    def identity(self) -> Hashable:
        return self._key

    async def acquire(self) -> Credentials:
        given = self._who.keys_from({n: await self._context.secret(s) for n, s in self._who.secrets.items()})
        if given is not None and not self._who.roles:
            return Credentials(given)  # acquiring is cheap: the engine holds the secrets
        keys, expires_at_s = await self._context.run_blocking(_acquire, self._who, given)
        return Credentials(keys, self._context.now_s() + UNSTATED_LIFETIME_S if expires_at_s is None else expires_at_s)

    def sign(self, request: WireRequest, credentials: Credentials) -> WireRequest:
        return self.signer.sign(request, credentials.value, now_s=self._context.now_s())

    def describe(self) -> str:
        return self._who.who

    def placeholder(self) -> Credentials:
        return Credentials(Keys(MASK, _MASKED, None if self._who.has_lasting_keys else _MASKED))


def _acquire(who: Identity, given: Keys | None) -> Acquired:
    from dragoman_aws.identity.sources import acquire  # in the thread: importing botocore takes long

    return acquire(who, given)
