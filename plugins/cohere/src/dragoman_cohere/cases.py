"""How to test the provider: its side of the wire, and what it supports. ``dragoman plugins check cohere`` reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dragoman.errors import AuthenticationError
from dragoman.events import Ranked
from dragoman.testing import Answer, EmbedWire, ProviderCase, Received, Reply, RerankWire, Wire

FINISH = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}

SETTINGS = {
    "temperature", "top_p", "top_k", "max_tokens", "stop_sequences", "seed", "presence_penalty", "frequency_penalty",
    "reasoning_budget", "json_object", "json_schema",
}  # fmt: skip
MESSAGES = {"system", "images", "image_urls", "tool_results"}
TOOLS = {"tools", "tool_required", "tool_named"}  # the feature's named tool is the only one offered


class CohereWire(Wire):
    """What Cohere sends."""

    def whole(self, answer: Answer) -> Reply:
        content = {"content": [{"type": "text", "text": answer.text}]} if answer.text else {}
        calls = [self._call(call.id, call.name, call.arguments) for call in answer.tool_calls]
        message = {"role": "assistant", **content, **({"tool_calls": calls} if calls else {})}
        return Reply.json({"id": "c-1", "message": message, **self._end(answer)})

    def streamed(self, answer: Answer) -> Reply:
        events: list[dict[str, Any]] = [{"type": "message-start", "id": "c-1", "delta": {"message": {"content": []}}}]
        if answer.pieces:
            events.append(self._event("content-start", 0, content={"type": "text", "text": ""}))
            events += [self._event("content-delta", 0, content={"text": piece}) for piece in answer.pieces]
            events.append({"type": "content-end", "index": 0})
        for index, call in enumerate(answer.tool_calls):
            events.append(self._event("tool-call-start", index, tool_calls=self._call(call.id, call.name, "")))
            for piece in call.arguments:
                events.append(self._event("tool-call-delta", index, tool_calls={"function": {"arguments": piece}}))
            events.append({"type": "tool-call-end", "index": index})
        events.append({"type": "message-end", "delta": self._end(answer)})
        frames = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
        return Reply((*frames, b"data: [DONE]\n\n"), 200, {"content-type": "text/event-stream"})

    def error(self, status: int, message: str) -> Reply:
        return Reply.json({"id": "e-1", "message": message}, status)

    def _event(self, type: str, index: int, **message: Any) -> dict[str, Any]:
        return {"type": type, "index": index, "delta": {"message": message}}

    def _call(self, id: str, name: str, arguments: str) -> dict[str, Any]:
        return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}

    def _end(self, answer: Answer) -> dict[str, Any]:
        tokens = {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens}
        usage = {"billed_units": {"input_tokens": 1, "output_tokens": 2}, "tokens": tokens}
        return {"finish_reason": FINISH[answer.finish_reason], "usage": usage}


class CohereEmbedWire(EmbedWire):
    """What Cohere sends for texts."""

    max_texts = 96

    def texts(self, sent: Received) -> Sequence[str]:
        texts: list[str] = sent.json()["texts"]
        return texts

    def vectors(self, vectors: Sequence[Sequence[float]], input_tokens: int, sent: Received) -> Reply:
        return Reply.json(
            {
                "id": "e-1",
                "embeddings": {"float": vectors},
                "texts": sent.json()["texts"],
                "meta": {"billed_units": {"input_tokens": input_tokens}},
                "response_type": "embeddings_by_type",
            }
        )

    def error(self, status: int, message: str) -> Reply:
        return Reply.json({"id": "e-1", "message": message}, status)


class CohereRerankWire(RerankWire):
    """What Cohere sends for documents."""

    max_documents = 1000

    def documents(self, sent: Received) -> Sequence[str]:
        documents: list[str] = sent.json()["documents"]
        return documents

    def ranking(self, ranked: Sequence[Ranked], sent: Received) -> Reply:
        best = ranked[: sent.json().get("top_n")]
        results = [{"index": one.index, "relevance_score": one.score} for one in best]
        return Reply.json({"id": "r-1", "results": results, "meta": {"billed_units": {"search_units": 1}}})

    def error(self, status: int, message: str) -> Reply:
        return Reply.json({"id": "e-1", "message": message}, status)


def _listing(sent: Received) -> Reply | None:
    """Answer what is asked beside calls: the list of models."""
    rows = [
        {"name": "command-a-03-2025", "endpoints": ["chat"], "context_length": 288000},
        {"name": "embed-v4.0", "endpoints": ["embed"], "context_length": 128000},
        {"name": "rerank-v3.5", "endpoints": ["rerank"], "context_length": 4096},
    ]
    return Reply.json({"models": rows}) if sent.target.startswith("/v1/models") else None


CHAT = ProviderCase(
    kind="cohere",
    document={"model": "command-a-03-2025", "connection": {"base_url": "{upstream}"}},
    wire=CohereWire(),
    supports=SETTINGS | MESSAGES | TOOLS,
    errors={498: AuthenticationError},
    beside=_listing,
)
EMBED = ProviderCase(
    kind="cohere",
    document={"operation": "embed", "model": "embed-v4.0", "connection": {"base_url": "{upstream}"}},
    wire=CohereEmbedWire(),
    supports={"dimensions", "input_type", "truncate", "encodings", "purpose"},
    beside=_listing,
)
RERANK = ProviderCase(
    kind="cohere",
    document={"operation": "rerank", "model": "rerank-v3.5", "connection": {"base_url": "{upstream}"}},
    wire=CohereRerankWire(),
    supports={"max_tokens_per_document"},
    beside=_listing,
)
