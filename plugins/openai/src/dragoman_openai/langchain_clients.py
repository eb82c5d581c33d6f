"""The HTTP clients of the LangChain classes: they sign, and have the last word on every request of the SDK."""

from __future__ import annotations

import importlib
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from dragoman.errors import ConnectionFailedError, UnsupportedError
from dragoman.plugin import CallSettings, LangChainContext, Target

from dragoman_openai.codec import Endpoint
from dragoman_openai.codec.parameters import add_endpoint_kwargs
from dragoman_openai.connection import AzureConnection, OpenAIConnection
from dragoman_openai.langchain_signing import Signer, signer_of

#: What a class holds instead of a key. The HTTP client replaces it.
PLACEHOLDER = "set-when-sent"

#: Headers that the SDK and its HTTP client write themselves.
_SDK_HEADERS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"}
)
_SDK_PREFIX = "x-stainless-"


def imported(package: str) -> Any:
    """Return a package of the extra ``[langchain]``; raise ``UnsupportedError`` where it is not installed."""
    try:
        return importlib.import_module(package)
    except ImportError:
        raise UnsupportedError(
            "the LangChain class needs the package langchain-openai", hint="pip install 'dragoman-openai[langchain]'"
        ) from None


def is_dated(target: Target) -> bool:
    """Whether a target is an Azure deployment under a dated api-version, which has classes of its own."""
    connection = target.connection
    return isinstance(connection, AzureConnection) and connection.api_version is not None


def class_arguments(
    target: Target, endpoint: Endpoint, settings: CallSettings[Any], context: LangChainContext
) -> dict[str, Any]:
    """Return what every class is built with: address, clients that sign, deadlines, and no retries."""
    headers = dict(endpoint.headers)
    add_endpoint_kwargs(endpoint.url, headers, settings.endpoint_kwargs)
    limits = settings.limits
    return {
        **_address(target, endpoint),
        **_clients(_Guard(endpoint.url, headers, signer_of(target, context)), context),
        "api_key": PLACEHOLDER,
        "default_headers": headers,
        "default_query": dict(settings.endpoint_kwargs.get("query") or {}),
        "max_retries": 0,
        "openai_proxy": None,
        "timeout": imported("openai").Timeout(limits.timeout_s, connect=limits.connect_timeout_s),
    }


def _address(target: Target, endpoint: Endpoint) -> dict[str, Any]:
    connection = target.connection
    if not is_dated(target):
        base_url = endpoint.url.removesuffix("/chat/completions").removesuffix("/embeddings")
        account = {"organization": connection.organization} if isinstance(connection, OpenAIConnection) else {}
        return {"model": target.model, "base_url": base_url, **account}
    return {
        "azure_endpoint": connection.endpoint,
        "azure_deployment": quote(target.model, safe=""),
        "api_version": connection.api_version,
        "azure_ad_token": None,
        "base_url": None,
        "openai_api_type": "azure",
    }


# --- the clients -------------------------------------------------------------------------------------------------


class _Guard:
    """Has the last word on every request of the SDK."""

    def __init__(self, url: str, headers: Mapping[str, str], signer: Signer | None) -> None:
        self._origin = _origin(url)
        self._headers = headers
        self._signer = signer

    def sync_hook(self, request: Any) -> None:
        self._settle(request, self._signer.headers() if self._signer else {})

    async def async_hook(self, request: Any) -> None:
        self._settle(request, await self._signer.headers_async() if self._signer else {})

    def _settle(self, request: Any, credential: Mapping[str, str]) -> None:
        if _origin(str(request.url)) != self._origin:
            raise ConnectionFailedError("the LangChain class addressed another host than the adapter's; nothing sent")
        for name in {name.lower() for name in request.headers}:
            if name not in _SDK_HEADERS and not name.startswith(_SDK_PREFIX):
                del request.headers[name]
        request.headers.update({**self._headers, **credential})


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _clients(guard: _Guard, context: LangChainContext) -> dict[str, Any]:
    openai = imported("openai")
    common = {"trust_env": False, "follow_redirects": False, "verify": ssl.create_default_context()}
    blocking = openai.DefaultHttpxClient(event_hooks={"request": [guard.sync_hook]}, **common)
    asynchronous = openai.DefaultAsyncHttpxClient(event_hooks={"request": [guard.async_hook]}, **common)
    context.on_close(blocking.close)
    context.on_close(asynchronous.aclose)
    return {"http_client": blocking, "http_async_client": asynchronous}
