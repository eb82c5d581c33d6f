"""DIAL's client, at the addresses of deployments."""

from __future__ import annotations

import json

from aidial_client import Dial, DialException
from check import CHAT, FAILS, GATEWAY, GREETING, KEY, WEATHER, WEATHER_SCHEMA, WEATHER_TOOL, raised, run

client = Dial(api_key=KEY, base_url=GATEWAY)


def ask(text, deployment="scripted", **rest):
    return client.chat.completions.create(
        deployment_name=deployment,
        messages=[{"role": "user", "content": text}],
        api_version="2024-10-21",
        **rest,
    )


def local():
    assert ask("Tell me about iterators", "local", max_tokens=20).choices[0].message.content


def chat():
    answer = ask(CHAT)
    assert answer.choices[0].message.content == GREETING
    assert answer.usage.prompt_tokens == 42


def stream():
    chunks = list(ask(CHAT, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == GREETING


def tools():
    (call,) = ask(WEATHER, tools=[WEATHER_TOOL]).choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Paris", "days": 3}


def structured():
    shape = {"type": "json_schema", "json_schema": {"name": "weather", "schema": WEATHER_SCHEMA}}
    answer = ask("'Paris', 3", response_format=shape).choices[0].message.content
    assert json.loads(answer) == {"city": "Paris", "days": 3}


def deployments():
    assert {"scripted", "local"} <= {found.id for found in client.deployments.list()}


def errors():
    raised(DialException, lambda: ask(CHAT, "no-such-model"))
    raised(DialException, lambda: ask(FAILS[400]))


if __name__ == "__main__":
    run(local, chat, stream, tools, structured, deployments, errors)
