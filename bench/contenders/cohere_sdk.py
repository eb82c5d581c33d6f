"""The cohere SDK, asynchronous, with the API's second version."""

from __future__ import annotations

from cohere import AsyncClientV2
from worker import Messages, serve

MODEL = "command-a-03-2025"


class CohereSDK:
    def __init__(self, base_url: str) -> None:
        self._client = AsyncClientV2(api_key="co-bench", base_url=base_url)

    async def call(self, messages: Messages) -> str:
        answer = await self._client.chat(model=MODEL, messages=messages)
        return "".join(block.text for block in answer.message.content or () if block.type == "text")

    async def stream(self, messages: Messages) -> str:
        events = self._client.chat_stream(model=MODEL, messages=messages)
        return "".join([event.delta.message.content.text async for event in events if event.type == "content-delta"])

    async def aclose(self) -> None:
        await self._client._client_wrapper.httpx_client.httpx_client.aclose()


if __name__ == "__main__":
    serve(CohereSDK, ("cohere", "httpx", "pydantic"))
