"""The agents of the example deployment hold, and the one without a network runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from dragoman import Engine
from dragoman.agents.http_call import check_schema

AGENTS = sorted((Path(__file__).parents[2] / "config" / "agents").iterdir())


@pytest.mark.usefixtures("deployment")
async def test_every_agent_holds_and_its_adapter_takes_its_settings() -> None:
    async with Engine.from_config() as engine:
        found = await engine.agents.list()
        assert found.failures == {}
        assert [agent.name for agent in found.agents] == [path.stem for path in AGENTS]
        for agent in found.agents:
            resolved = await engine.resolve(agent.adapter, agent.override)
            assert resolved.target.operation == "chat"
            for tool in agent.tools:
                assert tool.function is not None
                check_schema(tool.function.parameters)


@pytest.mark.usefixtures("deployment")
async def test_the_one_without_tools_answers() -> None:
    async with Engine.from_config() as engine:
        assert (await engine.agent("writer").run("Tell me about iterators", {"style": "short"})).text
