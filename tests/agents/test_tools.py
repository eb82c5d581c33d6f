"""Tools that packages offer, and endpoints with their secrets and bounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from dragoman import Engine
from dragoman.agents import offered_tools
from dragoman.errors import DocumentError, SecretError
from dragoman.testing.upstream import Reply, Upstream

from .model import calls, says

Install = Callable[..., None]

ACME = '''
"""Tools of the test's own package."""
import asyncio, time
from langchain_core.tools import BaseTool, ToolException, tool

def look_up(word: str) -> str:
    """Look a word up."""
    return f"{word}: a word"

async def wait(word: str) -> str:
    """Look a word up without haste."""
    await asyncio.sleep(0)
    return f"{word}, slowly"

@tool
def made(n: int) -> str:
    """Say a number."""
    return str(n)

class Shouting(BaseTool):
    name: str = "shout"
    description: str = "Shout."
    def _run(self, word: str) -> str:
        return word.upper()

def fails(word: str) -> str:
    """Fail."""
    raise RuntimeError(f"no {word} today")

def refuses(word: str) -> str:
    """Refuse."""
    raise ToolException("not that word")

def leaks() -> str:
    """Tell a secret."""
    return "the key is weather-key-1234"

def undocumented(word):
    return word

number = 5
'''
OFFERED = ("look_up", "wait", "made", "fails", "refuses", "leaks", "undocumented", "number")


@pytest.fixture
def acme(install: Install) -> None:
    install("acme-tools", ACME, **{name.replace("_", "-"): name for name in OFFERED}, shout="Shouting")


def agent(adapter: dict[str, Any], *tools: dict[str, Any]) -> dict[str, Any]:
    return {"name": "helper", "adapter": adapter, "tools": list(tools)}


# --- of packages -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("entry_point", "name", "arguments", "result"),
    [
        ("look-up", "look_up", {"word": "tree"}, "tree: a word"),
        ("wait", "wait", {"word": "tree"}, "tree, slowly"),
        ("made", "made", {"n": 5}, "5"),
        ("shout", "shout", {"word": "tree"}, "TREE"),
    ],
)
async def test_a_packages_function_or_tool_is_called(
    engine: Engine,
    adapter: dict[str, Any],
    model: Upstream,
    entry_point: str,
    name: str,
    arguments: dict[str, Any],
    result: str,
) -> None:
    model.answer(calls((name, arguments)), says("Done."))
    done = await engine.agent(agent(adapter, {"entry_point": entry_point})).run("Go")
    (use,) = done.tools
    assert (use.result, use.is_error) == (result, False)
    declared = model.received[0].json()["tools"][0]["function"]
    assert (declared["name"], set(declared["parameters"]["properties"])) == (name, set(arguments))


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("entry_point", "arguments", "said"),
    [
        ("fails", {"word": "tree"}, "the tool fails failed: RuntimeError: no tree today"),
        ("refuses", {"word": "tree"}, "the tool refuses failed: not that word"),
        ("made", {"n": "many"}, "valid integer"),
    ],
)
async def test_a_packages_tool_that_fails_is_told_to_the_model(
    engine: Engine, adapter: dict[str, Any], model: Upstream, entry_point: str, arguments: dict[str, Any], said: str
) -> None:
    model.answer(calls((entry_point, arguments)), says("I see."))
    done = await engine.agent(agent(adapter, {"entry_point": entry_point})).run("Go")
    (use,) = done.tools
    assert use.is_error
    assert said in use.result
    assert done.text == "I see."


@pytest.mark.usefixtures("acme")
async def test_a_secret_in_a_tools_result_does_not_reach_the_model(
    engine: Engine, adapter: dict[str, Any], model: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SECRETS", json.dumps({"WEATHER_KEY": "weather-key-1234"}))
    model.answer(calls(("leaks", {})), says("I see."))
    done = await engine.agent(agent(adapter, {"entry_point": "leaks"})).run("Go")
    assert done.tools[0].result == "the key is ***"
    assert b"weather-key-1234" not in model.received[1].body


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("entry_point", "said"),
    [
        ("nosuch", "no installed package offers the tool 'nosuch'"),
        ("undocumented", "'undocumented' cannot be made: ValueError"),
        ("number", "is a int, which is no tool"),
        ("explosive", "'explosive' of acme-broken 1.0 cannot be imported: RuntimeError: boom"),
        ("absent", "'absent' of acme-absent 1.0 cannot be imported: AttributeError"),
        ("twice", "offered by several packages, and none is used: acme-one 1.0, acme-two 1.0"),
    ],
)
async def test_an_entry_point_that_offers_no_tool_is_named_with_its_place(
    engine: Engine, adapter: dict[str, Any], model: Upstream, install: Install, entry_point: str, said: str
) -> None:
    install("acme-broken", "raise RuntimeError('boom')", explosive="look")
    install("acme-absent", "", absent="look")
    install("acme-one", ACME, twice="look_up")
    install("acme-two", ACME, twice="look_up")
    with pytest.raises(DocumentError) as caught:
        await engine.agent(agent(adapter, {"entry_point": "made"}, {"entry_point": entry_point})).run("Go")
    (problem,) = caught.value.problems
    assert problem.path == "tools.1.entry_point"
    assert said in problem.message
    assert model.received == []


@pytest.mark.usefixtures("acme")
async def test_two_tools_of_one_name_are_refused(engine: Engine, adapter: dict[str, Any], service: Upstream) -> None:
    other = {"function": {"name": "look_up"}, "http": {"url": service.url}}
    with pytest.raises(DocumentError, match=r"tools\.1: is the second tool that is named look_up"):
        await engine.agent(agent(adapter, {"entry_point": "look-up"}, other)).run("Go")


def test_what_is_offered_is_listed_without_importing_it(install: Install) -> None:
    install("acme-broken", "raise RuntimeError('boom')", explosive="look")
    assert offered_tools()["explosive"] == "acme-broken 1.0"


# --- over HTTP ---------------------------------------------------------------------------------------------------


def post(url: str, **http: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"text": {"type": "string"}, "config": {}, "self": {}}}
    return {"function": {"name": "note", "parameters": parameters}, "http": {"url": f"{url}/notes", **http}}


async def test_arguments_of_any_name_are_the_body(
    engine: Engine, adapter: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    given = {"text": "hello", "config": {"a": 1}, "self": None}
    service.answer(Reply(status=204))
    model.answer(calls(("note", given)), says("Noted."))
    done = await engine.agent(agent(adapter, post(service.url))).run("Go")
    assert service.received[0].json() == given
    assert "answered 204" in done.tools[0].result


async def test_a_strict_function_reaches_the_model_as_it_stands(
    engine: Engine, adapter: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    tool = post(service.url)
    tool["function"] |= {"strict": True, "description": "Keep a note."}
    model.answer(says("Hi."))
    await engine.agent(agent(adapter, tool)).run("Go")
    assert model.received[0].json()["tools"] == [{"type": "function", "function": tool["function"]}]


async def test_a_secret_signs_the_call_and_is_told_to_nobody(
    engine: Engine, adapter: dict[str, Any], model: Upstream, service: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SECRETS", json.dumps({"NOTES_KEY": "notes-key-5678"}))
    service.answer(lambda request: Reply.text(f"refused: {request.headers['authorization']}", 403))
    model.answer(calls(("note", {"text": "a"})), says("It is closed."))
    auth = {"kind": "bearer", "secret": "NOTES_KEY"}
    events = [event async for event in engine.agent(agent(adapter, post(service.url, auth=auth))).stream("Go")]
    assert service.received[0].headers["authorization"] == "Bearer notes-key-5678"
    assert b"notes-key-5678" not in model.received[1].body
    assert "notes-key-5678" not in repr(events)
    assert "refused: Bearer ***" in repr(events)


async def test_a_missing_secret_is_told_before_anybody_is_asked(
    engine: Engine, adapter: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    auth = {"kind": "bearer", "secret": "NOSUCH_KEY"}
    with pytest.raises(SecretError, match="NOSUCH_KEY"):
        await engine.agent(agent(adapter, post(service.url, auth=auth))).run("Go")
    assert model.received == []


async def test_of_a_long_answer_the_beginning_is_read(
    engine: Engine, adapter: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    service.answer(Reply((b"x" * 600, b"y" * 600), headers={"content-type": "text/plain"}))
    model.answer(calls(("note", {})), says("It is long."))
    done = await engine.agent(agent(adapter, post(service.url, max_answer_bytes=1000))).run("Go")
    assert done.tools[0].result.startswith("x" * 600 + "y" * 400 + "\n[")


async def test_a_service_that_is_away_or_leads_elsewhere_is_told_to_the_model(
    engine: Engine, adapter: dict[str, Any], model: Upstream, service: Upstream
) -> None:
    away = {"function": {"name": "away"}, "http": {"url": "http://127.0.0.1:9/"}}
    service.answer(Reply(status=307, headers={"location": f"{service.url}/elsewhere"}))
    model.answer(calls(("away", {}), ("note", {})), says("Nobody is there."))
    done = await engine.agent(agent(adapter, away, post(service.url))).run("Go")
    assert [use.is_error for use in done.tools] == [True, True]
    assert "127.0.0.1:9" in done.tools[0].result
    assert "which is not followed" in done.tools[1].result
    assert len(service.received) == 1


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"type": "object", "properties": {"a": {"type": "nosuch"}}}, "properties.a.type"),
        ({"type": "object", "properties": {"a": {"$ref": "http://a.example/s.json"}}}, "which is not in it"),
    ],
)
async def test_a_schema_that_is_none_is_named_with_its_place(
    engine: Engine, adapter: dict[str, Any], service: Upstream, parameters: dict[str, Any], said: str
) -> None:
    tool = post(service.url)
    tool["function"]["parameters"] = parameters
    with pytest.raises(DocumentError) as caught:
        await engine.agent(agent(adapter, tool)).run("Go")
    assert caught.value.problems[0].path == "tools.0.function.parameters"
    assert said in str(caught.value)
