"""The gateway while its database or its disk is away: it goes on, or says why it does not, and comes back by itself."""

import shutil

ASK = {"model": "model", "messages": [{"role": "user", "content": "hello"}]}
STORE = {"ledger_interval_s": 0.02}


def ready(client):
    answer = client.get("/ready")
    return answer.status_code, answer.json()["status"]


def problem(client, part):
    return client.get("/api/health").json()[part]["problem"] or ""


def test_while_the_database_is_away_calls_go_on_and_changes_are_refused(serve, until):
    gateway = serve(stage="dev", store=STORE)
    key = gateway.key("boss", "admin")
    database = gateway.application.settings.root / "state" / "dragoman.db"
    with gateway.client(key) as admin:
        assert ready(admin) == (200, "ok")
        database.rename(database.with_name("elsewhere.db"))
        until(lambda: ready(admin) == (200, "degraded"))
        assert admin.post("/v1/chat/completions", json=ASK).status_code == 200
        until(lambda: "was moved or deleted" in problem(admin, "database"))
        until(lambda: "was moved or deleted" in problem(admin, "ledger"))
        refused = admin.put("/api/adapters/new", json={"document": {"base": "model"}}, headers={"if-none-match": "*"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
        assert refused.headers["retry-after"]
        assert "was moved or deleted" in refused.json()["error"]["message"]
        database.with_name("elsewhere.db").rename(database)
        until(lambda: ready(admin) == (200, "ok"))
    assert [call["status"] for call in gateway.calls()] == [200]


def test_where_a_call_could_be_booked_nowhere_none_begins(serve, until):
    gateway = serve(stage="dev", store=STORE)
    key, somebody = gateway.key("boss", "admin"), gateway.key()
    state = gateway.application.settings.root / "state"
    with gateway.client(key) as admin, gateway.client(somebody) as user:
        assert admin.post("/v1/chat/completions", json=ASK).status_code == 200
        assert len(gateway.calls()) == 1
        (state / "dragoman.db").rename(state / "elsewhere.db")
        shutil.rmtree(state / "journal")
        (state / "journal").write_text("in the way")
        begun = 1
        while (answer := user.post("/v1/chat/completions", json=ASK)).status_code == 200:
            begun += 1  # until the first one has found no place
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["message"]) == (
            503, "unavailable", "the gateway cannot do this just now",
        )  # fmt: skip
        assert ready(user) == (503, "unavailable")
        assert "cannot be booked" in admin.post("/v1/chat/completions", json=ASK).json()["error"]["message"]
        (state / "journal").unlink()
        (state / "elsewhere.db").rename(state / "dragoman.db")
        until(lambda: ready(user) == (200, "ok"))
        assert user.post("/v1/chat/completions", json=ASK).status_code == 200
    assert len(gateway.calls()) == begun + 1


def test_postgresql_that_is_lost_takes_no_call_with_it(serve, until, new_cluster):
    gateway = serve(stage="dev", store={"url": new_cluster.create_database(), **STORE})
    with gateway.client(gateway.key("boss", "admin")) as admin:
        new_cluster.stop()
        until(lambda: ready(admin) == (200, "degraded"))
        assert [admin.post("/v1/chat/completions", json=ASK).status_code for _ in range(3)] == [200] * 3
        until(lambda: "cannot be used" in problem(admin, "ledger"))
        refused = admin.put("/api/adapters/new", json={"document": {"base": "model"}}, headers={"if-none-match": "*"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
        new_cluster.start()
        until(lambda: ready(admin) == (200, "ok"))
    assert [call["status"] for call in gateway.calls()] == [200] * 3
