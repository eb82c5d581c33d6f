"""LiteLLM: acompletion."""

from __future__ import annotations

import litellm
from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients
from worker import API_KEY, MODEL, Messages, serve


class LiteLLM:
    def __init__(self, base_url: str) -> None:
        self._target = {"model": f"openai/{MODEL}", "api_base": base_url, "api_key": API_KEY}

    async def call(self, messages: Messages) -> str:
        answer = await litellm.acompletion(messages=messages, **self._target)
        text: str = answer.choices[0].message.content
        return text

    async def stream(self, messages: Messages) -> str:
        chunks = await litellm.acompletion(
            messages=messages, stream=True, stream_options={"include_usage": True}, **self._target
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])

    async def aclose(self) -> None:
        await close_litellm_async_clients()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    serve(LiteLLM, ("litellm", "openai"))
