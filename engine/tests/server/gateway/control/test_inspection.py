"""Checks and live lists over the control API: for administrators, by the same policy as calls."""

import pytest


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
    assert admin.get("/api/models", params={"provider": "acme"}).status_code >= 400


@pytest.mark.parametrize("role", ["user", "developer"])
def test_they_are_for_administrators(gateway, role):
    with gateway.client(gateway.key(role, role)) as client:
        assert client.get("/api/models").status_code == 403
        assert client.post("/api/checks", json={"adapter": "a"}).status_code == 403
