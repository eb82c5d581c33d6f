"""LiteLLM: acompletion through Bedrock's Converse."""

from __future__ import annotations

import litellm
from bedrock import ACCESS_KEY_ID, MODEL, REGION, SECRET_ACCESS_KEY
from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients
from worker import Messages, serve


class LiteLLM:
    def __init__(self, base_url: str) -> None:
        self._target = {
            "model": f"bedrock/converse/{MODEL}",
            "aws_bedrock_runtime_endpoint": base_url,
            "aws_region_name": REGION,
            "aws_access_key_id": ACCESS_KEY_ID,
            "aws_secret_access_key": SECRET_ACCESS_KEY,
        }

    async def call(self, messages: Messages) -> str:
        answer = await litellm.acompletion(messages=messages, **self._target)
        text: str = answer.choices[0].message.content
        return text

    async def stream(self, messages: Messages) -> str:
        chunks = await litellm.acompletion(messages=messages, stream=True, **self._target)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])

    async def aclose(self) -> None:
        await close_litellm_async_clients()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    serve(LiteLLM, ("litellm", "boto3"))
