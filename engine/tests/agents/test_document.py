"""An agent's document: what it may say, and the exact place of what it may not."""

import pytest
from dragoman import Engine, Settings
from dragoman.agents import agent_from
from dragoman.errors import DocumentError, DocumentNotFoundError

WEATHER = """
description: Knows the weather.
adapter: {base: claude, model: eu.anthropic.claude-sonnet-4-20250514-v1:0}
instruction: "You answer in {{ unit }}, for {{ who }}."
inference: {configuration: precise, temperature: 0}
tools:
  - entry_point: search
  - type: function
    function:
      name: get_weather
      description: The weather in a city.
      parameters: {type: object, properties: {city: {type: string}}, required: [city]}
    http:
      url: https://weather.example/v1/{city}?units=metric
      method: GET
      headers: {X-Client: dragoman}
      auth: {kind: bearer, secret: WEATHER_KEY}
limits: {max_steps: 5}
"""
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def function(url="https://weather.example/", parameters=None, name="look", **http):
    return {
        "function": {"name": name, **({"parameters": parameters} if parameters else {})},
        "http": {"url": url, **http},
    }


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "weather.yaml").write_text(WEATHER, encoding="utf-8")
    return tmp_path


@pytest.fixture
async def engine(folder):
    async with Engine(Settings(agents_directory=folder)) as engine:
        yield engine


async def test_an_agent_is_named_as_its_file_and_knows_what_it_needs(engine):
    agent = await engine.agents.get("weather")
    assert agent.name == "weather"
    assert agent.variables == ("unit", "who")
    assert agent.override == {"inference": {"configuration": "precise", "temperature": 0.0}}
    assert list(agent.secrets()) == [("tools.1.http.auth.secret", "WEATHER_KEY")]
    assert (agent.limits.max_steps, agent.limits.timeout_s) == (5, 600)
    assert agent_from(agent.as_document()) == agent


async def test_a_change_of_the_file_counts_at_once(engine, folder):
    await engine.agents.get("weather")
    (folder / "weather.yaml").write_text("adapter: other", encoding="utf-8")
    assert (await engine.agents.get("weather")).adapter == "other"


async def test_what_is_not_there_names_what_is(engine):
    with pytest.raises(DocumentNotFoundError, match=r"there is no agent 'tides'.*there are: weather"):
        await engine.agents.get("tides")
    async with Engine(Settings()) as other:
        assert (await other.agents.list()).agents == []
        with pytest.raises(DocumentNotFoundError, match="their folder is not set"):
            await other.agents.get("weather")


@pytest.mark.parametrize(
    ("text", "said"),
    [("tools: [", "is not YAML"), ("{name: other}", "name: is not the file's name"), ("[1]", "an object is expected")],
)
async def test_a_file_that_holds_no_agent_is_listed_beside_the_others(engine, folder, text, said):
    (folder / "broken.yaml").write_text(text, encoding="utf-8")
    found = await engine.agents.list()
    assert [agent.name for agent in found.agents] == ["weather"]
    (reason,) = found.failures.values()
    assert said in reason


@pytest.mark.parametrize(
    ("document", "path", "said"),
    [
        ({"colour": "red"}, "colour", "is not a member here"),
        ({"name": "Weather!"}, "name", "is not a plain name"),
        ({"instruction": "{{ a | b }}"}, "instruction", "stand around the name of a variable alone"),
        ({"inference": {"temperature": -1}}, "inference.temperature", "greater than or equal to 0"),
        ({"adapter": 7}, "adapter", "valid"),
        ({"adapter": {"base": "a", "colour": "red"}}, "adapter.colour", "is not a member here"),
        ({"limits": {"max_steps": 0}}, "limits.max_steps", "greater than or equal to 1"),
        ({"limits": {"max_steps": 101}}, "limits.max_steps", "less than or equal to 100"),
        ({"limits": {"timeout_s": 0}}, "limits.timeout_s", "greater than 0"),
        ({"tools": [{}]}, "tools.0", "either entry_point, or function and http"),
        ({"tools": [{"entry_point": "a", **function()}]}, "tools.0", "either entry_point, or function and http"),
        ({"tools": [{"function": {"name": "a"}}]}, "tools.0", "either entry_point, or function and http"),
        ({"tools": [{"entry_point": "a"}, {"import": "os:system"}]}, "tools.1.import", "is not a member here"),
        ({"tools": [function(name="no name")]}, "tools.0.function.name", "no name of a function"),
        ({"tools": [function(parameters={"type": "string"})]}, "tools.0.function.parameters", "of an object"),
        ({"tools": [function(), function()]}, "", "two functions are named look"),
        ({"tools": [function("https://a.example/{town}", CITY)]}, "tools.0", "{town}, which is no required argument"),
        ({"tools": [function("ftp://a.example/")]}, "tools.0.http.url", "begins with https://"),
        ({"tools": [function("https://me:key@a.example/")]}, "tools.0.http.url", "holds credentials"),
        ({"tools": [function("https://{city}.example/", CITY)]}, "tools.0.http.url", "outside its path"),
        ({"tools": [function("https://a.example/?q={city}", CITY)]}, "tools.0.http.url", "outside its path"),
        ({"tools": [function("https://a.example/{city", CITY)]}, "tools.0.http.url", "a brace"),
        ({"tools": [function("https://a.example/a b")]}, "tools.0.http.url", "holds spaces"),
        ({"tools": [function("https://a.example/#top")]}, "tools.0.http.url", "behind #"),
        ({"tools": [function(method="TRACE")]}, "tools.0.http.method", "'GET'"),
        ({"tools": [function(headers={"Authorization": "Bearer x"})]}, "tools.0.http.headers", "which go into auth"),
        ({"tools": [function(headers={"X-Api-Key": "x"})]}, "tools.0.http.headers", "which go into auth"),
        ({"tools": [function(headers={"Host": "x"})]}, "tools.0.http.headers", "written by the HTTP client"),
        ({"tools": [function(headers={"X-A": "x\r\nHost: y"})]}, "tools.0.http.headers", "one line of ASCII"),
        ({"tools": [function(auth={"kind": "bearer", "token": "x"})]}, "tools.0.http.auth.token", "not a member"),
        ({"tools": [function(auth={"kind": "magic"})]}, "tools.0.http.auth.kind", "is not known here"),
        ({"tools": [function(auth={"kind": "header", "name": "Host", "secret": "S"})]}, "tools.0.http.auth.name", "no"),
        ({"tools": [function(max_answer_bytes=10**9)]}, "tools.0.http.max_answer_bytes", "less than or equal"),
    ],
)
def test_what_does_not_hold_is_named_with_its_path(document, path, said):
    with pytest.raises(DocumentError) as caught:
        agent_from(document)
    problems = {problem.path: str(problem) for problem in caught.value.problems}
    assert path in problems
    assert said in problems[path]


def test_all_problems_are_told_at_once():
    with pytest.raises(DocumentError) as caught:
        agent_from({"colour": 1, "limits": {"max_steps": 0}, "tools": [function(method="x")]})
    assert {p.path for p in caught.value.problems} == {"colour", "limits.max_steps", "tools.0.http.method"}


def test_settings_are_read_in_both_spellings_and_shown_in_one():
    agent = agent_from({"inference": {"topP": 0.5}, "adapter": {"base": "a", "inference": {"maxTokens": 7}}})
    assert agent.as_document() == {
        "inference": {"top_p": 0.5}, "adapter": {"base": "a", "inference": {"max_tokens": 7}},
    }  # fmt: skip
    with pytest.raises(DocumentError, match=r"inference\.top_p: is given twice"):
        agent_from({"inference": {"topP": 0.5, "top_p": 0.4}})
