"""The floor: aiohttp and orjson, and nothing that a caller would miss them for."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson
from worker import API_KEY, MODEL, Messages, serve


class BareAiohttp:
    """Posts, reads, parses; a stream is cut at its blank lines and each chunk parsed."""

    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url}/chat/completions"
        self._headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
        self._session = aiohttp.ClientSession()

    async def call(self, messages: Messages) -> str:
        async with self._post({"model": MODEL, "messages": messages}) as response:
            answer = orjson.loads(await response.read())
        text: str = answer["choices"][0]["message"]["content"]
        return text

    async def stream(self, messages: Messages) -> str:
        request = {
            "model": MODEL, "messages": messages, "stream": True, "stream_options": {"include_usage": True}
        }  # fmt: skip
        texts: list[str] = []
        rest = b""
        async with self._post(request) as response:
            async for piece in response.content.iter_any():
                *events, rest = (rest + piece).split(b"\n\n")
                texts += [text for event in events if (text := _text(event))]
        return "".join(texts)

    async def aclose(self) -> None:
        await self._session.close()

    def _post(self, body: dict[str, Any]) -> aiohttp.client._RequestContextManager:
        return self._session.post(self._url, data=orjson.dumps(body), headers=self._headers)


def _text(event: bytes) -> str | None:
    data = event.removeprefix(b"data: ")
    if data == b"[DONE]":
        return None
    choices = orjson.loads(data)["choices"]
    return choices[0]["delta"].get("content") if choices else None


if __name__ == "__main__":
    serve(BareAiohttp, ("aiohttp", "orjson"))
