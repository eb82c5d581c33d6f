"""Checks and live lists over the control API: for administrators, by the same policy as calls."""

from importlib.metadata import EntryPoint

import pytest
from dragoman.testing.upstream import Reply


@pytest.fixture
def gateway(serve):
    return serve(stage="dev")


@pytest.fixture
def admin(gateway):
    with gateway.client(gateway.key("boss", "admin")) as client:
        yield client


def test_a_check_answers_with_its_steps(admin):
    found = admin.get("/api/adapters").json()["adapters"][0]["name"]
    answer = admin.post("/api/checks", json={"adapter": found})
    assert answer.status_code == 200
    steps = answer.json()["steps"]
    assert [step["name"] for step in steps[:2]] == ["document", "plugin"]
    assert answer.json()["ok"] is (steps[-1]["state"] != "failed")
    assert steps[-1]["name"] == "call"


@pytest.mark.parametrize("name", ["model", "vectors", "ranks"])
def test_the_call_of_a_check_is_booked_and_counted_as_any_other(gateway, admin, name):
    assert admin.post("/api/checks", json={"adapter": name}).json()["ok"]
    (row,) = gateway.calls()
    assert (row["principal"], row["adapter"], row["status"], row["attempts"]) == ("boss", name, 200, 1)
    assert row["input_tokens"] > 0
    assert (row["first_token_s"] is not None) == (row["operation"] == "chat")
    assert admin.get("/api/usage?by=adapter").json()["groups"][0]["adapter"] == name
    assert f'dragoman_calls_total{{adapter="{name}"' in admin.get("/metrics").text


def test_the_call_of_a_check_that_fails_is_booked_as_what_it_would_have_answered(serve, upstream):
    openai_plugin = pytest.importorskip("dragoman_openai")
    upstream.answer(Reply.json({"error": {"message": "no"}}, 401))
    adapter = f"{{provider: openai-compatible, model: m, connection: {{base_url: '{upstream.url}/v1'}}}}"
    found = [EntryPoint("openai", openai_plugin.__name__, "dragoman.plugins")]
    gateway = serve(adapters={"away": adapter}, found=found)
    with gateway.client(gateway.key("boss", "admin")) as admin:
        checked = admin.post("/api/checks", json={"adapter": "away"}).json()
    assert checked["steps"][-1]["detail"]["error"]["code"] == "authentication"
    (row,) = gateway.calls()
    assert (row["status"], row["error_code"], row["adapter"]) == (502, "upstream_authentication", "away")


def test_a_failed_step_is_an_answer_and_not_an_error(admin):
    answer = admin.post("/api/checks", json={"adapter": "nobody"})
    assert (answer.status_code, answer.json()["ok"]) == (200, False)
    assert answer.json()["steps"][-1]["detail"]["error"]["code"] == "adapter_not_found"


def test_a_callers_document_may_not_lead_into_the_deployments_network(admin):
    document = {"provider": "openai-compatible", "model": "m", "connection": {"base_url": "http://127.0.0.1:9/v1"}}
    step = admin.post("/api/checks", json={"adapter": document}).json()["steps"][-1]
    assert step["state"] == "failed"
    assert step["detail"]["error"]["code"] in ("address_refused", "document")


def test_what_is_no_adapter_is_refused(admin):
    answer = admin.post("/api/checks", json={"adapter": 7})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_body")


def test_lists_stand_beside_their_failures(admin):
    lists = admin.get("/api/models").json()["lists"]
    assert lists
    scripted = next(one for one in lists if one["provider"] == "scripted")
    assert "lists no models" in scripted["failure"]["message"]


def test_a_provider_that_nobody_brings(admin):
    answer = admin.get("/api/models", params={"provider": "acme"})
    assert answer.status_code == 404
    assert "there are: " in answer.json()["error"]["message"]


@pytest.mark.parametrize("role", ["user", "developer"])
def test_they_are_for_administrators(gateway, role):
    with gateway.client(gateway.key(role, role)) as client:
        assert client.get("/api/models").status_code == 403
        assert client.post("/api/checks", json={"adapter": "a"}).status_code == 403
