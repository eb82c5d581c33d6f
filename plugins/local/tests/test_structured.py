"""Answers in JSON: any object, or a value that follows a schema."""

import json
from datetime import date
from enum import StrEnum
from typing import Literal
from uuid import UUID

import jsonschema
import pytest
from dragoman.errors import UnsupportedError
from pydantic import BaseModel, Field, TypeAdapter


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Leaf(BaseModel):
    kind: Literal["leaf"]
    size: float = Field(gt=0, lt=1)


class Branch(BaseModel):
    kind: Literal["branch"]
    children: list["Leaf | Branch"] = Field(min_length=1, max_length=3)


class Plant(BaseModel):
    model_config = {"extra": "forbid"}

    name: str = Field(min_length=3, max_length=40)
    code: str = Field(pattern=r"^[A-Z]{3}-\d+$")
    id: UUID
    planted: date
    colours: set[Colour] = Field(min_length=2)
    height_cm: int = Field(ge=10, multiple_of=5)
    note: str | None = None
    tags: dict[str, int]
    place: tuple[float, float]
    root: Leaf | Branch = Field(discriminator="kind")


def wanted(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


@pytest.mark.parametrize("settings", [{"temperature": 0}, {"seed": 1}, {"seed": 2, "temperature": 3}, {"top_k": 1}])
@pytest.mark.parametrize("kind", [Plant, Leaf, Branch, list[Plant], dict[str, Colour], int, str, Colour | None])
async def test_an_answer_follows_the_schema_of_a_type(engine, kind, settings):
    adapter = TypeAdapter(kind)
    schema = adapter.json_schema()
    response = await engine.chat("local", "Describe a 'fern'", response_format=wanted(schema), **settings)
    jsonschema.validate(json.loads(response.text), schema)
    adapter.validate_json(response.text)
    assert response.finish_reason == "stop"


async def test_any_object_has_the_members_that_the_prompt_quotes(engine):
    prompt = "Tell me a joke about cats. Return the result as a JSON with 'setup' and 'punchline' keys."
    response = await engine.chat("local", prompt, response_format={"type": "json_object"})
    value = json.loads(response.text)
    assert list(value) == ["setup", "punchline"]
    assert all(isinstance(text, str) and text for text in value.values())


async def test_any_object_is_an_object_whatever_the_prompt(engine):
    response = await engine.chat("local", "Hello", response_format={"type": "json_object"})
    assert isinstance(json.loads(response.text), dict)


async def test_the_format_text_is_text(engine):
    plain = await engine.chat("local", "Hello", temperature=0)
    asked = await engine.chat("local", "Hello", temperature=0, response_format={"type": "text"})
    assert asked.text == plain.text


async def test_the_same_settings_rule_over_json(engine):
    asked = {"response_format": wanted(Plant.model_json_schema())}
    seeds = [(await engine.chat("local", "Hello", seed=seed, **asked)).text for seed in (1, 1, 2)]
    assert seeds[0] == seeds[1] != seeds[2]
    cut = await engine.chat("local", "Hello", seed=1, max_tokens=6, **asked)
    assert (cut.finish_reason, cut.usage.output_tokens) == ("length", 6)
    stopped = await engine.chat("local", "Hello", seed=1, stop_sequences=["code"], **asked)
    assert stopped.text == seeds[0][: seeds[0].index("code")]
    streamed = [text async for text in engine.stream("local", "Hello", seed=1, **asked).text()]
    assert "".join(streamed) == seeds[0]


async def test_a_schema_that_cannot_be_followed_is_refused(engine):
    with pytest.raises(UnsupportedError, match="contains") as refusal:
        await engine.chat("local", "Hello", response_format=wanted({"type": "array", "contains": {}}))
    assert refusal.value.path == "inference.response_format.json_schema.schema"


async def test_a_tool_comes_before_the_format(engine):
    asked = {"response_format": {"type": "json_object"}, "tools": [{"name": "look_up"}]}
    called = await engine.chat("local", "look_up ferns", **asked)
    assert called.finish_reason == "tool_calls"
    answered = await engine.chat("local", "Hello", **asked)
    assert isinstance(json.loads(answered.text), dict)
