"""ChatOpenAI and OpenAIEmbeddings of LangChain."""

from __future__ import annotations

import openai
from check import CHAT, FAILS, GATEWAY, GREETING, KEY, VECTOR, WEATHER, raised, run
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


class Weather(BaseModel):
    """The weather that is asked for."""

    city: str
    days: int


@tool
def get_weather(city: str, days: int) -> str:
    """Return the weather of a city."""
    return f"sunny in {city} for {days} days"


def model(name="scripted", **rest):
    return ChatOpenAI(base_url=f"{GATEWAY}/v1", api_key=KEY, model=name, max_retries=0, **rest)


def local():
    assert model("local", max_tokens=20).invoke("Tell me about iterators").text


def chat():
    answer = model(temperature=0.2).invoke(CHAT)
    assert answer.text == GREETING
    assert answer.usage_metadata["input_tokens"] == 42


def stream():
    whole = None
    for chunk in model(stream_usage=True).stream(CHAT):
        whole = chunk if whole is None else whole + chunk
    assert whole.text == GREETING
    assert whole.usage_metadata["output_tokens"] == 7


def tools():
    bound = model().bind_tools([get_weather])
    first = bound.invoke(WEATHER)
    (call,) = first.tool_calls
    assert call["args"] == {"city": "Paris", "days": 3}
    result = ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])
    assert bound.invoke([HumanMessage(WEATHER), first, result]).text == GREETING


def structured():
    for method in ("json_schema", "function_calling"):
        assert model().with_structured_output(Weather, method=method).invoke("'Paris', 3") == Weather(
            city="Paris", days=3
        )


def embeddings():
    vectors = OpenAIEmbeddings(
        base_url=f"{GATEWAY}/v1", api_key=KEY, model="vectors", check_embedding_ctx_length=False, max_retries=0
    )
    assert vectors.embed_documents(["a", "b"]) == [VECTOR, VECTOR]
    assert vectors.embed_query("a") == VECTOR


def errors():
    raised(openai.NotFoundError, lambda: model("no-such-model").invoke(CHAT))
    raised(openai.RateLimitError, lambda: model().invoke(FAILS[429]))
    raised(openai.InternalServerError, lambda: model().invoke(FAILS[500]))


if __name__ == "__main__":
    run(local, chat, stream, tools, structured, embeddings, errors)
