"""``ChatDragoman``: a LangChain chat model for every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import AliasChoices, Field

from dragoman.constraints import BYTES_PER_TOKEN
from dragoman.errors import DragomanError
from dragoman.langchain.answers import ChunkWriter, message_of
from dragoman.langchain.bound import CONFIG, AdapterBound
from dragoman.langchain.choices import ToolSource, tool_choice_in, tool_dicts
from dragoman.langchain.failures import as_langchain
from dragoman.langchain.questions import messages_in
from dragoman.langchain.structured import Method, Schema, structured
from dragoman.messages import Message, Tool, ToolChoice, tools_from
from dragoman.resolve import Resolved

#: The fields, and arguments of a call, that are inference settings of every adapter.
_INFERENCE = (
    "temperature", "top_p", "top_k", "max_tokens", "seed", "presence_penalty", "frequency_penalty", "reasoning",
    "response_format",
)  # fmt: skip
#: Arguments of a call that LangChain passes for itself.
_LANGCHAINS_OWN = ("stream", "ls_structured_output_format", "structured_output_format")


class ChatDragoman(AdapterBound, BaseChatModel):
    """Calls the model that an adapter describes.

    Settings given here are those of each call through this object, the topmost layer of the adapter document; those
    that are absent come from the adapter. A setting that the adapter's provider does not know is refused when it is
    called. The same arguments may be given to a single call, or bound: ``model.invoke("Hi", temperature=0)``.

    Errors are Dragoman's, and LangChain's at the same time: ``RateLimitedError`` is also a ``ModelRateLimitError``.
    """

    model_config = CONFIG

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: list[str] | None = Field(None, validation_alias=AliasChoices("stop", "stop_sequences"))
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    reasoning: dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    #: Inference settings that only the adapter's provider knows, by name.
    inference: dict[str, Any] | None = None
    #: What to address instead of the adapter's ``model``.
    model: str | None = None
    #: Seconds for the whole call, all attempts; ``None``: the adapter's ``limits.timeout_s``.
    timeout: float | None = None
    #: Attempts after the first, 0 to 9; ``None``: one less than the adapter's ``limits.max_attempts``.
    max_retries: int | None = Field(None, ge=0, le=9)
    #: Whether ``invoke`` gets its answer as a stream, for callbacks that want its pieces.
    streaming: bool = False

    _resolved: Resolved | None = None

    # --- calling -------------------------------------------------------------------------------------------------

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _result(await self._whole(self._asked(messages, stop, kwargs)))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        pieces = self._pieces(self._asked(messages, stop, kwargs))
        try:
            async for message in pieces:
                chunk = ChatGenerationChunk(message=message)
                if run_manager is not None:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
        finally:
            await pieces.aclose()

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _result(self._thread.run(self._whole(self._asked(messages, stop, kwargs))))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for message in self._thread.iterate(self._pieces(self._asked(messages, stop, kwargs))):
            chunk = ChatGenerationChunk(message=message)
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _whole(self, asked: Asked) -> AIMessage:
        try:
            resolved = await self._resolve(asked)
            response = await self.bound_engine.chat(
                resolved, asked.messages, tools=asked.tools, tool_choice=asked.tool_choice
            )
        except DragomanError as error:
            raise as_langchain(error) from error.__cause__
        return message_of(response, resolved.target.model)

    async def _pieces(self, asked: Asked) -> Any:
        writer = ChunkWriter()
        try:
            resolved = await self._resolve(asked)
            async with self.bound_engine.stream(
                resolved, asked.messages, tools=asked.tools, tool_choice=asked.tool_choice
            ) as events:
                async for event in events:
                    if (chunk := writer.chunk(event)) is not None:
                        yield chunk
                yield writer.last(events.response, resolved.target.model)
        except DragomanError as error:
            raise as_langchain(error) from error.__cause__

    async def _resolve(self, asked: Asked) -> Resolved:
        resolved = await self.bound_engine.resolve(self.adapter, asked.override, asked.inference)
        self._resolved = resolved
        return resolved

    def _asked(self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]) -> Asked:
        rest = {name: value for name, value in kwargs.items() if name not in _LANGCHAINS_OWN}
        tools = tools_from(tool_dicts(rest.pop("tools", None) or ()))
        parallel = rest.pop("parallel_tool_calls", None)
        choice = tool_choice_in(rest.pop("tool_choice", None), tools, parallel=parallel if tools else None)
        override = self._over({name: rest.pop(name, None) for name in ("model", "timeout", "max_retries")})
        stops = stop if stop is not None else rest.pop("stop_sequences", self.stop)
        own = {name: value for name in _INFERENCE if (value := getattr(self, name)) is not None}
        inference = {**(self.inference or {}), **own, **rest, **({"stop_sequences": stops} if stops else {})}
        return Asked(messages_in(messages), tools, choice, override, inference)

    def _over(self, said: dict[str, Any]) -> dict[str, Any] | None:
        """Return the override of a call; what the call says wins over what this object says."""
        model, timeout_s, retries = (
            getattr(self, name) if said.get(name) is None else said[name]
            for name in ("model", "timeout", "max_retries")
        )
        override = dict(self.override or {})
        if model is not None:
            override["model"] = model
        limits = {"timeout_s": timeout_s, "max_attempts": None if retries is None else retries + 1}
        if limits := {name: value for name, value in limits.items() if value is not None}:
            override["limits"] = {**(override.get("limits") or {}), **limits}
        return override or None

    # --- tools and structured output -----------------------------------------------------------------------------

    def bind_tools(
        self,
        tools: Sequence[ToolSource],
        *,
        tool_choice: Any = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model with tools.

        Args:
            tools: Functions, tools, pydantic classes, typed dicts, JSON Schemas, or dicts in the shape of OpenAI's API.
            tool_choice: ``auto``, ``none``, ``any`` (or ``required``, or true: some tool), or a tool's name.
            strict: Whether arguments must follow the schemas to the letter, where the provider has such a mode.
            parallel_tool_calls: Whether several calls in one answer are allowed; ``None``: the provider's default.
            kwargs: Further arguments of each call.

        Raises:
            MessageError: A tool or the choice cannot be read, or names no tool of these.
        """
        dicts = tool_dicts(tools, strict=strict)
        tool_choice_in(tool_choice, tools_from(dicts))
        said = {"tool_choice": tool_choice, "parallel_tool_calls": parallel_tool_calls}
        return self.bind(tools=dicts, **{k: v for k, v in said.items() if v is not None}, **kwargs)

    def with_structured_output(
        self,
        schema: Schema | None = None,
        *,
        method: Method = "function_calling",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return a runnable that answers with what a schema describes.

        Args:
            schema: A pydantic class, whose instances are returned; or a typed dict or JSON Schema, for dicts.
            method: ``function_calling`` (a forced tool: works wherever tools do), ``json_schema`` (the provider's own
                structured output) or ``json_mode`` (any JSON object; the prompt must say which).
            include_raw: Return ``raw``, ``parsed`` and ``parsing_error`` instead, and raise no parsing error.
            strict: Whether the answer must follow the schema to the letter, where the provider has such a mode.
            kwargs: Further arguments of each call.

        Raises:
            ValueError: The method is not known, or does not fit the other arguments.
        """
        return structured(self, schema, method, include_raw=include_raw, strict=strict, arguments=kwargs)

    # --- what LangChain asks of a model ----------------------------------------------------------------------------

    @property
    def _llm_type(self) -> str:
        return "dragoman"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {name: value for name, value in self._said().items() if value is not None}

    def _said(self) -> dict[str, Any]:
        named = ("adapter", "config", "override", "model", "stop", "inference", "timeout", "max_retries", *_INFERENCE)
        return {name: getattr(self, name) for name in named}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        """Return provider, model and settings for traces; from the adapter where it is resolved without waiting."""
        known = self._known()
        inference = known.settings.inference if known else None
        document = self.adapter if isinstance(self.adapter, dict) else {}
        model = kwargs.get("model") or self.model or (known.target.model if known else document.get("model"))
        params = LangSmithParams(
            ls_provider=known.target.provider if known else document.get("provider") or "dragoman",
            ls_model_name=model or (self.adapter if isinstance(self.adapter, str) else "dragoman"),
            ls_model_type="chat",
        )
        said = {name: kwargs.get(name, getattr(self, name)) for name in ("temperature", "max_tokens")}
        for name, own in said.items():
            if (value := getattr(inference, name, None) if own is None else own) is not None:
                params[f"ls_{name}"] = value  # type: ignore[literal-required]
        if stops := stop or self.stop or getattr(inference, "stop_sequences", None):
            params["ls_stop"] = stops
        return params

    def _known(self) -> Resolved | None:
        """Return the adapter as it was resolved last; where there is time to wait, resolve it now."""
        if self._resolved is None and not _is_on_a_loop():
            try:
                self._thread.run(self._resolve(Asked((), (), None, self._over({}), {})))
            except DragomanError:
                return None  # the call will say what is wrong
        return self._resolved

    def get_num_tokens(self, text: str) -> int:
        """Estimate a text's size from its bytes: no tokenizer is loaded, and none would fit every adapter."""
        return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)

    def get_token_ids(self, text: str) -> list[int]:
        """Raise: ids belong to one model's tokenizer, which an adapter does not have."""
        raise NotImplementedError("an adapter has no tokenizer; get_num_tokens estimates a text's size")

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return true: LangChain may write it as JSON, which holds what a pickle holds."""
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Return where LangChain finds the class again."""
        return ["dragoman", "langchain"]


class Asked(NamedTuple):
    """One call, in our values."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    tool_choice: ToolChoice | None
    override: dict[str, Any] | None
    inference: dict[str, Any]


def _result(message: AIMessage) -> ChatResult:
    generation = ChatGeneration(message=message, generation_info={"finish_reason": _reason(message)})
    return ChatResult(generations=[generation], llm_output=dict(message.response_metadata))


def _reason(message: AIMessage | AIMessageChunk) -> str | None:
    reason: str | None = message.response_metadata.get("finish_reason")
    return reason


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
