"""Several processes of `dragoman serve` on one database: each sees what the others change, and none loses a call."""

import json
import os
import re
import subprocess
import sys

import httpx
import pytest

PATIENCE_S = 60
ASK = {"messages": [{"role": "user", "content": "Tell me about iterators"}]}


def dragoman(folder, *arguments):
    """Return how the command is run, and what its process sees of the environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DRAGOMAN_")}
    return [sys.executable, "-m", "dragoman.cli.main", *arguments, "--config", str(folder)], environment


class Process:
    """One gateway of a deployment; ``api`` asks it as administrator."""

    def __init__(self, folder, number, key):
        self.log = folder / f"log-{number}"
        command, environment = dragoman(folder, "serve", "--port", "0")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self.api = None
        self.calls = 0
        self._key = key

    def ready(self, until):
        """Wait until it says where it is."""
        until(lambda: self.process.poll() is not None or "listens on" in self.log.read_text())
        found = re.search(r"listens on (http://\S+)", self.log.read_text())
        assert found, self.log.read_text()
        self.api = httpx.Client(base_url=found[1], headers={"authorization": f"Bearer {self._key}"}, timeout=PATIENCE_S)
        return self

    def ask(self, key, model="mine"):
        """Return the status of a call with this key; one that was let in is counted."""
        headers = {"authorization": f"Bearer {key}"}
        status = self.api.post("/v1/chat/completions", headers=headers, json={"model": model, **ASK}).status_code
        self.calls += status != 401
        return status

    def close(self):
        if self.api is not None:
            self.api.close()
        self.process.kill()
        self.process.wait(PATIENCE_S)


@pytest.fixture
def two(tmp_path, database_url, until):
    """Return two gateways of one deployment, on a database of each kind in turn."""
    pytest.importorskip("dragoman_local")
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "mine.yaml").write_text("{base: local, inference: {max_tokens: 5}}")
    (tmp_path / "dragoman.toml").write_text(
        f'stage = "dev"\n[store]\nurl = "{database_url}"\nledger_interval_s = 0.05\n'
    )
    command, environment = dragoman(
        tmp_path, "keys", "create", "--name", "boss", "--project", "p", "--role", "admin", "--json"
    )
    made = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=PATIENCE_S)
    key = json.loads(made.stdout)["secret"]
    processes = [Process(tmp_path, number, key) for number in range(2)]
    try:
        yield [process.ready(until) for process in processes]
    finally:
        for process in processes:
            process.close()


def test_what_one_changes_the_other_sees_and_what_one_booked_the_other_keeps(two, until):
    one, other = two
    made = one.api.post("/api/keys", json={"name": "laptop", "project": "shop"}).json()
    until(lambda: other.ask(made["secret"]) == 200)
    document = {"base": "mine", "tags": {"team": "a"}}
    saved = one.api.put("/api/adapters/fresh", json={"document": document}, headers={"if-none-match": "*"})
    assert saved.status_code == 201
    until(lambda: other.ask(made["secret"], "fresh") == 200)
    gone = other.api.delete("/api/adapters/fresh", headers={"if-match": saved.headers["etag"]})
    assert gone.status_code == 200
    until(lambda: one.ask(made["secret"], "fresh") == 404)

    one.process.kill()  # as kill -9: what it has booked is in its journal alone
    one.process.wait(PATIENCE_S)
    until(lambda: other.api.get("/api/usage").json()["total"]["requests"] == one.calls + other.calls)
    assert {g["tag:team"] for g in other.api.get("/api/usage?by=tag:team").json()["groups"]} == {"a", None}

    assert other.api.delete(f"/api/keys/{made['id']}").status_code == 200
    assert other.ask(made["secret"]) == 401
