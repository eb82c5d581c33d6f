"""The LangChain door: langchain-openai's own classes, configured explicitly and in full.

The SDK underneath reads a dozen environment variables. So the class is given a placeholder for a key, and the HTTP
client signs: the last thing that happens to a request is that it gets our credentials and loses every header that is
neither the SDK's own nor the adapter's. It refuses to send to any other host, and takes no proxy from the environment.
"""

from __future__ import annotations

import importlib
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from dragoman.errors import ConnectionFailedError, UnsupportedError
from dragoman.plugin import CallSettings, LangChainContext, Target

from dragoman_openai.codec import Dialect, Endpoint
from dragoman_openai.codec.parameters import add_endpoint_kwargs, merge_model_kwargs, write_inference, written_members
from dragoman_openai.connection import AzureConnection, OpenAIConnection
from dragoman_openai.langchain_signing import Signer, signer_of

if TYPE_CHECKING:
    from dragoman_openai.provider import ChatProvider

#: What the class holds instead of a key. The HTTP client replaces it.
PLACEHOLDER = "set-when-sent"

#: Headers that the SDK and its HTTP client write themselves.
_SDK_HEADERS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"}
)
_SDK_PREFIX = "x-stainless-"

#: Body members that the LangChain classes have a field for, under the same name.
_FIELDS = (
    "top_p", "seed", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias", "stop",
    "reasoning_effort", "verbosity", "service_tier", "store",
)  # fmt: skip


def chat_model(
    provider: ChatProvider,
    target: Target,
    settings: CallSettings,
    context: LangChainContext,
    model_class: Callable[..., Any] | None = None,
) -> Any:
    """Return ``AzureChatOpenAI`` for a dated api-version, else ``ChatOpenAI``; blocks while it is built.

    Args:
        provider, target, settings, context: As :meth:`dragoman.plugin.Provider.langchain` gets them.
        model_class: Another plugin's own class on langchain-openai's ``BaseChatOpenAI``, to be used instead.

    Raises:
        UnsupportedError: langchain-openai is not installed, or the adapter says something that it cannot.
    """
    make = model_class or _class_of(target)
    dialect, endpoint = provider.dialect(target), provider.endpoint(target)
    headers = dict(endpoint.headers)
    add_endpoint_kwargs(endpoint.url, headers, settings.endpoint_kwargs)
    signer = signer_of(target, context)
    arguments = {
        **_address(target, endpoint),
        **_members(settings, dialect, renames_max_tokens=model_class is None),
        **_clients(_Guard(endpoint.url, headers, signer), context),
        "api_key": PLACEHOLDER,
        "default_headers": headers,
        "default_query": dict(settings.endpoint_kwargs.get("query") or {}),
        "max_retries": 0,
        "openai_proxy": None,
        "output_version": None,
        "stream_chunk_timeout": settings.limits.chunk_timeout_s or 0,
        "stream_usage": dialect.stream_usage,
        "timeout": _import("openai").Timeout(settings.limits.timeout_s, connect=settings.limits.connect_timeout_s),
        "use_responses_api": False,
    }
    model = make(**arguments)
    # The constructor drops or invents a temperature by the model's name.
    model.temperature = settings.inference.temperature
    return model


def _class_of(target: Target) -> Any:
    classes = _import("langchain_openai")
    return classes.AzureChatOpenAI if _is_dated(target.connection) else classes.ChatOpenAI


def _is_dated(connection: Any) -> bool:
    return isinstance(connection, AzureConnection) and connection.api_version is not None


def _import(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise UnsupportedError(
            "the LangChain class needs the package langchain-openai", hint="pip install 'dragoman-openai[langchain]'"
        ) from None


def _address(target: Target, endpoint: Endpoint) -> dict[str, Any]:
    connection = target.connection
    if not _is_dated(connection):
        base_url = endpoint.url.removesuffix("/chat/completions")
        account = {"organization": connection.organization} if isinstance(connection, OpenAIConnection) else {}
        return {"model": target.model, "base_url": base_url, **account}
    return {
        "azure_endpoint": connection.endpoint,
        "azure_deployment": quote(target.model, safe=""),
        "api_version": connection.api_version,
        "azure_ad_token": None,
        "openai_api_type": "azure",
    }


def _members(settings: CallSettings, dialect: Dialect, *, renames_max_tokens: bool) -> dict[str, Any]:
    """Return the body members that the codec would write, as constructor arguments.

    ``ChatOpenAI`` sends its ``max_tokens`` as ``max_completion_tokens``; ``BaseChatOpenAI`` under its own name.
    """
    if getattr(settings.inference, "parallel_tool_calls", None) is not None:
        raise UnsupportedError(
            "the LangChain class takes it with the tools",
            path="inference.parallel_tool_calls",
            hint="remove it and use bind_tools(…, parallel_tool_calls=…)",
        )
    body: dict[str, Any] = {}
    write_inference(body, settings.inference, dialect)
    merge_model_kwargs(body, settings.model_kwargs, written_members(dialect))
    body.pop("temperature", None)
    arguments = {name: body.pop(name) for name in _FIELDS if name in body}
    member = "max_completion_tokens" if renames_max_tokens else "max_tokens"
    if member in body:
        arguments["max_tokens"] = body.pop(member)
    if "response_format" in body:
        arguments["model_kwargs"] = {"response_format": body.pop("response_format")}
    return {**arguments, "extra_body": body or None}


# --- the HTTP clients --------------------------------------------------------------------------------------------


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
    openai = _import("openai")
    common = {"trust_env": False, "follow_redirects": False, "verify": ssl.create_default_context()}
    blocking = openai.DefaultHttpxClient(event_hooks={"request": [guard.sync_hook]}, **common)
    asynchronous = openai.DefaultAsyncHttpxClient(event_hooks={"request": [guard.async_hook]}, **common)
    context.on_close(blocking.close)
    context.on_close(asynchronous.aclose)
    return {"http_client": blocking, "http_async_client": asynchronous}
