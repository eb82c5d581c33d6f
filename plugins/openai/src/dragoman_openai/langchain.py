"""The LangChain door: langchain-openai's own classes, configured explicitly and in full.

The SDK underneath reads a dozen environment variables. So the class is given a placeholder for a key, and the HTTP
client signs: the last thing that happens to a request is that it gets our credentials and loses every header that is
neither the SDK's own nor the adapter's. It refuses to send to any other host, and takes no proxy from the environment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dragoman.errors import UnsupportedError
from dragoman.plugin import CallSettings, LangChainContext, Target

from dragoman_openai.codec import Dialect
from dragoman_openai.codec.parameters import merge_model_kwargs, write_inference, written_members
from dragoman_openai.langchain_clients import class_arguments, imported, is_dated

if TYPE_CHECKING:
    from dragoman_openai.provider import ChatProvider

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
    arguments = {
        **class_arguments(target, endpoint, settings, context),
        **_members(settings, dialect, renames_max_tokens=model_class is None),
        "output_version": None,
        "stream_chunk_timeout": settings.limits.chunk_timeout_s or 0,
        "stream_usage": dialect.stream_usage,
        "use_responses_api": False,
    }
    model = make(**arguments)
    # The constructor drops or invents a temperature by the model's name.
    model.temperature = settings.inference.temperature
    return model


def _class_of(target: Target) -> Any:
    classes = imported("langchain_openai")
    return classes.AzureChatOpenAI if is_dated(target) else classes.ChatOpenAI


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
