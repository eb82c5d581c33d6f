"""Agents run: the model asks for tools, is told their results, and answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from dragoman import Engine, SyncEngine
from dragoman.agents import AgentFinished, StepStarted, ToolFinished, ToolStarted, ToolUse
from dragoman.errors import AgentLimitError, MessageError, RateLimitedError, UnsupportedError
from dragoman.events import TextDelta
from dragoman.messages import Message, Text
from dragoman.provider import CallObservation
from dragoman.testing.upstream import HOLD, Reply, Upstream

from .model import calls, says

CELSIUS = {"unit": "celsius"}


def sunny(service: Upstream) -> None:
    service.answer(Reply.json({"sky": "sunny"}))


async def test_the_answer_comes_with_its_steps(
    engine: Engine, weather: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    sunny(service)
    model.answer(calls(("get_weather", {"city": "Rome"}), text="I look."), says("It is sunny in Rome."))
    result = await engine.agent(weather).run("Is it warm in Rome?", CELSIUS)
    assert result.text == "It is sunny in Rome."
    assert (result.agent, result.provider, result.model, result.finish_reason) == (
        "weather", "openai-compatible", "m-1", "stop",
    )  # fmt: skip
    first, last = result.steps
    use = ToolUse("call-get_weather-0", "get_weather", '{"city": "Rome"}', '{"sky": "sunny"}')
    assert (first.number, first.text, first.tools) == (1, "I look.", (use,))
    assert (last.number, last.text, last.tools) == (2, "It is sunny in Rome.", ())
    assert result.tools == (use,)
    assert service.received[0].target == "/weather/Rome"
    asked, told = (request.json() for request in model.received)
    assert asked["messages"][0] == {"role": "system", "content": "You answer in celsius."}
    assert asked["tools"][0]["function"]["parameters"] == weather["tools"][0]["function"]["parameters"]
    assert told["messages"][-1]["content"] == '{"sky": "sunny"}'
    assert told["messages"][-1]["tool_call_id"] == use.id


async def test_usage_and_cost_are_those_of_all_calls_and_each_is_observed(
    engine: Engine, weather: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    sunny(service)
    model.answer(calls(("get_weather", {"city": "Rome"})), says("Sunny.", prompt_tokens=30, total_tokens=35))
    weather["adapter"]["pricing"] = {"currency": "USD", "input_per_million": "1", "output_per_million": "10"}
    seen: list[CallObservation] = []
    result = await engine.agent(weather, observe=seen.append).run("Is it warm?", CELSIUS)
    assert result.usage[:3] == (40, 10, 50)
    assert result.usage.source == "provider"
    assert (result.cost, result.currency) == ("0.00014", "USD")
    assert [call.phase for call in seen] == ["start", "end"] * 2


async def test_what_happens_is_told_as_it_happens(
    engine: Engine, weather: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    sunny(service)
    model.answer(calls(("get_weather", {"city": "Rome"})), says("It is sunny."))
    events = [event async for event in engine.agent(weather).stream("Is it warm?", CELSIUS)]
    call = ToolUse("call-get_weather-0", "get_weather", '{"city": "Rome"}', '{"sky": "sunny"}')
    assert events[:-1] == [
        StepStarted(1),
        ToolStarted(call.id, call.name, call.arguments),
        ToolFinished(call),
        StepStarted(2),
        TextDelta("It"), TextDelta(" is"), TextDelta(" sunny."),
    ]  # fmt: skip
    assert isinstance(events[-1], AgentFinished)
    assert events[-1].result.text == "It is sunny."
    assert events[-1].result.usage[:3] == (20, 10, 30)
    assert [request.json()["stream"] for request in model.received] == [True, True]


async def test_a_conversation_goes_on_from_a_result(
    engine: Engine, weather: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    sunny(service)
    model.answer(calls(("get_weather", {"city": "Rome"})), says("Sunny."), says("You are welcome."))
    agent = engine.agent(weather)
    first = await agent.run("Is it warm?", CELSIUS)
    second = await agent.run([*first.messages, Message("user", (Text("Thank you"),))], CELSIUS)
    assert second.text == "You are welcome."
    assert len(second.steps) == 1
    roles = [message["role"] for message in model.received[-1].json()["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


async def test_several_tools_of_one_answer_are_all_called(
    engine: Engine, weather: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    service.answer(lambda request: Reply.text(f"sunny at {request.target}"))
    model.answer(calls(("get_weather", {"city": "Rome"}), ("get_weather", {"city": "Oslo"})), says("Both."))
    result = await engine.agent(weather).run("Both?", CELSIUS)
    assert [use.result for use in result.tools] == ["sunny at /weather/Rome", "sunny at /weather/Oslo"]


def test_the_same_without_a_loop(weather: dict[str, Any], model: Upstream, service: Upstream) -> None:
    sunny(service)
    model.answer(*(script for _ in range(2) for script in (calls(("get_weather", {"city": "Rome"})), says("Sunny."))))
    with SyncEngine.from_config() as engine:
        agent = engine.agent(weather)
        assert agent.run("Is it warm?", CELSIUS).text == "Sunny."
        *_, last = agent.stream("Is it warm?", CELSIUS)
        assert isinstance(last, AgentFinished)


async def test_settings_of_the_agent_lie_over_its_adapters_and_a_profile_may_be_its_model(
    engine: Engine, weather: dict[str, Any], model: Upstream
) -> None:
    profile = "eu.anthropic.claude-sonnet-4-20250514-v1:0"
    weather |= {
        "adapter": {**weather["adapter"], "model": profile, "inference": {"temperature": 1, "seed": 7}},
        "inference": {"temperature": 0},
    }
    model.answer(says("Hi."))
    assert (await engine.agent(weather).run("Hi", CELSIUS)).text == "Hi."
    sent = model.received[0].json()
    assert (sent["model"], sent["temperature"], sent["seed"]) == (profile, 0, 7)


# --- what does not go well ---------------------------------------------------------------------------------------


async def test_a_tool_that_fails_is_told_to_the_model(
    engine: Engine, weather: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    service.answer(Reply.json({"problem": "no such city"}, 404))
    model.answer(calls(("get_weather", {"city": "Atlantis"})), says("I do not know."))
    result = await engine.agent(weather).run("Is it warm?", CELSIUS)
    (use,) = result.tools
    assert use.is_error
    assert "answered 404" in use.result
    assert "no such city" in use.result
    assert result.text == "I do not know."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"city": 7}, "city: 7 is not of type 'string'"),
        ({}, "'city' is a required property"),
        ({"city": ".."}, "it is a part of a path"),
        ('{"city": "Ro', "no JSON object"),
    ],
)
@pytest.mark.parametrize("streams", [False, True])
async def test_arguments_that_do_not_fit_reach_no_service(
    engine: Engine,
    weather: dict[str, Any],
    model: Upstream,
    service: Upstream,
    arguments: Any,
    said: str,
    streams: bool,
) -> None:
    model.answer(calls(("get_weather", arguments)), says("I was wrong."))
    agent = engine.agent(weather)
    if streams:
        *_, last = [event async for event in agent.stream("Is it warm?", CELSIUS)]
        assert isinstance(last, AgentFinished)
        result = last.result
    else:
        result = await agent.run("Is it warm?", CELSIUS)
    assert result.text == "I was wrong."
    assert result.tools[0].is_error
    assert said in result.tools[0].result
    assert service.received == []
    assert said in model.received[-1].json()["messages"][-1]["content"]


async def test_a_tool_that_is_not_there_is_told_to_the_model(
    engine: Engine, weather: dict[str, Any], model: Upstream
) -> None:
    model.answer(calls(("get_tides", {})), says("I have none."))
    result = await engine.agent(weather).run("Is it high?", CELSIUS)
    assert result.tools[0].is_error
    assert "get_weather" in result.tools[0].result


async def test_an_agent_without_an_answer_stops_at_its_limit(
    engine: Engine, weather: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    sunny(service)
    model.answer(calls(("get_weather", {"city": "Rome"})))
    weather["limits"] = {"max_steps": 3}
    with pytest.raises(AgentLimitError, match=r"asked its model 3 times .*raise limits\.max_steps") as caught:
        await engine.agent(weather).run("Is it warm?", CELSIUS)
    assert caught.value.path == "limits.max_steps"
    assert len(model.received) == 3


async def test_a_run_ends_at_its_deadline_and_leaves_the_model(
    engine: Engine, weather: dict[str, Any], model: Upstream
) -> None:
    model.answer(Reply((b"{", HOLD)))
    weather["limits"] = {"timeout_s": 0.2}
    with pytest.raises(AgentLimitError, match=r"took longer than 0\.2 s"):
        await engine.agent(weather).run("Is it warm?", CELSIUS)
    assert await asyncio.to_thread(model.wait_until_left)


async def test_a_tool_that_takes_too_long_is_left_and_told(
    engine: Engine, weather: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    service.answer(Reply((b"{", HOLD)))
    model.answer(calls(("get_weather", {"city": "Rome"})), says("It is slow."))
    weather["limits"] = {"tool_timeout_s": 0.2}
    result = await engine.agent(weather).run("Is it warm?", CELSIUS)
    assert "0.2 s" in result.tools[0].result
    assert await asyncio.to_thread(service.wait_until_left)


async def test_an_error_of_the_model_is_the_runs(engine: Engine, weather: dict[str, Any], model: Upstream) -> None:
    model.answer(Reply.json({"error": {"message": "slow down"}}, 429))
    with pytest.raises(RateLimitedError, match="slow down"):
        await engine.agent(weather).run("Hi", CELSIUS)
    with pytest.raises(RateLimitedError, match="slow down"):
        assert [event async for event in engine.agent(weather).stream("Hi", CELSIUS)]


async def test_values_that_do_not_fit_ask_nobody(engine: Engine, weather: dict[str, Any], model: Upstream) -> None:
    with pytest.raises(MessageError, match="the agent weather: unit has no value"):
        await engine.agent(weather).run("Hi")
    with pytest.raises(MessageError, match="colour is no variable of it"):
        await engine.agent(weather).run("Hi", {**CELSIUS, "colour": "red"})
    assert model.received == []


# --- leaving -----------------------------------------------------------------------------------------------------


async def test_leaving_a_stream_closes_the_models_connection(
    engine: Engine, weather: dict[str, Any], model: Upstream
) -> None:
    model.answer(lambda request: says("It is sunny.")(request).cut(2, HOLD))
    events = engine.agent(weather).stream("Is it warm?", CELSIUS)
    async for event in events:
        if isinstance(event, TextDelta):
            break
    await events.aclose()
    assert await asyncio.to_thread(model.wait_until_left)


async def test_cancelling_a_run_closes_the_tools_connection(
    engine: Engine, weather: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    service.answer(Reply((b"{", HOLD)))
    model.answer(calls(("get_weather", {"city": "Rome"})))
    running = asyncio.create_task(engine.agent(weather).run("Is it warm?", CELSIUS))
    assert await asyncio.to_thread(service.wait_until_asked)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(service.wait_until_left)


async def test_no_variable_of_the_environment_sends_the_conversation_elsewhere(
    engine: Engine, weather: dict[str, Any], model: Upstream, service: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    from langchain_core.tracers.langchain import wait_for_all_tracers
    from langsmith import utils

    sunny(service)
    model.answer(calls(("get_weather", {"city": "Rome"})), says("Sunny."))
    with Upstream() as collector:
        collector.answer(Reply.json({}))
        for name, value in (("TRACING", "true"), ("ENDPOINT", collector.url), ("API_KEY", "lsv2_canary")):
            monkeypatch.setenv(f"LANGSMITH_{name}", value)
        utils.get_env_var.cache_clear()
        assert (await engine.agent(weather).run("Is it warm?", CELSIUS)).text == "Sunny."
        await asyncio.to_thread(wait_for_all_tracers)
        assert collector.received == []
    utils.get_env_var.cache_clear()


def test_what_the_extra_brings_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "langgraph", None)
    with pytest.raises(UnsupportedError, match=r"agents need langgraph \(pip install 'dragoman\[agents\]'\)"):
        Engine().agent("weather")


async def test_a_result_can_be_written_as_json(
    engine: Engine, weather: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    sunny(service)
    model.answer(calls(("get_weather", {"city": "Rome"})), says("Sunny."))
    result = await engine.agent(weather).run("Is it warm?", CELSIUS)
    written = json.loads(json.dumps(result.as_object()))
    assert (written["text"], written["usage"]["source"]) == ("Sunny.", "provider")
    assert [step["number"] for step in written["steps"]] == [1, 2]
