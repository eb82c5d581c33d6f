"""Loops of real models, as they were recorded: an agent with the same tools sends the same and gets the same."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from dragoman import Engine
from dragoman.testing.upstream import Received, Reply, Upstream

Exchanges = list[dict[str, Any]]

_BESIDE = Path(__file__).parents[3] / "shared" / "recordings"
FILE = Path(os.environ.get("DRAGOMAN_RECORDINGS", _BESIDE)) / "openai-chat.jsonl.gz"


def loops() -> Iterator[Exchanges]:
    """Yield recorded loops that begin with texts alone, in which each answer but the last calls tools."""
    if not FILE.exists():
        return
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        for _, found in groupby(map(json.loads, lines), key=lambda exchange: exchange["source"]):
            exchanges = list(found)
            if all(exchange["status"] == 200 for exchange in exchanges) and _is_loop(exchanges):
                yield exchanges


def _is_loop(exchanges: Exchanges) -> bool:
    first, last = exchanges[0]["request"], exchanges[-1]["request"]
    has_calls = [bool(_said(exchange).get("tool_calls")) for exchange in exchanges]
    before = first.get("messages", ())
    rest = [message["role"] for message in last.get("messages", ())[len(before) :]]
    return (
        len(exchanges) > 1
        and has_calls == [*[True] * (len(exchanges) - 1), False]
        and [m["role"] for m in before] in (["user"], ["system", "user"])
        and all(isinstance(m["content"], str) and "{{" not in m["content"] for m in before)
        and set(rest) == {"assistant", "tool"}
        and rest.count("assistant") == len(exchanges) - 1
        and not first.get("response_format")
    )


def _said(exchange: dict[str, Any]) -> dict[str, Any]:
    choices = (exchange["response"] or {}).get("choices") or [{}]
    message: dict[str, Any] = choices[0].get("message", {})
    return message


LOOPS = list(loops())


def test_there_are_recorded_loops() -> None:
    if not FILE.exists():
        pytest.skip(f"the recordings are no part of this repository, and not at {FILE.parent}")
    assert len(LOOPS) > 5


@pytest.mark.parametrize("exchanges", LOOPS, ids=lambda found: Path(found[0]["source"]).stem)
async def test_a_recorded_loop_goes_the_same_way(
    engine: Engine, adapter: dict[str, Any], model: Upstream, service: Upstream, exchanges: Exchanges
) -> None:
    first, last = exchanges[0]["request"], exchanges[-1]["request"]
    model.answer(*(Reply.json(exchange["response"]) for exchange in exchanges))
    results = _results(last["messages"])
    service.answer(lambda request: Reply.text(results[_asked(request)]))
    document = {
        "adapter": adapter,
        "instruction": next((m["content"] for m in first["messages"] if m["role"] == "system"), None),
        "tools": [
            {"function": _function(tool), "http": {"url": f"{service.url}/{tool['function']['name']}"}}
            for tool in first["tools"]
        ],
    }
    result = await engine.agent(document).run(first["messages"][-1]["content"])
    assert result.text == _said(exchanges[-1])["content"]
    assert len(result.steps) == len(exchanges)
    assert result.usage.total_tokens == sum(exchange["response"]["usage"]["total_tokens"] for exchange in exchanges)
    told = [(m["tool_call_id"], m["content"]) for m in model.received[-1].json()["messages"] if m["role"] == "tool"]
    assert told == [(m["tool_call_id"], _text(m["content"])) for m in last["messages"] if m["role"] == "tool"]


def _function(tool: dict[str, Any]) -> dict[str, Any]:
    return {name: tool["function"][name] for name in ("name", "description", "parameters") if name in tool["function"]}


def _results(messages: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """Return what the tools answered, by their name and arguments."""
    calls = {call["id"]: call["function"] for m in messages for call in m.get("tool_calls") or ()}
    return {
        (
            calls[m["tool_call_id"]]["name"],
            json.dumps(json.loads(calls[m["tool_call_id"]]["arguments"]), sort_keys=True),
        ): (_text(m["content"]))
        for m in messages
        if m["role"] == "tool"
    }


def _asked(request: Received) -> tuple[str, str]:
    return request.target.removeprefix("/"), json.dumps(request.json(), sort_keys=True)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
