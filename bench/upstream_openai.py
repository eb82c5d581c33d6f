"""What api.openai.com says to a chat completion: one whole answer and one stream, made beforehand.

Members and headers are those that it sends (looked up 2026-11).
"""

from __future__ import annotations

import json
from typing import Any

#: JSON chunks of a stream: the role, the text, the finish, the usage. ``[DONE]`` comes on top.
CHUNKS = 50
WORDS = [f" word{number}" for number in range(CHUNKS - 3)]
ANSWER = "".join(WORDS)

_USAGE = {
    "prompt_tokens": 42,
    "completion_tokens": 94,
    "total_tokens": 136,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
_COMMON = {
    "id": "chatcmpl-BdZgJX1V9Qq0cKzW5nS8yH2tRu4Lm",
    "created": 1763596800,
    "model": "gpt-4o-mini-2024-07-18",
    "service_tier": "default",
    "system_fingerprint": "fp_560af6e559",
}
_HEADERS = """\
HTTP/1.1 200 OK
Date: Fri, 20 Nov 2026 00:00:00 GMT
Content-Type: {content_type}
{length}
Connection: keep-alive
access-control-expose-headers: X-Request-ID
openai-organization: dragoman
openai-processing-ms: 341
openai-project: proj_bench
openai-version: 2020-10-01
x-envoy-upstream-service-time: 361
x-ratelimit-limit-requests: 10000
x-ratelimit-limit-tokens: 200000
x-ratelimit-remaining-requests: 9999
x-ratelimit-remaining-tokens: 199984
x-ratelimit-reset-requests: 8.64s
x-ratelimit-reset-tokens: 4ms
x-request-id: req_7c1b0e2f8a5d4c6b9e3f1a2d4c5b6a79
strict-transport-security: max-age=31536000; includeSubDomains; preload
x-content-type-options: nosniff
cf-cache-status: DYNAMIC
Server: bench

"""


def _head(content_type: str, length: str) -> bytes:
    return _HEADERS.format(content_type=content_type, length=length).replace("\n", "\r\n").encode()


def _whole_answer() -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": ANSWER, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = json.dumps({**_COMMON, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()
    return _head("application/json", f"Content-Length: {len(body)}") + body


def _streamed_answer() -> bytes:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": word} for word in WORDS]
    choices: list[list[dict[str, Any]]] = [
        [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}] for delta in deltas
    ]
    choices.append([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}])
    chunks = [{**_COMMON, "object": "chat.completion.chunk", "choices": choice, "usage": None} for choice in choices]
    chunks.append({**_COMMON, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE})
    events = [f"data: {json.dumps(chunk, separators=(',', ':'))}\n\n" for chunk in chunks]
    pieces = [f"{len(event):x}\r\n{event}\r\n" for event in [*events, "data: [DONE]\n\n"]]
    head = _head("text/event-stream; charset=utf-8", "Transfer-Encoding: chunked")
    return head + "".join([*pieces, "0\r\n\r\n"]).encode()


WHOLE = _whole_answer()
STREAMED = _streamed_answer()
