"""How to test the provider: its side of the wire, and what it supports. ``dragoman plugins check`` reads it."""

from __future__ import annotations

from dragoman.testing import Answer, ProviderCase, Reply, Wire


class AcmeWire(Wire):
    """What the provider would send."""

    def whole(self, answer: Answer) -> Reply:
        return Reply.json({"says": answer.text, **_end(answer)})

    def streamed(self, answer: Answer) -> Reply:
        return Reply.jsonl([*({"says": piece} for piece in answer.pieces), _end(answer)])

    def error(self, status: int, message: str) -> Reply:
        return problem(status, message)


def problem(status: int, message: str) -> Reply:
    """Return what the provider sends when it refuses."""
    return Reply.json({"problem": message}, status)


def _end(answer: Answer) -> dict[str, object]:
    ended = {"stop": "done", "length": "max_length"}[answer.finish_reason]
    return {"ended": ended, "tokens": {"read": answer.input_tokens, "written": answer.output_tokens}}


CASE = ProviderCase(
    kind="acme",
    document={"model": "one", "connection": {"base_url": "{upstream}"}},
    wire=AcmeWire(),
    supports={"temperature", "max_tokens", "stop_sequences", "system"},
)
