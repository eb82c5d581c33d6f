"""Tool calls: which tool, with which arguments, in which pieces."""

import json

import jsonschema
import pytest
from dragoman.errors import UnsupportedError
from dragoman.events import Finished, ToolCallDelta
from dragoman.messages import ToolChoice
from dragoman_local.tokens import count

MAGIC = {
    "name": "magic_function",
    "parameters": {
        "type": "object",
        "properties": {"input": {"type": "integer", "exclusiveMinimum": -1000, "exclusiveMaximum": 1000}},
        "required": ["input"],
    },
}
WEATHER = {
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["location"],
    },
}
CLOCK = {"name": "getClockTime", "description": "Tells the time"}
TOOLS = [MAGIC, WEATHER, CLOCK]

AT_ONCE = ToolChoice("auto", parallel=True)
ONE_BY_ONE = ToolChoice("auto", parallel=False)


def called(response):
    return [call.name for call in response.tool_calls]


def arguments(response):
    return [json.loads(call.arguments) for call in response.tool_calls]


@pytest.mark.parametrize(
    ("prompt", "choice", "names"),
    [
        ("Hello!", None, []),
        ("Hello!", "auto", []),
        ("What is the value of magic_function(3)? Use the tool.", None, ["magic_function"]),
        ("What is the weather in Paris?", None, ["get_weather"]),
        ("What time is it?", None, ["getClockTime"]),
        ("get_weather, then magic_function", None, ["get_weather", "magic_function"]),
        ("get_weather, then magic_function", AT_ONCE, ["get_weather", "magic_function"]),
        ("get_weather, then magic_function", ONE_BY_ONE, ["get_weather"]),
        ("get_weather and the clock", None, ["get_weather"]),
        ("not_get_weather_forecast", None, ["get_weather"]),
        ("Call get_weather.", "none", []),
        ("Hello!", "required", ["magic_function"]),
        ("What is the weather?", "required", ["get_weather"]),
        ("get_weather, then magic_function", "required", ["get_weather", "magic_function"]),
        ("What is the weather?", "getClockTime", ["getClockTime"]),
    ],
)
async def test_tools_are_called_by_their_names(engine, prompt, choice, names):
    response = await engine.chat("local", prompt, tools=TOOLS, tool_choice=choice)
    assert called(response) == names
    assert response.finish_reason == ("tool_calls" if names else "stop")
    assert bool(response.text) is not bool(names)


def conversation(*tools):
    asked = [{"role": "user", "content": "What is the weather, and magic_function(3)?"}]
    for number, name in enumerate(tools, 1):
        call = {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": "{}"}}
        asked.append({"role": "assistant", "tool_calls": [call]})
        asked.append({"role": "tool", "tool_call_id": f"call_{number}", "content": "It is sunny in Kyiv."})
    return asked


async def test_after_a_tools_result_the_answer_is_text_about_it(engine):
    response = await engine.chat("local", conversation("get_weather"), tools=TOOLS, temperature=0)
    assert called(response) == []
    assert response.text.startswith(("Sunny", "Kyiv"))


@pytest.mark.parametrize(
    ("before", "name"),
    [
        ([], "magic_function"),
        (["magic_function"], "get_weather"),
        (["magic_function", "get_weather"], "getClockTime"),
        (["magic_function", "get_weather", "getClockTime"], "magic_function"),
    ],
)
async def test_where_calls_are_demanded_each_tool_has_its_turn(engine, before, name):
    response = await engine.chat("local", conversation(*before), tools=TOOLS, tool_choice="required")
    assert called(response) == [name]


async def test_ids_differ_within_a_conversation(engine):
    messages = [*conversation("get_weather"), {"role": "user", "content": "get_weather and magic_function"}]
    response = await engine.chat("local", messages, tools=TOOLS)
    assert [call.id for call in response.tool_calls] == ["call_2", "call_3"]


async def test_numbers_and_quotations_of_the_prompt_become_arguments(engine):
    prompt = "Call magic_function with 3, then get_weather for 'São Paulo' in Fahrenheit"
    response = await engine.chat("local", prompt, tools=TOOLS)
    assert arguments(response) == [{"input": 3}, {"location": "São Paulo", "unit": "fahrenheit"}]
    assert "São" in response.tool_calls[1].arguments


@pytest.mark.parametrize("seed", range(5))
async def test_arguments_conform_to_the_parameters(engine, seed):
    response = await engine.chat("local", "magic_function and get_weather", tools=TOOLS, seed=seed)
    for value, tool in zip(arguments(response), (MAGIC, WEATHER), strict=True):
        jsonschema.validate(value, tool["parameters"])


@pytest.mark.parametrize("parameters", [None, {}, {"type": "object"}, {"type": "object", "properties": {}}])
async def test_a_tool_without_parameters_gets_an_empty_object(engine, parameters):
    tool = {"name": "refresh", "parameters": parameters}
    response = await engine.chat("local", "Hello", tools=[tool], tool_choice="refresh")
    assert arguments(response) == [{}]


async def test_a_call_comes_in_pieces_that_add_up(engine):
    asked = {"tools": TOOLS, "seed": 1}
    whole = await engine.chat("local", "magic_function and get_weather", **asked)
    events = [e async for e in engine.stream("local", "magic_function and get_weather", **asked)]
    pieces = [event for event in events if isinstance(event, ToolCallDelta)]
    for position, call in enumerate(whole.tool_calls):
        first, *rest = [piece for piece in pieces if piece.position == position]
        assert (first.id, first.name, first.arguments) == (call.id, call.name, "")
        assert "".join(piece.arguments for piece in rest) == call.arguments
        assert len(rest) == count(call.arguments) > 1
    assert len(pieces) == whole.usage.output_tokens
    assert events[-1] == Finished("tool_calls")


async def test_max_tokens_cuts_arguments_too(engine):
    response = await engine.chat("local", "magic_function(3)", tools=TOOLS, max_tokens=4)
    assert response.finish_reason == "length"
    assert response.usage.output_tokens == 4
    assert '{"input": 3}'.startswith(response.tool_calls[0].arguments)


async def test_stop_sequences_leave_arguments_whole(engine):
    response = await engine.chat("local", "magic_function(3)", tools=TOOLS, stop_sequences=["input"])
    assert arguments(response) == [{"input": 3}]
    assert response.finish_reason == "tool_calls"


async def test_offered_tools_count_as_input(engine):
    bare = await engine.chat("local", "Hello", max_tokens=1)
    offered = await engine.chat("local", "Hello", max_tokens=1, tools=TOOLS)
    assert offered.usage.input_tokens > bare.usage.input_tokens


async def test_a_tool_that_is_not_there_is_refused(engine):
    with pytest.raises(UnsupportedError, match="get_weather") as refusal:
        await engine.chat("local", "Hello", tools=TOOLS, tool_choice="get_wether")
    assert refusal.value.path == "tool_choice"


async def test_parameters_that_cannot_be_followed_are_refused_by_place(engine):
    bad = {"name": "bad", "parameters": {"type": "object", "properties": {"a": {"not": {}}}, "required": ["a"]}}
    with pytest.raises(UnsupportedError) as refusal:
        await engine.chat("local", "Hello", tools=[MAGIC, bad], tool_choice="bad")
    assert refusal.value.path == "tools[1].parameters"
