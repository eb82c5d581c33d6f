"""The provider ``local`` and its sessions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from dragoman.errors import ModelNotFoundError, UnsupportedError
from dragoman.events import Event, TextDelta, ToolCallDelta, Usage
from dragoman.messages import Message, ToolResult
from dragoman.plugin import ChatRequest, Context, ListedModel, ModelList, Provider, Session, Target, WireRequest

from dragoman_local.answer import answer_to, events_of, input_tokens
from dragoman_local.comparing import EmbedSession, RerankSession
from dragoman_local.plugin import EMBED_TITLE, HASHING_MODEL, KIND, MODEL, TITLE, LocalConnection


class LocalProvider(Provider):
    """Opens sessions with the toy models."""

    def open(self, target: Target, context: Context) -> Session:
        model = MODEL if target.operation == "chat" else HASHING_MODEL
        if target.model != model:
            raise ModelNotFoundError(
                f"provider {KIND} has no model {target.model} for operation {target.operation}",
                model=target.model,
                hint=f"there is: {model}",
            )
        if target.operation == "chat":
            return LocalSession(target.connection, context)
        if target.connection.model_fields_set:
            name = min(target.connection.model_fields_set)
            raise UnsupportedError("only operation chat has it", path=f"connection.{name}", hint="remove it")
        return EmbedSession(context) if target.operation == "embed" else RerankSession(context)

    async def models(self, target: Target, context: Context) -> Sequence[ModelList]:
        rows = [
            ListedModel(MODEL, TITLE, operations=("chat",), can_invoke=True),
            ListedModel(HASHING_MODEL, EMBED_TITLE, operations=("embed", "rerank"), can_invoke=True),
        ]
        return [ModelList("models", rows)]


class LocalSession(Session):
    """Writes answers in this process. The event loop is free between any two tokens."""

    def __init__(self, connection: LocalConnection, context: Context) -> None:
        self._order = connection.order
        self._pause_s = 1 / connection.tokens_per_second if connection.tokens_per_second else 0
        self._context = context

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        answer = await self._context.run_blocking(answer_to, request, self._order)
        inference = request.settings.inference
        for event in events_of(answer, inference.max_tokens, inference.stop_sequences or ()):
            yield event
            if isinstance(event, TextDelta | ToolCallDelta):
                await asyncio.sleep(self._pause_s)

    async def count_tokens(self, request: ChatRequest) -> Usage:
        size = await self._context.run_blocking(input_tokens, request)
        return Usage(input_tokens=size, source="provider")

    async def dry_run(self, request: ChatRequest) -> WireRequest:
        """Return what the model is given. There is no wire: the address only says who is called."""
        await self._context.run_blocking(answer_to, request, self._order)  # refuses what a call would refuse
        body = json.dumps(self._described(request)).encode()
        return WireRequest("CALL", f"{KIND}:{MODEL}", {}, body)

    def _described(self, request: ChatRequest) -> dict[str, Any]:
        described: dict[str, Any] = {
            "order": self._order,
            "messages": [_message(message) for message in request.messages],
            "inference": request.settings.inference.model_dump(mode="json", exclude_none=True, by_alias=True),
            "stream": request.stream,
        }
        if request.tools:
            described["tools"] = [
                {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
                for tool in request.tools
            ]
        if choice := request.tool_choice:
            described["tool_choice"] = {"mode": choice.mode, "name": choice.name, "parallel": choice.parallel}
        return described


def _message(message: Message) -> dict[str, Any]:
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    shown: dict[str, Any] = {"role": message.role, "content": "".join(r.text for r in results) or message.text}
    if results:
        shown["tool_call_id"] = results[0].tool_call_id
    if message.tool_calls:
        shown["tool_calls"] = [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in message.tool_calls]
    return shown
