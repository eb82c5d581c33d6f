"""Several processes of `dragoman serve` on one database: each sees what the others change, and none loses a call."""

import asyncio

import httpx
import pytest

NEW = {"if-none-match": "*"}


@pytest.fixture
def adapters(tmp_path):
    folder = tmp_path / "adapters"
    folder.mkdir()
    return folder


@pytest.fixture
def two(tmp_path, adapters, database_url, serve_process):
    """Return two gateways of one deployment, on a database of each kind in turn."""
    pytest.importorskip("dragoman_local")
    (adapters / "mine.yaml").write_text("{base: local, inference: {max_tokens: 5}}")
    (tmp_path / "dragoman.toml").write_text(
        f'stage = "dev"\nreload_interval_s = 3600\n[store]\nurl = "{database_url}"\nledger_interval_s = 0.05\n'
    )
    processes = [serve_process(tmp_path) for _ in range(2)]
    return [process.ready() for process in processes]


def test_what_one_changes_the_other_sees_and_what_one_booked_the_other_keeps(two, adapters, until):
    one, other = two
    made = one.api.post("/api/keys", json={"name": "laptop", "project": "shop"}).json()
    until(lambda: other.ask(made["secret"]) == 200)
    document = {"base": "mine", "tags": {"team": "a"}}
    saved = one.api.put("/api/adapters/fresh", json={"document": document}, headers={"if-none-match": "*"})
    assert saved.status_code == 201
    until(lambda: other.ask(made["secret"], "fresh") == 200)
    # Their files are looked at once an hour here: what is read anew was asked for.
    (adapters / "late.yaml").write_text("{base: mine}")
    assert one.api.post("/api/reload").json()["problem"] is None
    until(lambda: other.ask(made["secret"], "late") == 200)
    gone = other.api.delete("/api/adapters/fresh", headers={"if-match": saved.headers["etag"]})
    assert gone.status_code == 200
    until(lambda: one.ask(made["secret"], "fresh") == 404)

    one.process.kill()  # as kill -9: what it has booked is in its journal alone
    one.process.wait(30)
    until(lambda: other.api.get("/api/usage").json()["total"]["requests"] == one.calls + other.calls)
    assert {g["tag:team"] for g in other.api.get("/api/usage?by=tag:team").json()["groups"]} == {"a", None}

    assert other.api.delete(f"/api/keys/{made['id']}").status_code == 200
    assert other.ask(made["secret"]) == 401


async def test_of_adapters_that_both_save_at_a_time_one_gets_an_alias(two):
    document = {"document": {"base": "mine", "aliases": ["wanted"]}}
    clients = [httpx.AsyncClient(base_url=p.api.base_url, headers=p.api.headers, timeout=30) for p in two]
    async with clients[0], clients[1]:
        answers = await asyncio.gather(
            *(clients[n % 2].put(f"/api/adapters/new-{n}", json=document, headers=NEW) for n in range(8))
        )
    (winner,) = [answer.json()["name"] for answer in answers if answer.status_code == 201]
    refused = [answer.json()["error"] for answer in answers if answer.status_code == 409]
    assert [error["code"] for error in refused] == ["name_taken"] * 7
    assert {error["param"] for error in refused} == {"aliases"}
    for error in refused:
        assert f"'wanted' is an alias of adapter {winner!r} already" in error["message"]
    audited = two[0].api.get("/api/audit").json()["entries"]
    assert [row["subject"] for row in audited if row["action"] == "adapter.save"] == [f"adapter {winner}"]


def test_an_alias_that_one_has_freed_is_free_at_the_other_at_once(two):
    one, other = two
    document = {"document": {"base": "mine", "aliases": ["wanted"]}}
    saved = one.api.put("/api/adapters/first", json=document, headers=NEW)
    taken = other.api.put("/api/adapters/second", json=document, headers=NEW)
    assert (saved.status_code, taken.status_code, taken.json()["error"]["code"]) == (201, 409, "name_taken")
    gone = one.api.delete("/api/adapters/first", headers={"if-match": saved.headers["etag"]})
    assert other.api.put("/api/adapters/second", json=document, headers=NEW).status_code == 201
    back = one.api.post(
        "/api/adapters/first/roll-back", json={"revision": 1}, headers={"if-match": gone.headers["etag"]}
    )
    assert (back.status_code, back.json()["error"]["code"]) == (409, "name_taken")
