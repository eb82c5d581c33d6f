"""A model that takes its time: one event after the other, or at once far more than a slow client reads.

python upstream.py    prints its address and serves until its standard input ends
"""

from __future__ import annotations

import asyncio
import json
import sys

EVENTS = 20
PACE_S = 0.25
FLOOD_EVENTS = 400
FLOOD_BYTES = 64 * 1024

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%s\r\n\r\n"


def event(text: str | None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    data = f"data: {json.dumps(chunk)}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


END = event(None, "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


def whole() -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    body = json.dumps({"id": "c", "model": "m", "choices": [choice], "usage": usage}).encode()
    return HEAD % (b"application/json", b"content-length: %d" % len(body)) + body


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            asked = json.loads(await reader.readexactly(length))
            if not asked.get("stream"):
                writer.write(whole())
                continue
            writer.write(HEAD % (b"text/event-stream", b"transfer-encoding: chunked"))
            is_flood = "flood" in asked["messages"][-1]["content"]
            for _ in range(FLOOD_EVENTS if is_flood else EVENTS):
                writer.write(event("x" * FLOOD_BYTES if is_flood else "word "))
                await writer.drain()
                if not is_flood:
                    await asyncio.sleep(PACE_S)
            writer.write(END)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
