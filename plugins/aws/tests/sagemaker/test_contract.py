"""The contract of a provider, kept by a container that speaks the chat-completions protocol behind an endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from dragoman.testing.contract import Answer, ProviderCase, ProviderContract, Reply, Wire

from ..control_planes import URLS, beside  # noqa: TID252  (the tests are no package that could be installed)
from ..edge import error, event, event_stream  # noqa: TID252  (the tests are no package that could be installed)

TYPES = {
    400: "ValidationError", 401: "UnrecognizedClientException", 403: "AccessDeniedException",
    424: "ModelError", 429: "ModelNotReadyException", 500: "InternalFailure", 503: "ServiceUnavailable",
}  # fmt: skip


class ContainerWire(Wire):
    """What SageMaker sends around what the container says."""

    def whole(self, answer: Answer) -> Reply:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
        if answer.tool_calls:
            message["tool_calls"] = [self._call(call, index) for index, call in enumerate(answer.tool_calls)]
        choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason}
        return Reply.json({"id": "a", "choices": [choice], "usage": self._usage(answer)})

    def streamed(self, answer: Answer) -> Reply:
        return event_stream(event("PayloadPart", piece, "application/octet-stream") for piece in self._pieces(answer))

    def error(self, status: int, message: str) -> Reply:
        return error(TYPES.get(status, "UnknownException"), message, status)

    def _pieces(self, answer: Answer) -> Iterable[bytes]:
        for piece in answer.pieces:
            yield self._chunk({"content": piece})
        for index, call in enumerate(answer.tool_calls):
            yield self._chunk({"tool_calls": [{**self._call(call, index), "function": {"name": call.name}}]})
            for piece in call.arguments:
                yield self._chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield self._chunk({}, answer.finish_reason)
        yield b"data: " + json.dumps({"choices": [], "usage": self._usage(answer)}).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"

    def _chunk(self, delta: Any, finish: str | None = None) -> bytes:
        return b"data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"

    def _call(self, call: Any, index: int) -> dict[str, Any]:
        return {
            "index": index,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }

    def _usage(self, answer: Answer) -> dict[str, int]:
        return {"prompt_tokens": answer.input_tokens, "completion_tokens": answer.output_tokens}


class TestEndpoint(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        connection = {"region": "us-east-1", **URLS, "auth": {"kind": "aws_keys"}}
        return ProviderCase(
            kind="sagemaker",
            document={"model": "llama", "connection": connection, "mapping": {"preset": "openai-chat"}},
            wire=ContainerWire(),
            beside=beside,
            supports={
                *("temperature", "top_p", "top_k", "max_tokens", "stop_sequences", "seed", "presence_penalty"),
                *("frequency_penalty", "reasoning_effort", "json_object", "json_schema", "system", "images"),
                *("image_urls", "documents", "audio", "tools", "tool_required", "tool_named", "tool_results"),
            },
        )
