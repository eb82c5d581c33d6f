from __future__ import annotations

import pytest
from dragoman.errors import UnsupportedError
from dragoman.messages import ToolChoice
from pydantic import ValidationError

SCHEMA = {"type": "object", "properties": {"a": {"type": ["string", "null"], "default": None}}}
DOCUMENTS = ["a text", {"id": "d", "data": {"text": "another", "year": 1984}}]


@pytest.mark.parametrize(
    ("inference", "members"),
    [
        ({}, {}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 0.5, "top_k": 3}, {"p": 0.5, "k": 3}),
        ({"max_tokens": 9, "seed": 0}, {"max_tokens": 9, "seed": 0}),
        ({"stop_sequences": "X"}, {"stop_sequences": ["X"]}),
        ({"stop_sequences": []}, {}),
        (
            {"presence_penalty": 0.5, "frequency_penalty": 0.25},
            {"presence_penalty": 0.5, "frequency_penalty": 0.25},
        ),
        ({"documents": DOCUMENTS}, {"documents": DOCUMENTS}),
        ({"citation_options": {"mode": "FAST"}}, {"citation_options": {"mode": "FAST"}}),
        ({"safety_mode": "STRICT", "priority": 0}, {"safety_mode": "STRICT", "priority": 0}),
        ({"strict_tools": True}, {"strict_tools": True}),
        ({"reasoning": {"effort": "none"}}, {"thinking": {"type": "disabled"}}),
        ({"reasoning": {"effort": "disabled"}}, {"thinking": {"type": "disabled"}}),
        ({"reasoning": {"budget_tokens": 0}}, {"thinking": {"type": "disabled"}}),
        ({"reasoning": {"effort": "none", "budget_tokens": 0}}, {"thinking": {"type": "disabled"}}),
        ({"reasoning": {"effort": "enabled"}}, {"thinking": {"type": "enabled"}}),
        ({"reasoning": {"budget_tokens": 512}}, {"thinking": {"type": "enabled", "token_budget": 512}}),
        ({"reasoning": {}}, {}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"response_format": {"type": "json_object"}}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}},
            {"response_format": {"type": "json_object", "json_schema": SCHEMA}},
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"description": "d", "schema": SCHEMA}}},
            {"response_format": {"type": "json_object", "json_schema": {"description": "d", **SCHEMA}}},
        ),
        ({"model_kwargs": {"logprobs": True}}, {"logprobs": True}),
    ],
)
def test_settings_become_members(speak, inference, members):
    body = speak().body(**inference)
    assert body == {"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}


@pytest.mark.parametrize(
    ("inference", "path"),
    [
        ({"reasoning": {"effort": "low"}}, r"inference\.reasoning\.effort.*budget_tokens"),
        ({"reasoning": {"effort": "none", "budget_tokens": 5}}, r"inference\.reasoning\.budget_tokens"),
        ({"reasoning": {"effort": "enabled", "budget_tokens": 0}}, r"inference\.reasoning\.budget_tokens"),
        ({"response_format": {"type": "json_schema"}}, r"inference\.response_format\.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}}, r"json_schema"),
        ({"typical_p": 1}, r"inference\.typical_p.*model_kwargs"),
        ({"model_kwargs": {"p": 1}}, r"model_kwargs\.p.*inference\.top_p"),
        ({"model_kwargs": {"thinking": {}}}, r"model_kwargs\.thinking.*inference\.reasoning"),
        ({"model_kwargs": {"stream": True}}, r"model_kwargs\.stream"),
        ({"endpoint_kwargs": {"verify": False}}, r"endpoint_kwargs\.verify"),
        ({"endpoint_kwargs": {"headers": {"authorization": "x"}}}, "authorization"),
        ({"endpoint_kwargs": {"headers": {"X-Client-Name": "x"}}}, "X-Client-Name"),
        ({"endpoint_kwargs": {"headers": {"a b": "x"}}}, "no name"),
        ({"endpoint_kwargs": {"headers": {"a": "x\ny"}}}, "one line of text"),
        ({"endpoint_kwargs": {"headers": []}}, None),
        ({"endpoint_kwargs": {"headers": "x"}}, "object of texts"),
        ({"endpoint_kwargs": {"query": {"api_key": "x"}}}, "api_key"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_path(speak, inference, path):
    if path is None:
        assert speak().wire(**inference)
        return
    with pytest.raises(UnsupportedError, match=path):
        speak().wire(**inference)


@pytest.mark.parametrize(
    "inference", [{"safety_mode": "NONE"}, {"citation_options": {"mode": "fast"}}, {"priority": 1000}]
)
def test_words_that_cohere_does_not_know_are_refused(speak, inference):
    with pytest.raises(ValidationError):
        speak().wire(**inference)


def test_headers_and_query_of_an_adapter_are_sent(speak):
    wire = speak(base_url="https://h/v2/", client_name="my project").wire(
        endpoint_kwargs={"headers": {"X-Team": "a"}, "query": {"trace": "1 2"}}
    )
    assert wire.url == "https://h/v2/chat?trace=1+2"
    assert wire.headers == {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "X-Client-Name": "my project",
        "X-Team": "a",
    }


def test_a_stream_is_asked_for(speak):
    wire = speak().wire(stream=True)
    assert wire.headers["Accept"] == "text/event-stream"
    assert speak().body(stream=True)["stream"] is True


# --- tools -----------------------------------------------------------------------------------------------------------

WEATHER = {"name": "weather", "description": "d", "parameters": SCHEMA}
TIME = {"name": "time"}
WIRE_WEATHER = {"type": "function", "function": WEATHER}
WIRE_TIME = {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    ("choice", "members"),
    [
        (None, {}),
        ("auto", {}),
        ("none", {"tool_choice": "NONE"}),
        ("required", {"tool_choice": "REQUIRED"}),
    ],
)
def test_tools_are_written(speak, choice, members):
    body = speak().body(tools=[WEATHER, TIME], tool_choice=choice)
    del body["model"], body["messages"]
    assert body == {"tools": [WIRE_WEATHER, WIRE_TIME], **members}


def test_one_tool_by_name_is_required_where_it_is_the_only_one(speak):
    assert speak().body(tools=[TIME], tool_choice="time")["tool_choice"] == "REQUIRED"


@pytest.mark.parametrize(
    ("tools", "choice", "path"),
    [
        ([WEATHER, TIME], "time", r"tool_choice\.name.*alone"),
        ([TIME], ToolChoice("tool"), r"tool_choice\.name"),
        ([TIME], ToolChoice("auto", parallel=False), r"tool_choice\.parallel"),
        ([{**TIME, "strict": True}, {**WEATHER, "strict": False}], None, "tools"),
    ],
)
def test_a_choice_that_cohere_does_not_have_is_refused(speak, tools, choice, path):
    with pytest.raises(UnsupportedError, match=path):
        speak().body(tools=tools, tool_choice=choice)


@pytest.mark.parametrize("strict", [True, False])
def test_strictness_of_tools_is_one_member(speak, strict):
    body = speak().body(tools=[{**TIME, "strict": strict}, WEATHER], strict_tools=not strict)
    assert body["strict_tools"] is strict
    assert "strict" not in body["tools"][0]["function"]
