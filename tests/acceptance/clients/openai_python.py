"""OpenAI's own client for Python."""

from __future__ import annotations

import json

import openai
from check import BREAKS, CHAT, FAILS, GATEWAY, GREETING, KEY, VECTOR, WEATHER, WEATHER_TOOL, raised, run
from pydantic import BaseModel

client = openai.OpenAI(base_url=f"{GATEWAY}/v1", api_key=KEY, max_retries=0)


class Weather(BaseModel):
    city: str
    days: int


def ask(text, model="scripted", **rest):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **rest)


def local():
    answer = ask("Tell me about iterators", "local", max_tokens=20, seed=1)
    assert answer.choices[0].message.content
    assert answer.usage.total_tokens > 0


def chat():
    answer = ask(CHAT)
    assert answer.choices[0].message.content == GREETING
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "scripted"
    assert answer.usage.prompt_tokens == 42


def stream():
    chunks = list(ask(CHAT, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == GREETING
    assert chunks[-1].usage.completion_tokens == 7
    with client.chat.completions.stream(model="scripted", messages=[{"role": "user", "content": CHAT}]) as events:
        final = events.get_final_completion()
    assert final.choices[0].message.content == GREETING


def tools():
    message = ask(WEATHER, tools=[WEATHER_TOOL]).choices[0].message
    (call,) = message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Paris", "days": 3})
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    messages = [{"role": "user", "content": WEATHER}, message, result]
    answer = client.chat.completions.create(model="scripted", messages=messages, tools=[WEATHER_TOOL])
    assert answer.choices[0].message.content == GREETING
    with client.chat.completions.stream(
        model="scripted", messages=[{"role": "user", "content": WEATHER}], tools=[WEATHER_TOOL]
    ) as events:
        final = events.get_final_completion()
    assert json.loads(final.choices[0].message.tool_calls[0].function.arguments)["days"] == 3


def structured():
    asked = [{"role": "user", "content": "'Paris', 3"}]
    answer = client.chat.completions.parse(model="scripted", messages=asked, response_format=Weather)
    assert answer.choices[0].message.parsed == Weather(city="Paris", days=3)


def embeddings():
    answer = client.embeddings.create(model="vectors", input=["a", "b"])
    assert [list(found.embedding) for found in answer.data] == [VECTOR, VECTOR]
    assert client.embeddings.create(model="vectors", input="a", encoding_format="float").data[0].embedding == VECTOR


def models():
    assert {"scripted", "vectors", "local"} <= {model.id for model in client.models.list()}
    assert client.models.retrieve("scripted").object == "model"


def errors():
    assert raised(openai.NotFoundError, lambda: ask(CHAT, "no-such-model")).code == "model_not_found"
    assert raised(openai.RateLimitError, lambda: ask(FAILS[429])).response.headers["retry-after"]
    assert raised(openai.InternalServerError, lambda: ask(FAILS[500])).status_code == 502
    raised(openai.BadRequestError, lambda: ask(FAILS[400]))
    raised(openai.RateLimitError, lambda: ask(FAILS[429], stream=True))
    stranger = openai.OpenAI(base_url=f"{GATEWAY}/v1", api_key="nobody", max_retries=0)
    raised(openai.AuthenticationError, stranger.models.list)


def broken_stream():
    raised(openai.APIError, lambda: list(ask(BREAKS, stream=True)))


if __name__ == "__main__":
    run(local, chat, stream, tools, structured, embeddings, models, errors, broken_stream)
