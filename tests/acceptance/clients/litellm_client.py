"""LiteLLM as a client of an OpenAI-compatible server."""

from __future__ import annotations

import json

import litellm
from check import CHAT, FAILS, GATEWAY, GREETING, KEY, VECTOR, WEATHER, WEATHER_SCHEMA, WEATHER_TOOL, raised, run

TARGET = {"api_base": f"{GATEWAY}/v1", "api_key": KEY, "num_retries": 0}


def ask(text, model="scripted", **rest):
    return litellm.completion(model=f"openai/{model}", messages=[{"role": "user", "content": text}], **TARGET, **rest)


def local():
    assert ask("Tell me about iterators", "local", max_tokens=20).choices[0].message.content


def chat():
    answer = ask(CHAT, temperature=0.1, user="somebody")
    assert answer.choices[0].message.content == GREETING
    assert answer.usage.prompt_tokens == 42


def stream():
    chunks = list(ask(CHAT, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == GREETING
    assert any(getattr(c, "usage", None) for c in chunks)


def tools():
    message = ask(WEATHER, tools=[WEATHER_TOOL]).choices[0].message
    (call,) = message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Paris", "days": 3}
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    messages = [{"role": "user", "content": WEATHER}, message.model_dump(), result]
    answer = litellm.completion(model="openai/scripted", messages=messages, tools=[WEATHER_TOOL], **TARGET)
    assert answer.choices[0].message.content == GREETING


def structured():
    wanted = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": WEATHER_SCHEMA}}
    answer = ask("'Paris', 3", response_format=wanted)
    assert json.loads(answer.choices[0].message.content) == {"city": "Paris", "days": 3}


def embeddings():
    answer = litellm.embedding(model="openai/vectors", input=["a", "b"], **TARGET)
    assert [found["embedding"] for found in answer.data] == [VECTOR, VECTOR]


def errors():
    raised(litellm.NotFoundError, lambda: ask(CHAT, "no-such-model"))
    raised(litellm.RateLimitError, lambda: ask(FAILS[429]))
    raised(litellm.BadRequestError, lambda: ask(FAILS[400]))
    raised(litellm.BadGatewayError, lambda: ask(FAILS[500]))


if __name__ == "__main__":
    run(local, chat, stream, tools, structured, embeddings, errors)
