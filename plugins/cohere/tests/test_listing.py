"""The live list of models, read from a server on loopback; the rows have the shape of recorded ones."""

from __future__ import annotations

import pytest
from dragoman import Engine, Settings
from dragoman.testing.upstream import Reply, Upstream

CANARY = "canary-cohere-51d0"

PAGES = [
    {
        "models": [
            {"name": "command-a-03-2025", "endpoints": ["chat"], "context_length": 288000, "features": ["tools"]},
            {"name": "classify-1", "endpoints": ["classify"], "finetuned": True},
        ],
        "next_page_token": "2",
    },
    {"models": [{"name": "rerank-v3.5", "endpoints": ["rerank"], "is_deprecated": False}]},
]


@pytest.fixture
async def engine(monkeypatch):
    monkeypatch.setenv("COHERE_API_KEY", CANARY)
    async with Engine(Settings(plugins={"allow": ["cohere"]})) as engine:
        yield engine


async def test_all_pages_are_read_and_each_row_says_what_it_is_for(engine):
    with Upstream() as upstream:
        upstream.answer(lambda r: Reply.json(PAGES[1 if "page_token=2" in r.target else 0]))
        document = {"provider": "cohere", "model": "m", "connection": {"base_url": upstream.url}}
        (listed,) = await engine.models([document])
    rows = {row.id: row for row in listed.lists[0].models}
    assert (rows["command-a-03-2025"].operations, rows["command-a-03-2025"].can_invoke) == (("chat",), True)
    assert rows["command-a-03-2025"].detail == {"context_length": 288000, "features": ["tools"]}
    assert rows["classify-1"].why_not == "it is for classify, which no adapter calls"
    assert [r.target.partition("?")[0] for r in upstream.received] == ["/v1/models"] * 2
    assert upstream.received[0].headers["authorization"] == f"Bearer {CANARY}"
    written = listed.adapter_for(rows["rerank-v3.5"], "r")
    assert (await engine.resolve(written)).target.operation == "rerank"


@pytest.mark.parametrize(
    ("reply", "code"),
    [(Reply.json({"message": "invalid api token"}, 401), "authentication"), (Reply.json([]), "protocol")],
)
async def test_what_is_refused_or_is_no_list_is_told(engine, reply, code):
    with Upstream() as upstream:
        upstream.answer(reply)
        document = {"provider": "cohere", "model": "m", "connection": {"base_url": upstream.url}}
        (listed,) = await engine.models([document])
    assert listed.lists[0].failure.code == code
