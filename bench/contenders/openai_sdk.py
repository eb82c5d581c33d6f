"""The openai SDK, asynchronous."""

from __future__ import annotations

from openai import AsyncOpenAI
from worker import API_KEY, MODEL, Messages, serve


class OpenAISDK:
    def __init__(self, base_url: str) -> None:
        self._client = AsyncOpenAI(base_url=base_url, api_key=API_KEY)

    async def call(self, messages: Messages) -> str:
        answer = await self._client.chat.completions.create(model=MODEL, messages=messages)
        return answer.choices[0].message.content or ""

    async def stream(self, messages: Messages) -> str:
        chunks = await self._client.chat.completions.create(
            model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])

    async def aclose(self) -> None:
        await self._client.close()


if __name__ == "__main__":
    serve(OpenAISDK, ("openai", "httpx2", "pydantic"))
