"""LangChain's ChatOpenAI: ainvoke and astream."""

from __future__ import annotations

from langchain_openai import ChatOpenAI
from worker import API_KEY, MODEL, Messages, serve


class LangChain:
    def __init__(self, base_url: str) -> None:
        self._model = ChatOpenAI(model=MODEL, base_url=base_url, api_key=API_KEY, stream_usage=True)

    async def call(self, messages: Messages) -> str:
        return (await self._model.ainvoke(messages)).text

    async def stream(self, messages: Messages) -> str:
        return "".join([chunk.text async for chunk in self._model.astream(messages)])

    async def aclose(self) -> None:
        await self._model.root_async_client.close()


if __name__ == "__main__":
    serve(LangChain, ("langchain-openai", "langchain-core", "openai"))
