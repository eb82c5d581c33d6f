"""Agents through the control API: saved as adapters are, run within a caller's rights, each of their calls booked."""

import json
import socket
import sys
from contextlib import contextmanager
from decimal import Decimal

import pytest

pytest.importorskip("langchain", reason="langchain is not installed")
pytest.importorskip("langgraph", reason="langgraph is not installed")

from dragoman.testing.upstream import HOLD, Reply, Upstream

NEW = {"if-none-match": "*"}
KIND = {"adapter": "model", "instruction": "You are {{ mood }}.", "inference": {"temperature": 0.2}}
ASK = {"question": "Hi there", "variables": {"mood": "kind"}}


@pytest.fixture(scope="module")
def service():
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def gateway(serve, service, monkeypatch):
    monkeypatch.setenv("LISTED_KEY", "listed-key-1234")
    host = service.url.removeprefix("http://")
    served = serve(stage="dev", network={"allowed_hosts": [host]}, policy={"secrets": ["LISTED_KEY"]})
    folder = served.application.settings.root / "agents"
    folder.mkdir()
    (folder / "written.yaml").write_text("{adapter: other, description: Written., inference: {temperature: 3}}")
    service.received.clear()
    return served


@pytest.fixture
def admin(gateway):
    with gateway.client(gateway.key("boss", "admin")) as client:
        yield client


@pytest.fixture
def user(gateway):
    with gateway.client(gateway.key()) as client:
        yield client


def noting(service, **http):
    """Return an agent with a tool over HTTP."""
    parameters = {"type": "object", "properties": {"text": {"type": "string"}}}
    tool = {"function": {"name": "note", "parameters": parameters}, "http": {"url": f"{service.url}/notes", **http}}
    return {"adapter": "model", "tools": [tool]}


def save(client, name, document, tag=None):
    headers = {"if-match": tag} if tag else NEW
    return client.put(f"/api/agents/{name}", json={"document": document}, headers=headers)


def run(client, name, **ask):
    return client.post(f"/api/agents/{name}/run", json={**ASK, **ask})


def test_an_agent_is_saved_run_changed_rolled_back_and_deleted(admin, user):
    made = save(admin, "kind", KIND)
    assert (made.status_code, made.json()["document"]) == (201, KIND)
    answer = run(user, "kind")
    assert (answer.status_code, answer.json()["text"]) == (200, "Hi there ")
    second = save(admin, "kind", {**KIND, "instruction": "You are not."}, made.headers["etag"])
    assert run(user, "kind").json()["error"]["message"].startswith("the agent kind: mood is no variable of it")
    assert save(admin, "kind", KIND, made.headers["etag"]).status_code == 412
    back = admin.post("/api/agents/kind/roll-back", json={"revision": 1}, headers={"if-match": second.headers["etag"]})
    shown = admin.get("/api/agents/kind")
    assert (back.json()["restored"], back.headers["etag"]) == (1, shown.headers["etag"])
    assert shown.json()["source"] == "saved revision 3 by boss"
    assert admin.delete("/api/agents/kind", headers={"if-match": back.headers["etag"]}).status_code == 200
    assert run(user, "kind").json()["error"]["code"] == "not_found"
    actions = [row["action"] for row in admin.get("/api/audit").json()["entries"]]
    assert actions[:4] == ["agent.delete", "agent.roll_back", "agent.save", "agent.save"]


def test_each_call_of_the_model_is_booked(gateway, admin, user, service):
    service.answer(Reply.text("noted"))
    save(admin, "noting", noting(service))
    result = user.post("/api/agents/noting/run", json={"question": '!call:note:{"text":"a"}'}).json()
    assert result["steps"][0]["tools"] == [
        {"id": "call-0", "name": "note", "arguments": '{"text": "a"}', "result": "noted", "is_error": False}
    ]
    assert service.received[0].json() == {"text": "a"}
    assert (result["usage"]["total_tokens"], Decimal(result["cost"]), result["currency"]) == (24, Decimal(34), "USD")
    assert (result["adapter"], result["model"]) == ("model", "model")
    assert "secret-endpoint" not in json.dumps(result)
    booked = gateway.calls()
    assert [(call["adapter"], call["principal"], call["status"]) for call in booked] == [("model", "somebody", 200)] * 2
    assert [call["call_id"].rpartition(".")[2] for call in booked] == ["1", "2"]
    assert booked[0]["at"] < booked[1]["at"]


def test_a_failed_call_is_booked_once_and_is_the_answer(gateway, admin, user):
    save(admin, "kind", KIND)
    answer = run(user, "kind", question="!error:filter")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_filter")
    assert [(call["status"], call["error_code"]) for call in gateway.calls()] == [(400, "content_filter")]
    limited = {"adapter": "model", "limits": {"timeout_s": 0.2}}
    save(admin, "short", limited)
    answer = user.post("/api/agents/short/run", json={"question": "!hang"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "agent_limit")


@contextmanager
def asking(gateway, name, question):
    """Send a request to run an agent, and leave without reading the answer."""
    body = json.dumps({**ASK, "question": question}).encode()
    head = f"POST /api/agents/{name}/run HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {gateway.key()}\r\n"
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        yield


def test_a_client_that_leaves_ends_the_run(gateway, admin, service, until, module_of_plugin):
    state = module_of_plugin().state
    save(admin, "kind", KIND)
    with asking(gateway, "kind", "!hang"):
        until(lambda: state["waiting"] == 1)
    until(lambda: state["closed"] == 1)
    until(lambda: [(call["status"], call["error_code"]) for call in gateway.calls()] == [(499, "client_gone")])


def test_a_client_that_leaves_ends_the_call_of_a_tool(gateway, admin, service):
    service.answer(Reply((b"{", HOLD)))
    save(admin, "noting", {**noting(service), "instruction": "{{ mood }}"})
    with asking(gateway, "noting", "!call:note:{}"):
        assert service.wait_until_asked()
    assert service.wait_until_left()
    assert [call["status"] for call in gateway.calls()] == [200]


def test_what_does_not_hold_is_not_saved_and_says_where(admin):
    answer = save(admin, "broken", {"tools": [{}], "colour": 1})
    assert answer.status_code == 400
    assert {problem["path"] for problem in answer.json()["error"]["problems"]} == {"tools.0", "colour"}
    for document, path in (
        ({"adapter": "nobody"}, "adapter"),
        ({}, "adapter"),
        ({"adapter": "model", "inference": {"temperature": 2}}, "inference.temperature"),
        ({"adapter": "model", "tools": [{"entry_point": "nosuch"}]}, "tools.0.entry_point"),
    ):
        checked = admin.post("/api/agents/validate", json={"document": document}).json()
        assert (checked["valid"], [problem["path"] for problem in checked["problems"]]) == (False, [path])
    assert admin.post("/api/agents/validate", json={"document": KIND}).json()["document"] == KIND


def test_a_deployment_without_the_extra_says_what_it_lacks(admin, user, monkeypatch):
    save(admin, "kind", KIND)
    monkeypatch.setitem(sys.modules, "langchain", None)
    for answer in (save(admin, "other", KIND), run(user, "kind")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported")
        assert "pip install 'dragoman[agents]'" in answer.json()["error"]["message"]


def test_a_saved_agent_gets_only_listed_secrets_and_leads_nowhere_inside(admin, user, service):
    auth = {"kind": "bearer", "secret": "SCRIPTED_KEY"}
    refused = save(admin, "noting", noting(service, auth=auth))
    assert refused.status_code == 403
    assert [p["path"] for p in refused.json()["error"]["problems"]] == ["tools.0.http.auth.secret"]
    service.answer(Reply.text("noted"))
    save(admin, "noting", noting(service, auth={**auth, "secret": "LISTED_KEY"}))
    call = {"question": "!call:note:{}"}
    assert user.post("/api/agents/noting/run", json=call).json()["steps"][0]["tools"][0]["result"] == "noted"
    assert service.received[0].headers["authorization"] == "Bearer listed-key-1234"
    inside = noting(service)
    inside["tools"][0]["http"]["url"] = "http://127.0.0.1:9/"
    save(admin, "peeking", inside)
    (use,) = user.post("/api/agents/peeking/run", json=call).json()["steps"][0]["tools"]
    assert use["is_error"]
    assert "it is not on the public internet" in use["result"]


@pytest.mark.parametrize(("stage", "status"), [("dev", 201), ("prod", 403)])
def test_an_agent_with_another_model_is_saved_by_whom_the_policy_lets(serve, stage, status):
    gateway = serve(stage=stage)
    with gateway.client(gateway.key("boss", "admin")) as admin, gateway.client(gateway.key()) as user:
        answer = save(admin, "fresh", {"adapter": {"base": "model", "model": "eu.m-new"}})
        assert answer.status_code == status
        if status == 201:
            assert user.post("/api/agents/fresh/run", json={"question": "!model"}).json()["text"] == "eu.m-new"
            assert "eu.m-new" not in user.get("/api/agents/fresh").text
        else:
            assert "adapter.model" in {p["path"] for p in answer.json()["error"]["problems"]}


def test_callers_see_and_run_what_their_adapters_let_them(gateway, admin, user, service):
    save(admin, "noting", noting(service))
    rows = {row["name"]: row for row in user.get("/api/agents").json()["agents"]}
    assert rows["noting"]["tools"] == ["note"]
    assert rows["written"]["description"] == "Written."
    assert service.url not in user.get("/api/agents/noting").text
    assert service.url in admin.get("/api/agents/noting").text
    assert user.post("/api/agents/written/run", json={"question": "!settings"}).json()["text"] == '{"temperature": 3.0}'
    with gateway.client(gateway.key("narrow", adapters=["other"])) as narrow:
        assert [row["name"] for row in narrow.get("/api/agents").json()["agents"]] == ["written"]
        for answer in (narrow.get("/api/agents/noting"), narrow.post("/api/agents/noting/run", json={"question": "a"})):
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    with gateway.client(gateway.key("dev", "developer")) as developer:
        assert save(developer, "mine", KIND).status_code == 403
    assert user.post("/api/agents/written/run", json={"question": 7}).status_code == 422


def test_a_configuration_that_an_agent_uses_is_not_deleted(admin):
    made = admin.put("/api/inference/fresh", json={"document": {"temperature": 0.2}}, headers=NEW)
    save(admin, "calm", {"adapter": "model", "inference": {"configuration": "fresh"}})
    refused = admin.delete("/api/inference/fresh", headers={"if-match": made.headers["etag"]})
    assert "the agent calm would lose it" in refused.json()["error"]["message"]
