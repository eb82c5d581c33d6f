"""The contract of a provider, kept for AI21."""

from __future__ import annotations

from typing import Any

import pytest
from dragoman.testing.contract import Answer, ProviderCase, ProviderContract, Reply, Wire


class JambaWire(Wire):
    """What AI21's chat API sends."""

    def whole(self, answer: Answer) -> Reply:
        calls = [self._call(call.id, call.name, call.arguments) for call in answer.tool_calls]
        message = {"role": "assistant", "content": answer.text or None, "tool_calls": calls or None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
        return Reply.json({"id": "c-1", "choices": [choice], "usage": self._usage(answer)})

    def streamed(self, answer: Answer) -> Reply:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in answer.pieces]
        for index, call in enumerate(answer.tool_calls):
            deltas.append({"tool_calls": [{"index": index, **self._call(call.id, call.name, call.arguments)}]})
        last = {**self._chunk({"content": ""}, answer.finish_reason), "usage": self._usage(answer)}
        return Reply.sse([*map(self._chunk, deltas), last], done="[DONE]")

    def error(self, status: int, message: str) -> Reply:
        return Reply.text(message, status)

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {"id": "c-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    def _call(self, id: str, name: str, arguments: str) -> dict[str, Any]:
        return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}

    def _usage(self, answer: Answer) -> dict[str, int]:
        total = answer.input_tokens + answer.output_tokens
        return {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": total,
        }


class TestAI21(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        return ProviderCase(
            kind="ai21",
            document={"model": "jamba-mini", "connection": {"base_url": "{upstream}/studio/v1"}},
            wire=JambaWire(),
            supports={
                "temperature", "top_p", "max_tokens", "stop_sequences", "json_object", "system", "tools",
                "tool_results",
            },
        )  # fmt: skip
