"""The contract of a provider, kept by Converse and by InvokeModel."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

import pytest
from dragoman.testing.contract import Answer, ProviderCase, ProviderContract, Reply, Wire

from ..control_planes import BESIDE, URLS, beside  # noqa: TID252  (the tests are no package that could be installed)
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
MESSAGES = {
    "system", "images", "documents", "audio", "video", "document_context", "document_citations", "document_passages",
    "tool_results", "cache_points",
}  # fmt: skip
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
        connection = {"region": "us-east-1", **URLS, **BESIDE, "family": "claude", "auth": self.auth}
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
            beside=beside,
        )


class TestWithKeys(ConverseContract):
    auth = {"kind": "aws_keys"}  # noqa: RUF012


class TestWithAnApiKey(ConverseContract):
    auth = {"kind": "bedrock_api_key"}  # noqa: RUF012
    credentials = {"access_key_id": None, "secret_access_key": None}  # noqa: RUF012

    @pytest.mark.xfail(strict=True, reason="botocore sends API keys over https alone")
    async def test_rows_of_a_list_become_adapters_that_hold(self, subject, canaries):
        await super().test_rows_of_a_list_become_adapters_that_hold(subject, canaries)


class ClaudeWire(Wire):
    """What Bedrock sends to InvokeModel of a Claude model."""

    def whole(self, answer: Answer) -> Reply:
        content: list[Any] = [{"type": "text", "text": answer.text}] if answer.text else []
        content += [
            {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)}
            for call in answer.tool_calls
        ]
        body = {"id": "msg_1", "role": "assistant", "content": content, "stop_reason": STOP[answer.finish_reason]}
        return Reply.json(
            body,
            x_amzn_bedrock_input_token_count=str(answer.input_tokens),
            x_amzn_bedrock_output_token_count=str(answer.output_tokens),
        )

    def streamed(self, answer: Answer) -> Reply:
        return event_stream(map(self._chunk, self._pieces(answer)))

    def error(self, status: int, message: str) -> Reply:
        return error(TYPES.get(status, "UnknownException"), message, status)

    def _pieces(self, answer: Answer) -> Iterable[Any]:
        yield {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 1}}}
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        for piece in answer.pieces:
            yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        for index, call in enumerate(answer.tool_calls, 1):
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            yield {"type": "content_block_start", "index": index, "content_block": block}
            for piece in call.arguments:
                delta = {"type": "input_json_delta", "partial_json": piece}
                yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "message_delta", "delta": {"stop_reason": STOP[answer.finish_reason]}, "usage": {}}
        figures = {"inputTokenCount": answer.input_tokens, "outputTokenCount": answer.output_tokens}
        yield {"type": "message_stop", "amazon-bedrock-invocationMetrics": figures}

    def _chunk(self, piece: Any) -> bytes:
        return event("chunk", {"bytes": base64.b64encode(json.dumps(piece).encode()).decode(), "p": "abc"})


class TestInvokeModel(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        connection = {"region": "us-east-1", **URLS, **BESIDE, "auth": {"kind": "aws_keys"}}
        document = {
            "model": "anthropic.claude-v2",
            "connection": connection,
            "mapping": {"preset": "claude-messages"},
        }
        supports = {
            "temperature", "top_p", "top_k", "max_tokens", "stop_sequences", "reasoning_budget", "system", "images",
            "documents", "tool_results", "tools", "tool_required", "tool_named",
        }  # fmt: skip
        return ProviderCase(kind="bedrock", document=document, wire=ClaudeWire(), supports=supports, beside=beside)
