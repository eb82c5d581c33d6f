"""Dragoman: Engine.chat and Engine.stream through Bedrock's Converse, signed."""

from __future__ import annotations

from bedrock import MODEL, REGION
from dragoman import Engine
from worker import Messages, serve


class Dragoman:
    def __init__(self, base_url: str) -> None:
        self._engine = Engine()
        connection = {"region": REGION, "endpoint_url": base_url, "auth": {"kind": "aws_keys"}}
        self._adapter = {"provider": "bedrock", "model": MODEL, "connection": connection}

    async def call(self, messages: Messages) -> str:
        return (await self._engine.chat(self._adapter, messages)).text

    async def stream(self, messages: Messages) -> str:
        return "".join([text async for text in self._engine.stream(self._adapter, messages).text()])

    async def aclose(self) -> None:
        await self._engine.aclose()


if __name__ == "__main__":
    serve(Dragoman, ("dragoman", "dragoman-aws", "httptools", "orjson"))
