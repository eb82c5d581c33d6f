"""LangChain's ChatBedrockConverse: ainvoke and astream."""

from __future__ import annotations

from bedrock import MODEL, REGION, clients
from langchain_aws import ChatBedrockConverse
from worker import Messages, serve


class LangChain:
    def __init__(self, base_url: str) -> None:
        self._client, control = clients(base_url)
        self._model = ChatBedrockConverse(model=MODEL, client=self._client, bedrock_client=control, region_name=REGION)

    async def call(self, messages: Messages) -> str:
        return (await self._model.ainvoke(messages)).text

    async def stream(self, messages: Messages) -> str:
        return "".join([chunk.text async for chunk in self._model.astream(messages)])

    async def aclose(self) -> None:
        self._client.close()


if __name__ == "__main__":
    serve(LangChain, ("langchain-aws", "langchain-core", "boto3"))
