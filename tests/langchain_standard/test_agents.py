"""LangGraph agents with tools, on adapters: a loop of model and tools, streamed, structured, resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("langchain", reason="langchain is not installed")
pytest.importorskip("langgraph", reason="langgraph is not installed")

from dragoman import Engine, Settings, SyncEngine
from dragoman.errors import UnsupportedError
from dragoman.langchain import ChatDragoman
from dragoman.testing.upstream import Upstream
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from .providers import ROWS, Row

QUESTION = {"messages": [HumanMessage("What is the weather in 'Rome'? Use get_weather.")]}


@tool
def get_weather(city: str) -> str:
    """Say what the weather is like in a city."""
    return f"sunny in {city}"


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


@pytest.fixture
def model(row: Row, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatDragoman]:
    for name in row.secrets:
        monkeypatch.setenv(name, "a-secret-of-the-tests")
    with Upstream() as upstream, SyncEngine(Engine(Settings())) as engine:
        if row.answer is not None:
            upstream.answer(row.answer)
        yield ChatDragoman(adapter=row.document(upstream.url), engine=engine, temperature=0)


def kinds(messages: list[Any]) -> list[type]:
    return [type(message) for message in messages]


async def test_an_agent_calls_its_tool_and_answers(model: ChatDragoman) -> None:
    state = await create_agent(model, [get_weather]).ainvoke(QUESTION)
    assert kinds(state["messages"]) == [HumanMessage, AIMessage, ToolMessage, AIMessage]
    _, asked, result, answer = state["messages"]
    assert [call["args"] for call in asked.tool_calls] == [{"city": "Rome"}]
    assert result.content == "sunny in Rome"
    assert answer.text
    assert answer.usage_metadata["total_tokens"] > 0


def test_the_same_without_a_loop(model: ChatDragoman) -> None:
    state = create_agent(model, [get_weather]).invoke(QUESTION)
    assert kinds(state["messages"]) == [HumanMessage, AIMessage, ToolMessage, AIMessage]


async def test_an_agents_tokens_come_as_they_are_written(model: ChatDragoman) -> None:
    chunks = []
    async for chunk, told in create_agent(model, [get_weather]).astream(QUESTION, stream_mode="messages"):
        if isinstance(chunk, AIMessageChunk):
            chunks.append((told["langgraph_step"], chunk))
    steps = sorted({step for step, _ in chunks})
    assert len(steps) == 2
    asked, answered = ([chunk for step, chunk in chunks if step == wanted] for wanted in steps)
    first, *rest = asked
    assert first.__add__(rest).tool_calls[0]["args"] == {"city": "Rome"}
    assert sum(bool(chunk.text) for chunk in answered) > 1
    assert [bool(chunk.usage_metadata) for chunk in answered].count(True) == 1


async def test_a_conversation_goes_on_where_it_was_kept(model: ChatDragoman) -> None:
    agent = create_agent(model, [get_weather], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    await agent.ainvoke(QUESTION, config)
    state = await agent.ainvoke({"messages": [HumanMessage("Thank you")]}, config)
    assert len(state["messages"]) >= 6


@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy])
async def test_an_agents_answer_may_follow_a_schema(
    model: ChatDragoman, row: Row, strategy: Callable[[type], Any]
) -> None:
    agent = create_agent(model, response_format=strategy(Weather))
    if "test_structured_output" in row.skips:
        with pytest.raises(UnsupportedError):
            await agent.ainvoke(QUESTION)
        return
    state = await agent.ainvoke({"messages": [HumanMessage("It is 31 degrees in 'Rome'.")]})
    assert state["structured_response"] == Weather(city="Rome", degrees=31)
