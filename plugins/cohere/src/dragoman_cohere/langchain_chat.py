"""``ChatCohere`` without its silent gaps.

langchain-cohere 0.6.0 ignores ``max_tokens``, ``p``, ``k``, ``seed`` and every other setting that its constructor has
no field for, and ``include_raw``; overwrites clients that it is given; drops standard image blocks, text beside tool
calls, thinking before tool calls and all but the last block of text; makes a tool plan up where there is none; streams
no citations, and the billed usage or none; and fails at a stream that ends in an error. So this subclass writes
requests and reads answers as the plugin's codec does; the SDK sends them.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, contextmanager
from functools import cache
from operator import itemgetter
from typing import Any

import orjson
from cohere.core.api_error import ApiError
from cohere.v2.client import V2Client
from dragoman.messages import ToolChoice
from dragoman.plugin import CallSettings, Target, WireReply
from langchain_cohere import ChatCohere
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, SecretStr, model_validator

from dragoman_cohere.codec.decode import decode_answer
from dragoman_cohere.codec.messages import encode_messages
from dragoman_cohere.codec.parameters import WRITTEN_MEMBERS, write_inference
from dragoman_cohere.codec.stream import ChatStreamDecoder
from dragoman_cohere.codec.tools import tool_choice_word
from dragoman_cohere.errors import STATUS_RULES, error_of
from dragoman_cohere.langchain import PLACEHOLDER, Clients
from dragoman_cohere.langchain_messages import ChunkWriter, message_out, messages_in
from dragoman_cohere.wire import Wire, merge_model_kwargs, refuse


def build(target: Target, settings: CallSettings[Any], clients: Clients) -> ChatCohere:
    """Return the chat model of an adapter."""
    body: Wire = {}
    write_inference(body, settings.inference)
    merge_model_kwargs(body, settings.model_kwargs, WRITTEN_MEMBERS)
    return AdapterChatCohere(
        model=target.model,
        temperature=settings.inference.temperature,
        stop=settings.inference.stop_sequences,
        call_settings={name: value for name, value in body.items() if name not in ("temperature", "stop_sequences")},
        call_options=dict(clients.options),
        send_tool_plan=target.connection.send_tool_plan,
        client=clients.blocking,
        async_client=clients.asynchronous,
        cohere_api_key=SecretStr(PLACEHOLDER),
        base_url=target.connection.base_url,
        timeout_seconds=settings.limits.timeout_s,
        user_agent="",
    )


class AdapterChatCohere(ChatCohere):
    """``ChatCohere`` for an adapter.

    Args:
        call_settings: Members of every request's body, beside ``temperature`` and ``stop``.
        call_options: The SDK's options of every call.
        send_tool_plan: Whether the plan of an earlier turn goes back.
    """

    call_settings: dict[str, Any] = Field(default_factory=dict)
    call_options: dict[str, Any] = Field(default_factory=dict)
    send_tool_plan: bool = True

    @model_validator(mode="after")
    def validate_environment(self) -> AdapterChatCohere:
        """Make no client and ask no server for a model: both are given."""
        return self

    @property
    def _default_params(self) -> dict[str, Any]:
        own = {"model": self.model, "temperature": self.temperature, "stop_sequences": self.stop}
        return {**self.call_settings, **{name: value for name, value in own.items() if value is not None}}

    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: str | bool | Mapping[str, Any] | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Offer tools: of any kind that LangChain knows; ``tool_choice`` is ``any``, ``auto``, ``none`` or a name."""
        wire = [convert_to_openai_tool(tool) for tool in tools]
        strictness = {tool["function"].pop("strict", None) for tool in wire} | {strict}
        strictness.discard(None)
        if len(strictness) > 1:
            refuse("Cohere takes all tools strictly or none", "tools", "give every tool the same strict")
        for tool in wire:
            tool["function"].setdefault("parameters", {"type": "object", "properties": {}})
        word = tool_choice_word(_choice(tool_choice), [tool["function"]["name"] for tool in wire])
        said = {"tool_choice": word, "strict_tools": next(iter(strictness), None)}
        return self.bind(tools=wire, **{name: value for name, value in said.items() if value is not None}, **kwargs)

    def with_structured_output(
        self, schema: Any, method: Any = "json_schema", *, include_raw: bool = False, **kwargs: Any
    ) -> Any:
        """Return the model with answers of a schema; ``include_raw`` gives the message and a parsing error beside."""
        if method in ("function_calling", "tool_calling"):
            return BaseChatModel.with_structured_output(self, schema, include_raw=include_raw, **kwargs)
        sequence: Any = super().with_structured_output(schema, method, **kwargs)
        if not include_raw:
            return sequence
        parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | sequence.last, parsing_error=lambda _: None)
        unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=sequence.first) | parsed.with_fallbacks([unparsed], exception_key="parsing_error")

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with _known_errors():
            return self._result(self.client.v2.chat(**self._request(messages, stop, kwargs)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with _known_errors():
            return self._result(await self.async_client.v2.chat(**self._request(messages, stop, kwargs)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        read = _reader(self.model or "")
        events = self.client.v2.chat_stream(**self._request(messages, stop, kwargs))
        with _known_errors(), closing(events):
            for event in events:
                for chunk in read(event):
                    if run_manager:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        read = _reader(self.model or "")
        events = self.async_client.v2.chat_stream(**self._request(messages, stop, kwargs))
        with _known_errors():
            async with aclosing(events):
                async for event in events:
                    for chunk in read(event):
                        if run_manager:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk

    def _request(self, messages: Sequence[BaseMessage], stop: list[str] | None, said: Mapping[str, Any]) -> Wire:
        """Return the arguments of the SDK's call: the call's own win over the adapter's."""
        body = {**self._default_params, **said}
        body["messages"] = encode_messages(messages_in(messages), send_tool_plan=self.send_tool_plan)
        if stop is not None:
            body["stop_sequences"] = stop
        shape = body.get("response_format")
        if isinstance(shape, Mapping) and "schema" in shape:  # as with_structured_output of ChatCohere calls it
            body["response_format"] = {"type": shape["type"], "json_schema": shape["schema"]}
        arguments = {name: value for name, value in body.items() if name in _arguments() and value is not None}
        others = {name: value for name, value in body.items() if name not in _arguments()}
        options = {**self.call_options, **({"additional_body_parameters": others} if others else {})}
        return {**arguments, "request_options": options}

    def _result(self, answer: Any) -> ChatResult:
        response = decode_answer(WireReply(200, {}, orjson.dumps(_plain(answer))))
        return ChatResult(generations=[ChatGeneration(message=message_out(response, self.model or ""))])


def _choice(given: str | bool | Mapping[str, Any] | None) -> ToolChoice:
    if isinstance(given, Mapping):
        return ToolChoice("tool", (given.get("function") or {}).get("name"))
    if given is None or given is False or given == "auto":
        return ToolChoice("auto")
    if given is True or given in ("any", "required", "REQUIRED"):
        return ToolChoice("required")
    return ToolChoice("none") if given in ("none", "NONE") else ToolChoice("tool", str(given))


@cache
def _arguments() -> frozenset[str]:
    return frozenset(inspect.signature(V2Client.chat).parameters) - {"self", "request_options"}


def _plain(answer: Any) -> Any:
    """Return an object of the SDK as the JSON that it was made of; it keeps what it does not know."""
    return answer.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _reader(model: str) -> Callable[[Any], Iterator[ChatGenerationChunk]]:
    """Return what turns the SDK's events of one stream into chunks."""
    decoder, writer = ChatStreamDecoder(WireReply(200, {})), ChunkWriter(model)

    def read(event: Any) -> Iterator[ChatGenerationChunk]:
        for ours in decoder.read(_plain(event)):
            if (message := writer.write(ours)) is not None:
                yield ChatGenerationChunk(message=message)

    return read


@contextmanager
def _known_errors() -> Iterator[None]:
    """Give an error of the SDK ours as its cause, where Cohere's status means something that no other's does."""
    try:
        yield
    except ApiError as error:
        status = error.status_code or 0
        if status < 498 or status not in STATUS_RULES:
            raise
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        raise error from error_of(WireReply(status, headers, _body(error.body)))


def _body(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else orjson.dumps(body, default=_plain)
