"""Dragoman: Engine.chat and Engine.stream at Cohere, through a document that is saved nowhere."""

from __future__ import annotations

from dragoman import Engine
from worker import Messages, serve

MODEL = "command-a-03-2025"


class Dragoman:
    def __init__(self, base_url: str) -> None:
        self._engine = Engine()
        self._adapter = {"provider": "cohere", "model": MODEL, "connection": {"base_url": base_url}}

    async def call(self, messages: Messages) -> str:
        return (await self._engine.chat(self._adapter, messages)).text

    async def stream(self, messages: Messages) -> str:
        return "".join([text async for text in self._engine.stream(self._adapter, messages).text()])

    async def aclose(self) -> None:
        await self._engine.aclose()


if __name__ == "__main__":
    serve(Dragoman, ("dragoman", "dragoman-cohere", "httptools", "orjson"))
