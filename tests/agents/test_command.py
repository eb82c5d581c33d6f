"""``dragoman agents``, in a process of its own where it matters who reads which stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dragoman.cli.main import main
from dragoman.testing.upstream import Reply, Upstream

from .model import calls, says

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, weather: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A deployment with the agent weather, as the working directory."""
    (tmp_path / "dragoman.toml").write_text("", encoding="utf-8")
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "weather.json").write_text(
        json.dumps({**weather, "description": "Knows the weather."}), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["agents", *arguments])
        return code, *capsys.readouterr()

    return call


def test_agents_are_listed_beside_what_is_none_and_what_packages_offer(
    run: Run, folder: Path, install: Callable[..., None]
) -> None:
    (folder / "agents" / "broken.yaml").write_text("tools: [{}]", encoding="utf-8")
    install("acme-tools", "", look="look")
    code, out, err = run("list")
    assert code == 0
    assert out.splitlines()[1].split() == ["weather", "(its", "own)", "get_weather", "unit", "Knows", "the", "weather."]
    assert "note: the tool look is offered by acme-tools 1.0" in err
    assert "failed: agent broken: tools.0: either entry_point" in err
    shown = json.loads(run("list", "--json")[1])
    assert [agent["name"] for agent in shown["agents"]] == ["weather"]
    assert shown["offered_tools"]["look"] == "acme-tools 1.0"
    assert len(shown["failures"]) == 1


def test_show_prints_the_document(run: Run, weather: dict[str, Any]) -> None:
    assert json.loads(run("show", "weather")[1]) == {**weather, "description": "Knows the weather."}
    assert run("show", "nosuch")[2] == "error: there is no agent 'nosuch' (there are: weather)\n"


def test_the_answer_is_on_stdout_and_the_steps_on_stderr(folder: Path, model: Upstream, service: Upstream) -> None:
    service.answer(Reply.json({"sky": "sunny"}))
    model.answer(calls(("get_weather", {"city": "Rome"})), says("It is sunny in Rome."))
    command = [
        str(Path(sys.executable).with_name("dragoman")),
        "agents",
        "run",
        "weather",
        "-",
        "--var",
        "unit=celsius",
    ]
    done = subprocess.run(command, input="Warm in Rome?", capture_output=True, text=True, check=False, env=os.environ)
    assert (done.returncode, done.stdout) == (0, "It is sunny in Rome.\n")
    assert done.stderr.splitlines() == ['→ get_weather({"city": "Rome"})', '← get_weather: {"sky": "sunny"}']
    assert model.received[0].json()["messages"][-1]["content"] == "Warm in Rome?"


def test_json_is_the_whole_result(run: Run, model: Upstream, service: Upstream) -> None:
    service.answer(Reply.text("closed", 503))
    model.answer(calls(("get_weather", {"city": "Rome"})), says("I do not know."))
    code, out, err = run("run", "weather", "Warm?", "--var", "unit=celsius", "--json")
    assert code == 0
    shown = json.loads(out)
    assert (shown["text"], shown["usage"]["total_tokens"], shown["model"]) == ("I do not know.", 30, "m-1")
    assert shown["steps"][0]["tools"][0]["is_error"] is True
    assert "✗ get_weather: the tool get_weather failed" in err


def test_quiet_shows_no_steps(run: Run, model: Upstream, service: Upstream) -> None:
    service.answer(Reply.text("sunny"))
    model.answer(calls(("get_weather", {"city": "Rome"})), says("Sunny."))
    assert run("run", "weather", "Warm?", "--var", "unit=celsius", "--quiet") == (0, "Sunny.\n", "")


def test_each_failure_is_one_line(run: Run, model: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("run", "weather", "Hi")[0::2] == (
        1,
        "error: the agent weather: unit has no value (its variables: unit)\n",
    )
    assert "NAME=VALUE is expected" in run("run", "weather", "Hi", "--var", "unit")[2]
    assert run("run", "nosuch", "Hi")[2] == "error: there is no agent 'nosuch' (there are: weather)\n"
    model.answer(Reply.json({"error": {"message": "slow down"}}, 429))
    assert "slow down" in run("run", "weather", "Hi", "--var", "unit=k")[2]
    monkeypatch.setitem(sys.modules, "langchain", None)
    missing = run("run", "weather", "Hi")[2]
    assert missing == "error: agents need langchain (pip install 'dragoman[agents]')\n"
