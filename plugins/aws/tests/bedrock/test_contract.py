"""The contract of a provider, kept by Converse."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from dragoman.testing.contract import Answer, ProviderCase, ProviderContract, Reply, Wire

from ..edge import error, event, event_stream  # noqa: TID252  (the tests are no package that could be installed)

STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
TYPES = {
    400: "ValidationException", 401: "UnrecognizedClientException", 403: "AccessDeniedException",
    404: "ResourceNotFoundException", 408: "ModelTimeoutException", 409: "ConflictException",
    424: "ModelErrorException", 429: "ThrottlingException", 500: "InternalServerException",
    503: "ServiceUnavailableException",
}  # fmt: skip

SETTINGS = {
    "temperature", "top_p", "top_k", "max_tokens", "stop_sequences", "reasoning_effort", "reasoning_budget",
    "json_schema",
}  # fmt: skip
MESSAGES = {"system", "images", "documents", "audio", "tool_results"}
TOOLS = {"tools", "tool_required", "tool_named"}


class ConverseWire(Wire):
    """What Bedrock sends."""

    def whole(self, answer: Answer) -> Reply:
        content: list[Any] = [{"text": answer.text}] if answer.text else []
        content += [{"toolUse": self._use(call, input=json.loads(call.arguments))} for call in answer.tool_calls]
        return Reply.json(
            {
                "output": {"message": {"role": "assistant", "content": content}},
                "stopReason": STOP[answer.finish_reason],
                "usage": self._usage(answer),
                "metrics": {"latencyMs": 5},
            }
        )

    def streamed(self, answer: Answer) -> Reply:
        return event_stream(self._messages(answer))

    def error(self, status: int, message: str) -> Reply:
        return error(TYPES.get(status, "UnknownException"), message, status)

    def _messages(self, answer: Answer) -> Iterable[bytes]:
        yield event("messageStart", {"role": "assistant", "p": "abc"})
        for piece in answer.pieces:
            yield event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}, "p": "a"})
        yield event("contentBlockStop", {"contentBlockIndex": 0})
        for index, call in enumerate(answer.tool_calls, 1):
            yield event("contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": self._use(call)}})
            for piece in call.arguments:
                delta = {"toolUse": {"input": piece}}
                yield event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
            yield event("contentBlockStop", {"contentBlockIndex": index})
        yield event("messageStop", {"stopReason": STOP[answer.finish_reason]})
        yield event("metadata", {"usage": self._usage(answer), "metrics": {"latencyMs": 5}, "p": "abcdef"})

    def _use(self, call: Any, **rest: Any) -> dict[str, Any]:
        return {"toolUseId": call.id, "name": call.name, **rest}

    def _usage(self, answer: Answer) -> dict[str, int]:
        total = answer.input_tokens + answer.output_tokens
        return {"inputTokens": answer.input_tokens, "outputTokens": answer.output_tokens, "totalTokens": total}


class ConverseContract(ProviderContract):
    """The document without its identity."""

    auth: dict[str, Any]
    credentials: dict[str, str | None] = {}  # noqa: RUF012
    supports = SETTINGS | MESSAGES | TOOLS

    @pytest.fixture
    def case(self) -> ProviderCase:
        connection = {"region": "us-east-1", "endpoint_url": "{upstream}", "family": "claude", "auth": self.auth}
        return ProviderCase(
            kind="bedrock",
            document={
                "model": "arn:aws:bedrock:us-east-1:111122223333:prompt-router/a:1",
                "connection": connection,
                "credentials": self.credentials,
            },
            wire=ConverseWire(),
            supports=self.supports,
            model_kwargs_in="additionalModelRequestFields",
        )


class TestWithKeys(ConverseContract):
    auth = {"kind": "aws_keys"}  # noqa: RUF012


class TestWithAnApiKey(ConverseContract):
    auth = {"kind": "bedrock_api_key"}  # noqa: RUF012
    credentials = {"access_key_id": None, "secret_access_key": None}  # noqa: RUF012
