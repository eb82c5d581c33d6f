"""On whose behalf an agent runs: the policy holds for its adapter, and for documents that callers bring."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from dragoman import Caller, Engine, Settings
from dragoman.errors import AdapterNotFoundError, DragomanError, PolicyError
from dragoman.testing.upstream import Reply, Upstream

from .model import calls, says

#: A document that says something else by the caller's hand alone.
OWN = {"adapter": "mine", "instruction": "You are kind."}


@pytest.fixture
async def engine(tmp_path: Path, adapter: dict[str, Any], weather: dict[str, Any]) -> AsyncIterator[Engine]:
    """An engine with an adapter named mine, and an agent of it named weather."""
    for folder, document in (("adapters", adapter), ("agents", {**weather, "adapter": "mine"})):
        (tmp_path / folder).mkdir()
        name = "mine" if folder == "adapters" else "weather"
        (tmp_path / folder / f"{name}.json").write_text(json.dumps({**document, "name": name}), encoding="utf-8")
    directories: dict[str, Any] = {
        "adapters_directory": tmp_path / "adapters",
        "agents_directory": tmp_path / "agents",
        "policy": {"secrets": ["LISTED_KEY"]},
    }
    async with Engine(Settings(**directories)) as engine:
        yield engine


@pytest.mark.parametrize("adapters", [None, ["mine"]])
async def test_who_may_use_its_adapter_runs_an_agent_and_its_settings_are_no_change_of_theirs(
    engine: Engine, model: Upstream, service: Upstream, adapters: list[str] | None
) -> None:
    service.answer(Reply.text("sunny"))
    model.answer(calls(("get_weather", {"city": "Rome"})), says("Sunny."))
    caller = Caller("ann", adapters=adapters)
    result = await engine.agent("weather", caller=caller).run("Is it warm?", {"unit": "celsius"})
    assert result.text == "Sunny."


async def test_who_may_not_use_its_adapter_runs_no_agent(engine: Engine, model: Upstream) -> None:
    with pytest.raises(AdapterNotFoundError, match="or you may not use it"):
        await engine.agent("weather", caller=Caller("bob", adapters=["other"])).run("Hi", {"unit": "celsius"})
    assert model.received == []


async def test_a_callers_document_is_judged_as_a_change_of_theirs(engine: Engine, model: Upstream) -> None:
    ann = Caller("ann")
    model.answer(says("Hello."))
    assert (await engine.agent(OWN, caller=ann).run("Hi")).text == "Hello."
    own_model = {**OWN, "adapter": {"base": "mine", "model": "m-2"}}
    with pytest.raises(PolicyError, match="model: may be changed"):
        await engine.agent(own_model, caller=ann).run("Hi")


@pytest.mark.parametrize(
    ("tool", "path"),
    [
        ({"entry_point": "shell"}, "tools.0.entry_point"),
        (
            {
                "function": {"name": "a"},
                "http": {"url": "https://a.example/", "auth": {"kind": "bearer", "secret": "OPENAI_API_KEY"}},
            },
            "tools.0.http.auth.secret",
        ),
    ],
)
async def test_a_callers_document_names_neither_code_nor_secrets_of_the_deployment(
    engine: Engine, model: Upstream, tool: dict[str, Any], path: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        await engine.agent({**OWN, "tools": [tool]}, caller=Caller("ann", roles=["developer"])).run("Hi")
    assert [problem.path for problem in caught.value.problems] == [path]
    assert model.received == []


async def test_a_callers_endpoint_does_not_lead_into_the_deployments_network(
    engine: Engine, model: Upstream, service: Upstream
) -> None:
    tool = {"function": {"name": "peek"}, "http": {"url": f"{service.url}/inside"}}
    model.answer(calls(("peek", {})), says("I may not."))
    result = await engine.agent({**OWN, "tools": [tool]}, caller=Caller("ann")).run("Hi")
    assert result.tools[0].is_error
    assert "it is not on the public internet" in result.tools[0].result
    assert service.received == []


async def test_an_agent_with_an_adapter_of_its_own_needs_the_right_to_its_base(
    engine: Engine, model: Upstream, tmp_path: Path
) -> None:
    built = {"adapter": {"base": "mine", "model": "eu.m-2"}}
    (tmp_path / "agents" / "built.json").write_text(json.dumps(built), encoding="utf-8")
    model.answer(says("Hello."))
    assert (await engine.agent("built", caller=Caller("ann", adapters=["mine"])).run("Hi")).model == "m-1"
    assert model.received[0].json()["model"] == "eu.m-2"
    with pytest.raises(DragomanError, match="you may not use it"):
        await engine.agent("built", caller=Caller("bob", adapters=["other"])).run("Hi")
    alone = {"adapter": {"provider": "openai-compatible", "model": "m"}}
    (tmp_path / "agents" / "alone.json").write_text(json.dumps(alone), encoding="utf-8")
    with pytest.raises(PolicyError, match="you may use certain adapters only"):
        await engine.agent("alone", caller=Caller("bob", adapters=["other"])).run("Hi")
