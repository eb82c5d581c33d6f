"""Several processes of `dragoman serve` on one database: each sees what the others change, and none loses a call."""

import pytest


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
