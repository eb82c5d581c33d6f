"""What the entry point names: models of data and the hook."""

from __future__ import annotations

from dragoman.plugin import ProviderDescription, hookimpl

from dragoman_http.connection import HttpConnection

PLUGIN_API = (1, 0)


@hookimpl
def dragoman_providers() -> list[ProviderDescription]:
    return [
        ProviderDescription(
            kind="http",
            title="Any HTTP endpoint, by mapping",
            factory="dragoman_http.provider:HttpProvider",
            connection=HttpConnection,
            credentials={
                "api_key": None,  # bearer, header
                "password": None,  # basic
                "client_secret": None,  # oauth_client
                "access_key_id": None,  # aws_sigv4 with the source aws_keys
                "secret_access_key": None,
                "session_token": None,
            },
            operations=("chat", "embed", "rerank"),
            mapping=True,
        )
    ]
