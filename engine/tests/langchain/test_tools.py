"""Tools, tool choice and structured output."""

from typing import Annotated, TypedDict

import pytest

pytest.importorskip("langchain_core", reason="langchain-core is not installed")

from dragoman.errors import MessageError
from dragoman.events import Finished, RefusalDelta, TextDelta, ToolCallDelta
from dragoman.messages import ToolChoice
from langchain_core.exceptions import OutputParserException
from langchain_core.tools import tool
from pydantic import BaseModel, Field


class Person(BaseModel):
    """A person."""

    name: str = Field(description="what they are called")
    age: int


class PersonDict(TypedDict):
    """A person."""

    name: Annotated[str, ..., "what they are called"]
    age: int


PersonDict.__name__ = "Person"  # what the script's call is for


@tool
def look(at: str) -> str:
    """Look at something."""
    return f"seen {at}"


def listen(to: str) -> str:
    """Listen to something."""
    return to


CALL = [ToolCallDelta(0, "c-1", "Person", '{"name": "Ann", "age": 7}'), Finished("tool_calls")]
JSON = [TextDelta('{"name": "Ann", '), TextDelta('"age": 7}'), Finished("stop")]


# --- tools --------------------------------------------------------------------------------------------------------


def test_all_kinds_of_tools_are_offered(face, script):
    script.events[:] = [TextDelta("Hi"), Finished("stop")]
    schema = {"title": "smell", "description": "Smell it.", "type": "object", "properties": {"it": {"type": "string"}}}
    dicts = {"type": "function", "function": {"name": "taste", "parameters": {"type": "object", "properties": {}}}}
    face().bind_tools([look, listen, Person, schema, dicts], strict=True).invoke("Hi")
    tools = script.asked[0].tools
    assert [t.name for t in tools] == ["look", "listen", "Person", "smell", "taste"]
    assert tools[0].description == "Look at something."
    assert tools[0].parameters["properties"] == {"at": {"type": "string"}}
    assert all(t.strict for t in tools)
    assert script.asked[0].tool_choice is None


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("any", ToolChoice("required")),
        ("required", ToolChoice("required")),
        (True, ToolChoice("required")),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("look", ToolChoice("tool", "look")),
        ({"type": "function", "function": {"name": "look"}}, ToolChoice("tool", "look")),
        ({"type": "tool", "name": "look"}, ToolChoice("tool", "look")),
        ({"type": "any"}, ToolChoice("required")),
    ],
)
def test_tool_choice(face, script, said, choice):
    script.events[:] = [TextDelta("Hi"), Finished("stop")]
    face().bind_tools([look], tool_choice=said).invoke("Hi")
    assert script.asked[0].tool_choice == choice


def test_parallel_calls_may_be_forbidden(face, script):
    script.events[:] = [TextDelta("Hi"), Finished("stop")]
    face().bind_tools([look], parallel_tool_calls=False).invoke("Hi")
    assert script.asked[0].tool_choice == ToolChoice(parallel=False)


@pytest.mark.parametrize("choice", ["touch", 7])
def test_a_choice_that_cannot_be_made_is_refused_at_once(face, choice):
    with pytest.raises(MessageError, match="tool_choice"):
        face().bind_tools([look], tool_choice=choice)


def test_a_providers_own_tool_is_refused_at_once(face):
    with pytest.raises(MessageError, match=r"tools\[0\]"):
        face().bind_tools([{"type": "web_search_preview"}])


# --- structured output --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", [Person, PersonDict, Person.model_json_schema()], ids=["class", "typed", "json"])
@pytest.mark.parametrize(
    ("method", "events"),
    [("function_calling", CALL), ("json_schema", JSON), ("json_mode", JSON)],
)
def test_an_answer_is_what_the_schema_describes(face, script, schema, method, events):
    script.events[:] = events
    asked = face().with_structured_output(schema, method=method)
    expected = Person(name="Ann", age=7) if schema is Person else {"name": "Ann", "age": 7}
    assert asked.invoke("Who?") == expected
    assert list(asked.stream("Who?"))[-1] == expected


def test_the_default_is_a_forced_tool(face, script):
    script.events[:] = CALL
    face().with_structured_output(Person).invoke("Who?")
    assert script.asked[0].tool_choice == ToolChoice("tool", "Person")


def test_a_schema_goes_out_with_name_description_and_strictness(face, script):
    script.events[:] = JSON
    face().with_structured_output(Person, method="json_schema", strict=True).invoke("Who?")
    wanted = script.asked[0].settings.inference.response_format
    assert (wanted.type, wanted.json_schema.name, wanted.json_schema.strict) == ("json_schema", "Person", True)
    assert wanted.json_schema.description == "A person."
    assert wanted.json_schema.schema_["additionalProperties"] is False


def test_json_mode_asks_for_any_object(face, script):
    script.events[:] = JSON
    face().with_structured_output(method="json_mode").invoke("Who? As JSON")
    assert script.asked[0].settings.inference.response_format.type == "json_object"


@pytest.mark.parametrize(("method", "events"), [("function_calling", CALL), ("json_schema", JSON)])
def test_raw_and_parsed(face, script, method, events):
    script.events[:] = events
    asked = face().with_structured_output(Person, method=method, include_raw=True)
    answer = asked.invoke("Who?")
    assert answer["parsed"] == Person(name="Ann", age=7)
    assert answer["raw"].response_metadata["adapter"] == "chatty"
    assert answer["parsing_error"] is None


def test_what_cannot_be_parsed_is_told_beside_the_raw_answer(face, script):
    script.events[:] = [TextDelta("no JSON"), Finished("stop")]
    asked = face().with_structured_output(Person, method="json_schema", include_raw=True)
    answer = asked.invoke("Who?")
    assert answer["parsed"] is None
    assert isinstance(answer["parsing_error"], OutputParserException)


def test_a_refusal_is_no_answer(face, script):
    script.events[:] = [RefusalDelta("I won't"), Finished("refusal")]
    with pytest.raises(OutputParserException, match="I won't"):
        face().with_structured_output(Person, method="json_schema").invoke("Who?")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"schema": Person, "method": "telepathy"}, "telepathy"),
        ({"schema": None}, "needs a schema"),
        ({"schema": Person, "method": "json_mode", "strict": True}, "strict"),
    ],
)
def test_what_does_not_fit_together_is_refused(face, arguments, what):
    with pytest.raises(ValueError, match=what):
        face().with_structured_output(**arguments)


def test_further_arguments_go_with_each_call(face, script):
    script.events[:] = CALL
    face().with_structured_output(Person, temperature=0).invoke("Who?")
    assert script.asked[0].settings.inference.temperature == 0
