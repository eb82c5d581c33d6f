"""Agents of pydantic-ai on its model class for OpenAI."""

from __future__ import annotations

from check import CHAT, FAILS, GATEWAY, GREETING, KEY, VECTOR, WEATHER, raised, run
from pydantic import BaseModel
from pydantic_ai import Agent, Embedder
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class Weather(BaseModel):
    city: str
    days: int


def agent(name="scripted", **rest):
    provider = OpenAIProvider(base_url=f"{GATEWAY}/v1", api_key=KEY)
    return Agent(OpenAIChatModel(name, provider=provider), **rest)


def local():
    assert agent("local").run_sync("Tell me about iterators", model_settings={"max_tokens": 20}).output


def chat():
    result = agent().run_sync(CHAT)
    assert result.output == GREETING
    usage = result.usage
    assert (usage() if callable(usage) else usage).input_tokens == 42


async def stream():
    async with agent().run_stream(CHAT) as result:
        assert await result.get_output() == GREETING


def tools():
    asked = []

    def get_weather(city: str, days: int) -> str:
        """Return the weather of a city."""
        asked.append((city, days))
        return "sunny"

    assert agent(tools=[get_weather]).run_sync(WEATHER).output == GREETING
    assert asked == [("Paris", 3)]


def structured():
    assert agent(output_type=Weather).run_sync("'Paris', 3").output == Weather(city="Paris", days=3)


async def embeddings():
    provider = OpenAIProvider(base_url=f"{GATEWAY}/v1", api_key=KEY)
    result = await Embedder(OpenAIEmbeddingModel("vectors", provider=provider)).embed_documents(["a text", "another"])
    assert [list(vector) for vector in result.embeddings] == [VECTOR, VECTOR]


def errors():
    assert raised(ModelHTTPError, lambda: agent("no-such-model").run_sync(CHAT)).status_code == 404
    assert raised(ModelHTTPError, lambda: agent().run_sync(FAILS[400])).status_code == 400


if __name__ == "__main__":
    run(local, chat, stream, tools, structured, embeddings, errors)
