"""What bedrock-runtime says to Converse and ConverseStream: one whole answer and one stream, made beforehand.

Members, order, padding and headers as in recorded answers.
"""

from __future__ import annotations

import json
from struct import pack
from typing import Any
from zlib import crc32

#: Events of a stream: the start, the text, the end of its block, the end of the message, the figures.
CHUNKS = 50
WORDS = [f" word{number}" for number in range(CHUNKS - 4)]
ANSWER = "".join(WORDS)

_FIGURES = {"metrics": {"latencyMs": 341}, "usage": {"inputTokens": 42, "outputTokens": 94, "totalTokens": 136}}
_PADDING = "abcdefghijklmnopqrstuvwxyz"
_HEADERS = """\
HTTP/1.1 200 OK
Date: Fri, 20 Nov 2026 00:00:00 GMT
Content-Type: {content_type}
{length}
Connection: keep-alive
x-amzn-RequestId: 7c1b0e2f-8a5d-4c6b-9e3f-1a2d4c5b6a79

"""


def _head(content_type: str, length: str) -> bytes:
    return _HEADERS.format(content_type=content_type, length=length).replace("\n", "\r\n").encode()


def _whole_answer() -> bytes:
    message = {"content": [{"text": ANSWER}], "role": "assistant"}
    body = json.dumps({**_FIGURES, "output": {"message": message}, "stopReason": "end_turn"}).encode()
    return _head("application/json", f"Content-Length: {len(body)}") + body


def _event(kind: str, payload: dict[str, Any], number: int) -> bytes:
    """Return one message of AWS's event-stream framing."""
    named = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        pack(">B", len(name)) + name.encode() + b"\x07" + pack(">H", len(value)) + value.encode()
        for name, value in named.items()
    )
    padded = {**payload, "p": _PADDING[: number % len(_PADDING)]}
    body = json.dumps(padded, separators=(",", ":")).encode()
    prelude = pack(">II", 16 + len(headers) + len(body), len(headers))
    message = prelude + pack(">I", crc32(prelude)) + headers + body
    return message + pack(">I", crc32(message))


def _streamed_answer() -> tuple[bytes, ...]:
    events: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
    events += [("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}}) for word in WORDS]
    events += [
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", _FIGURES),
    ]
    messages = [_event(kind, payload, number) for number, (kind, payload) in enumerate(events)]
    pieces = [f"{len(message):x}\r\n".encode() + message + b"\r\n" for message in messages]
    head = _head("application/vnd.amazon.eventstream", "Transfer-Encoding: chunked")
    return (head, *pieces, b"0\r\n\r\n")


WHOLE = _whole_answer()
#: Head, events and end of a stream, and all of them at once.
PIECES = _streamed_answer()
STREAMED = b"".join(PIECES)
