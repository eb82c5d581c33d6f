"""The LangChain door: a class for AI21 on langchain-openai's ``BaseChatOpenAI``.

langchain-ai21 cannot be installed beside langchain-core 1.x (its newest version, 1.2.0, in November 2026).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NoReturn

from dragoman.errors import UnsupportedError
from dragoman.plugin import CallSettings, LangChainContext, Target
from dragoman_openai.langchain import chat_model
from dragoman_openai.provider import ChatProvider


def jamba_model(provider: ChatProvider, target: Target, settings: CallSettings, context: LangChainContext) -> Any:
    """Return the LangChain class for a target; blocks while it is built.

    Raises:
        UnsupportedError: langchain-openai is not installed, or the adapter says something that the class cannot.
    """
    return chat_model(provider, target, settings, context, _jamba_class())


@cache
def _jamba_class() -> Callable[..., Any]:
    """Return the class. It is made on first use: what it builds on takes a second to import."""
    try:
        from langchain_openai.chat_models.base import BaseChatOpenAI
    except ImportError:
        raise UnsupportedError(
            "the LangChain class needs the package langchain-openai", hint="pip install 'dragoman-ai21[langchain]'"
        ) from None

    class ChatJamba(BaseChatOpenAI):
        """Jamba at AI21 Studio. What AI21's API does not know is refused, whoever asks for it."""

        @property
        def _llm_type(self) -> str:
            return "ai21-chat"

        def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
            return {**super()._get_ls_params(stop=stop, **kwargs), "ls_provider": "ai21"}

        def _get_request_payload(self, input_: Any, *, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
            return fitted(super()._get_request_payload(input_, stop=stop, **kwargs))

    return ChatJamba


def fitted(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request as AI21 takes it, in the codec's words; refuse what it does not know."""
    body = dict(payload)
    if body.pop("tool_choice", None) not in (None, "auto"):
        _refuse("AI21 cannot be told which tool to call", "tool_choice", "leave it out; for structured output use "
                "method='json_mode' and describe the shape in the prompt")  # fmt: skip
    if body.pop("parallel_tool_calls", None) is not None:
        _refuse("AI21 cannot be told how many tools to call", "parallel_tool_calls", "leave it out")
    if (body.get("response_format") or {}).get("type") == "json_schema":
        _refuse("AI21 takes no JSON Schema", "response_format", "use json_object and describe the shape in the prompt")
    body["messages"] = [_message(message, f"messages[{i}]") for i, message in enumerate(body["messages"])]
    if tools := body.get("tools"):
        body["tools"] = [_tool(tool, f"tools[{i}]") for i, tool in enumerate(tools)]
    return body


def _message(message: Mapping[str, Any], at: str) -> dict[str, Any]:
    if message.get("name"):
        _refuse("AI21 takes no names of authors", f"{at}.name", "write it into the text")
    wire = dict(message)
    if wire["role"] == "developer":
        wire["role"] = "system"
    if isinstance(wire.get("content"), list):
        wire["content"] = "".join(_text(part, f"{at}.content[{i}]") for i, part in enumerate(wire["content"]))
    return wire


def _text(part: Any, at: str) -> str:
    if isinstance(part, str):
        return part
    if part.get("type") != "text":
        _refuse(f"AI21's messages are text; a part of type {part.get('type')} cannot go into one", at)
    return str(part["text"])


def _tool(tool: Mapping[str, Any], at: str) -> dict[str, Any]:
    function = dict(tool.get("function") or ())
    if function.pop("strict", None):
        _refuse("AI21 has no strict tools", f"{at}.strict", "leave it out")
    return {**tool, "function": function}


def _refuse(what: str, path: str, hint: str | None = None) -> NoReturn:
    raise UnsupportedError(what, path=path, hint=hint)
