"""The LangChain door: langchain-cohere's own classes, configured explicitly and in full.

The SDK underneath reads variables of the environment for its key and its address. So it is given a placeholder for a
key and its address in full, and the HTTP client signs: the last thing that happens to a request is that it gets our
credentials and loses every header that is neither the SDK's own nor the adapter's. It refuses to send to any other
host, follows no redirect, and takes no proxy from the environment.
"""

from __future__ import annotations

import importlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from dragoman.errors import ConnectionFailedError, UnsupportedError
from dragoman.plugin import CallSettings, LangChainContext, Target

from dragoman_cohere.credentials import api_key_of
from dragoman_cohere.wire import add_endpoint_kwargs

#: What the class holds instead of a key. The HTTP client replaces it.
PLACEHOLDER = "set-when-sent"

#: Headers that the SDK and its HTTP client write themselves.
_SDK_HEADERS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding"}
)
_SDK_PREFIXES = ("x-fern-", "user-agent")


def build(target: Target, settings: CallSettings[Any], context: LangChainContext) -> Any:
    """Return ``ChatCohere``, ``CohereEmbeddings`` or ``CohereRerank``; blocks while it is built.

    Raises:
        UnsupportedError: langchain-cohere is not installed, or the adapter says something that cannot be said.
    """
    _require("langchain_cohere")
    clients = clients_for(target, settings, context)
    module = importlib.import_module(f"dragoman_cohere.{_MODULES[target.operation]}")
    return module.build(target, settings, clients)


_MODULES = {"chat": "langchain_chat", "embed": "langchain_texts", "rerank": "langchain_texts"}


def _require(package: str) -> None:
    try:
        importlib.import_module(package)
    except ImportError:
        raise UnsupportedError(
            "the LangChain class needs the package langchain-cohere", hint="pip install 'dragoman-cohere[langchain]'"
        ) from None


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients of Cohere's SDK for one adapter, and the options of each of their calls.

    ``options`` switch the SDK's own retries off and carry the adapter's query.
    """

    blocking: Any
    asynchronous: Any
    ranking: Any
    options: Mapping[str, Any]


def clients_for(target: Target, settings: CallSettings[Any], context: LangChainContext) -> Clients:
    """Return clients that sign, and that are closed with the context."""
    import cohere
    import httpx

    base_url = target.connection.base_url
    headers = {"X-Client-Name": target.connection.client_name} if target.connection.client_name else {}
    add_endpoint_kwargs(base_url, headers, settings.endpoint_kwargs)
    if (name := api_key_of(target)) is not None:
        headers["Authorization"] = f"Bearer {context.secret(name).reveal()}"
    guard = _Guard(base_url, headers)
    timeout = httpx.Timeout(settings.limits.timeout_s, connect=settings.limits.connect_timeout_s)
    common: dict[str, Any] = {"trust_env": False, "follow_redirects": False, "verify": ssl.create_default_context()}
    blocking = httpx.Client(event_hooks={"request": [guard.settle]}, timeout=timeout, **common)
    asynchronous = httpx.AsyncClient(event_hooks={"request": [guard.settle_async]}, timeout=timeout, **common)
    context.on_close(blocking.close)
    context.on_close(asynchronous.aclose)
    arguments: dict[str, Any] = {"api_key": PLACEHOLDER, "base_url": base_url, "timeout": timeout}
    query = dict(settings.endpoint_kwargs.get("query") or {})
    return Clients(
        blocking=cohere.Client(httpx_client=blocking, **arguments),
        asynchronous=cohere.AsyncClient(httpx_client=asynchronous, **arguments),
        ranking=cohere.ClientV2(httpx_client=blocking, **arguments),
        options={"max_retries": 0, **({"additional_query_parameters": query} if query else {})},
    )


class _Guard:
    """Has the last word on every request of the SDK. Shows no header: one of them is the key."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._origin = _origin(url)
        self._headers = dict(headers)

    def settle(self, request: Any) -> None:
        if _origin(str(request.url)) != self._origin:
            raise ConnectionFailedError("the LangChain class addressed another host than the adapter's; nothing sent")
        for name in {name.lower() for name in request.headers}:
            if name not in _SDK_HEADERS and not name.startswith(_SDK_PREFIXES):
                del request.headers[name]
        request.headers.update(self._headers)

    async def settle_async(self, request: Any) -> None:
        self.settle(request)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
