"""A server with fixed answers, in a process of its own: what every contender talks to.

It speaks OpenAI's chat completions, Bedrock's Converse and Cohere's chat over HTTP/1.1 with keep-alive. Everything it
says is made beforehand, so that its own cost is small and the same for all. A stream is sent at once, each event as one
HTTP chunk, as real servers do; for the model ``paced`` event by event, as real models do.

    python upstream.py        prints its port and serves until its standard input ends
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import sys

import upstream_bedrock
import upstream_cohere
import upstream_openai

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_WANTS_STREAM = re.compile(rb'"stream": ?true')
_MODEL = b"POST /model/"
_CONVERSE_STREAM = b"/converse-stream "
_COHERE = b"POST /v2/chat"
_PACED = b"POST /model/paced/"
#: Between two events of a paced stream.
PACE_S = 0.1


def answer_to(head: bytes, body: bytes) -> bytes:
    """Return what the server says to a request."""
    if head.startswith(_MODEL):
        line = head[: head.find(b"\r\n")]
        return upstream_bedrock.STREAMED if _CONVERSE_STREAM in line else upstream_bedrock.WHOLE
    if head.startswith(_COHERE):
        return upstream_cohere.STREAMED if _WANTS_STREAM.search(body) else upstream_cohere.WHOLE
    return upstream_openai.STREAMED if _WANTS_STREAM.search(body) else upstream_openai.WHOLE


class Upstream(asyncio.Protocol):
    """One connection: takes whole requests out of what arrives and answers each."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._received, 0, end)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < size:
                return
            head, body, self._received = self._received[:end], self._received[end:size], self._received[size:]
            if head.startswith(_PACED):
                # Models do not keep step with each other.
                asyncio.get_running_loop().call_later(random.uniform(0, PACE_S), self._write_paced, 0)
            else:
                self._transport.write(answer_to(head, body))

    def _write_paced(self, number: int) -> None:
        pieces = upstream_bedrock.PIECES
        if self._transport.is_closing():
            return
        self._transport.write(pieces[number])
        if number + 1 < len(pieces):
            asyncio.get_running_loop().call_later(PACE_S, self._write_paced, number + 1)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
