"""What api.cohere.com says to a chat: one whole answer and one stream, made beforehand.

Members and headers are those that it sends (recorded answers of 2025).
"""

from __future__ import annotations

import json
from typing import Any

#: Events of a stream: the start of message and of its text, the text, the end of both. ``[DONE]`` comes on top.
CHUNKS = 50
WORDS = [f" word{number}" for number in range(CHUNKS - 4)]
ANSWER = "".join(WORDS)

_ID = "c9216b71-fc8a-4107-be45-168630df7a3f"
_USAGE = {
    "billed_units": {"input_tokens": 42, "output_tokens": 94},
    "tokens": {"input_tokens": 108, "output_tokens": 94},
    "cached_tokens": 0,
}
_HEADERS = """\
HTTP/1.1 200 OK
date: Fri, 20 Nov 2026 00:00:00 GMT
content-type: {content_type}
{length}
access-control-expose-headers: X-Debug-Trace-ID
cache-control: no-cache, no-store, no-transform, must-revalidate, private, max-age=0
expires: Thu, 01 Jan 1970 00:00:00 UTC
num_chars: 2634
num_tokens: 136
pragma: no-cache
vary: Origin
x-accel-expires: 0
x-debug-trace-id: 3e8b5a1c9d7f40b2a6c4e1f05d9b7a38
x-endpoint-monthly-call-limit: 1000
x-trial-endpoint-call-limit: 40
x-trial-endpoint-call-remaining: 39
x-envoy-upstream-service-time: 361
server: bench
via: 1.1 google

"""


def _head(content_type: str, length: str) -> bytes:
    return _HEADERS.format(content_type=content_type, length=length).replace("\n", "\r\n").encode()


def _whole_answer() -> bytes:
    message = {"role": "assistant", "content": [{"type": "text", "text": ANSWER}]}
    body = json.dumps({"id": _ID, "message": message, "finish_reason": "COMPLETE", "usage": _USAGE}).encode()
    return _head("application/json", f"content-length: {len(body)}") + body


def _streamed_answer() -> bytes:
    empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    events: list[dict[str, Any]] = [
        {"id": _ID, "type": "message-start", "delta": {"message": empty}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        *({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": w}}}} for w in WORDS),
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": _USAGE}},
    ]
    frames = [f"event: {event['type']}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n" for event in events]
    pieces = [f"{len(frame):x}\r\n{frame}\r\n" for frame in [*frames, "data: [DONE]\n\n"]]
    return _head("text/event-stream", "transfer-encoding: chunked") + "".join([*pieces, "0\r\n\r\n"]).encode()


WHOLE = _whole_answer()
STREAMED = _streamed_answer()
