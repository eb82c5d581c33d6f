"""The provider: AI21's dialect of the chat-completions protocol, spoken by the codec of dragoman-openai."""

from __future__ import annotations

from typing import Any

from dragoman.plugin import Authorizer, CallSettings, Context, HeaderKey, LangChainContext, Target
from dragoman_openai.codec import Dialect, Endpoint
from dragoman_openai.credentials import credential
from dragoman_openai.provider import ChatProvider

#: Read in AI21's reference (docs.ai21.com/reference/jamba-1-6-api-ref) and its SDK (ai21 4.3.0), November 2026. Usage
#: rides on a stream's last chunk without asking. No public recording proves any of it.
DIALECT = Dialect(
    "AI21",
    parameters={name: name for name in ("temperature", "top_p", "documents")},
    max_tokens_field="max_tokens",
    stream_usage=False,
    system_role="system",
    reasoning_effort=False,
    media=False,
    names=False,
    tool_choice=False,
    strict_tools=False,
    json_schema=False,
)


class AI21Provider(ChatProvider):
    """Jamba at AI21 Studio."""

    def endpoint(self, target: Target) -> Endpoint:
        return Endpoint(f"{target.connection.base_url}/chat/completions", target.model)

    def dialect(self, target: Target) -> Dialect:
        return DIALECT

    def authorizer(self, target: Target, context: Context) -> Authorizer:
        return HeaderKey(context, credential(target, "api_key"))

    def langchain(self, target: Target, settings: CallSettings, context: LangChainContext) -> Any:
        from dragoman_ai21.langchain import jamba_model

        return jamba_model(self, target, settings, context)
