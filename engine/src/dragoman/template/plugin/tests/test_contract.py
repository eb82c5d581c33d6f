"""The contract of a provider, kept by this one."""

from __future__ import annotations

import pytest
from dragoman.testing.contract import Answer, ProviderCase, ProviderContract, Reply, Wire


class AcmeWire(Wire):
    """What the provider would send."""

    def whole(self, answer: Answer) -> Reply:
        return Reply.json({"says": answer.text, **self._end(answer)})

    def streamed(self, answer: Answer) -> Reply:
        return Reply.jsonl([*({"says": piece} for piece in answer.pieces), self._end(answer)])

    def error(self, status: int, message: str) -> Reply:
        return Reply.json({"problem": message}, status)

    def _end(self, answer: Answer) -> dict[str, object]:
        ended = {"stop": "done", "length": "max_length"}[answer.finish_reason]
        return {"ended": ended, "tokens": {"read": answer.input_tokens, "written": answer.output_tokens}}


class TestContract(ProviderContract):
    @pytest.fixture
    def case(self) -> ProviderCase:
        return ProviderCase(
            kind="acme",
            document={"model": "one", "connection": {"base_url": "{upstream}"}},
            wire=AcmeWire(),
            supports={"temperature", "max_tokens", "stop_sequences", "system"},
        )
