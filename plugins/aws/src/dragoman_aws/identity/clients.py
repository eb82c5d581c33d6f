"""AWS's own clients for an identity: the control plane, and the doors of other libraries. Blocking.

    clients = Clients(Identity.of(target, region), given)
    clients.client("bedrock").list_inference_profiles()

The roles of the adapter are used for every call, and credentials renew themselves. Neither ``AWS_BEARER_TOKEN_BEDROCK``
nor an address in the environment or the shared files changes where a call goes or who makes it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.parsers import ResponseParserError
from botocore.tokens import FrozenAuthToken, TokenProviderChain
from dragoman.secret import Secret

from dragoman_aws.identity.connection import AwsDefaultAuth, AwsProfileAuth
from dragoman_aws.identity.identity import Identity
from dragoman_aws.identity.sources import SdkSession, acquire
from dragoman_aws.signing import Keys


class Clients:
    """Makes clients that share one session, and with it their credentials.

    Nothing is asked of AWS before the first call of a client. Errors are botocore's; for the identity's own, what
    :func:`~dragoman_aws.identity.sources.acquire` raises.

    Args:
        identity: Who calls.
        given: The keys that its secrets hold, for ``aws_keys``; they stay what they were when this was made.
        api_key: The Bedrock API key, for ``bedrock_api_key``.
    """

    def __init__(self, identity: Identity, given: Keys | None = None, *, api_key: Secret | None = None) -> None:
        auth = identity.auth
        own_chain = isinstance(auth, AwsDefaultAuth | AwsProfileAuth) and not identity.roles
        self._session = SdkSession(
            identity,
            profile=auth.profile if isinstance(auth, AwsProfileAuth) and own_chain else None,
            default_profile=isinstance(auth, AwsDefaultAuth) and own_chain,
        )
        self._scheme = "sigv4" if api_key is None else "httpBearerAuth"
        self._session.register_component("token_provider", TokenProviderChain([_Token(api_key)] if api_key else []))
        if not own_chain:  # which botocore renews by itself
            providers = [_Acquired(identity, given)] if api_key is None else []
            self._session.register_component("credential_provider", CredentialResolver(providers))

    def client(
        self,
        service: str,
        *,
        endpoint_url: str | None = None,
        max_attempts: int = 3,
        connect_timeout_s: float = 5,
        read_timeout_s: float = 60,
        max_pool_connections: int = 10,
    ) -> Any:
        """Return a botocore client.

        Args:
            service: As botocore names it: ``bedrock``, ``bedrock-runtime``, ``secretsmanager``.
            endpoint_url: Its address; ``None`` = the service's own in the region.
            max_attempts: 1 where the caller retries, as the engine does.
            connect_timeout_s: Until the connection stands.
            read_timeout_s: Between two pieces of an answer.
            max_pool_connections: How many calls go at a time without a connection of their own.
        """
        config = Config(
            auth_scheme_preference=self._scheme,
            connect_timeout=connect_timeout_s,
            read_timeout=read_timeout_s,
            max_pool_connections=max_pool_connections,
            retries={"total_max_attempts": max_attempts, "mode": "standard"},
        )
        client = self._session.create_client(service, endpoint_url=endpoint_url, config=config)
        client.meta.events.register("after-call", _refuse_what_is_not_json)
        return client


def _refuse_what_is_not_json(http_response: Any, model: Any, **_: Any) -> None:
    """Raise where botocore would read nothing, in silence, out of the page of a proxy or of another server."""
    is_stream = model.has_streaming_output or model.has_event_stream_output
    if is_stream or "json" not in model.service_model.metadata.get("protocol", ""):
        return
    body = http_response.content.lstrip()
    if body and not body.startswith(b"{"):
        raise ResponseParserError("the answer is not JSON")


class _Acquired(CredentialProvider):  # type: ignore[misc]
    """Feeds botocore what :func:`acquire` obtains; botocore asks again ten minutes before the end."""

    METHOD = "dragoman"

    def __init__(self, identity: Identity, given: Keys | None) -> None:
        super().__init__()
        self._identity = identity
        self._given = given

    def load(self) -> Any:
        if self._given is not None and not self._identity.roles:
            return Credentials(*_revealed(self._given), method=self.METHOD)
        return DeferredRefreshableCredentials(self._obtain, self.METHOD)

    def _obtain(self) -> dict[str, str | None]:
        keys, expires_at_s = acquire(self._identity, self._given)
        access_key, secret_key, token = _revealed(keys)
        expiry = datetime.fromtimestamp(time.time() if expires_at_s is None else expires_at_s, UTC)
        return {"access_key": access_key, "secret_key": secret_key, "token": token, "expiry_time": expiry.isoformat()}


class _Token:
    """Feeds botocore the adapter's API key."""

    def __init__(self, api_key: Secret) -> None:
        self._api_key = api_key

    def load_token(self, **_: Any) -> Any:
        return FrozenAuthToken(self._api_key.reveal())


def _revealed(keys: Keys) -> tuple[str, str, str | None]:
    token = keys.session_token.reveal() if keys.session_token else None
    return keys.access_key_id, keys.secret_access_key.reveal(), token
