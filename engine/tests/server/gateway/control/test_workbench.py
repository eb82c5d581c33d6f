"""What the page asks for: by role, with the reasons, and without what a role may not see."""

import json

import pytest


@pytest.fixture
def gateway(serve):
    return serve(stage="dev")


@pytest.fixture
def as_role(gateway):
    clients = []

    def make(role, **rest):
        client = gateway.client(gateway.key(role, role, **rest))
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def check(client, document):
    return client.post("/api/workbench/check", json={"document": document}).json()


def test_models_are_told_by_role(as_role):
    of_admin = {m["name"]: m for m in as_role("admin").get("/api/workbench/models").json()["models"]}
    assert of_admin["model"]["model"] == "secret-endpoint"
    assert "unknown_secret_member" in of_admin["faulty"]["problem"]
    answer = as_role("user").get("/api/workbench/models")
    assert "secret" not in answer.text
    assert answer.json()["failures"] == []
    own = as_role("user", adapters=["other"]).get("/api/workbench/models").json()["models"]
    assert [m["name"] for m in own] == ["other"]


def test_a_draft_is_told_its_problems_at_their_fields_and_what_it_inherits(as_role):
    found = check(as_role("admin"), {"base": "model", "inference": {"temperature": "hot"}})
    assert [p["path"] for p in found["problems"]] == ["inference.temperature"]
    assert found["inherited"]["effective"]["inference"] == {"temperature": 0.5}
    assert found["effective"] is None
    well = check(as_role("admin"), {"base": "model", "inference": {"temperature": 0.9}})
    assert (well["problems"], well["refused"]) == ([], [])
    assert well["origins"]["inference.temperature"] == "document"


def test_a_draft_over_a_file_inherits_the_file_and_is_judged_as_saving_it(as_role):
    found = check(as_role("admin"), {"name": "model", "inference": {"temperature": 0.9}})
    assert found["inherited"]["effective"]["model"] == "secret-endpoint"
    assert found["effective"]["inference"] == {"temperature": 0.9}
    assert found["refused"] == []


def test_a_developer_sees_no_connection_and_reads_what_is_refused(as_role):
    developer = as_role("developer")
    found = check(developer, {"base": "model", "model": "elsewhere", "connection": {"region": "r"}})
    assert {p["path"] for p in found["refused"]} >= {"model", "connection.region"}
    assert "secret-endpoint" not in str(found["inherited"])
    locks = developer.get("/api/workbench/form").json()["locks"]
    assert locks["connection"] == "may be changed by role admin only"
    assert "inference.temperature" not in locks
    assert developer.post("/api/workbench/dry-run", json={"document": {"base": "model"}}).status_code == 403


def test_a_broken_text_is_told_with_its_line(as_role):
    user = as_role("user")
    told = user.post("/api/workbench/text", json={"text": "a: 1\n b: 2\n", "format": "yaml"}).json()
    assert "line 2" in told["problems"][0]["message"]
    made = user.post("/api/workbench/text", json={"document": {"a": [1, None]}, "format": "yaml"}).json()["text"]
    assert user.post("/api/workbench/text", json={"text": made}).json()["document"] == {"a": [1, None]}


def test_a_mapping_is_proposed_and_tried(as_role):
    developer = as_role("developer")
    samples = {"request": {"question": "What is it?"}, "response": {"answer": "A thing."}}
    found = developer.post("/api/workbench/mapping", json=samples).json()
    assert found["trial"]["text"] == "A thing."
    trial = {"members": found["members"], "response": {"other": 1}}
    told = developer.post("/api/workbench/mapping-trial", json=trial).json()
    assert told["problems"]


def test_a_prompt_is_previewed(as_role):
    ask = {"prompt": {"preset": "llama-2-chat"}, "messages": [{"role": "user", "content": "hi"}]}
    assert as_role("developer").post("/api/workbench/prompt", json=ask).json() == {"text": "<s>[INST] hi [/INST]"}


def test_a_notice_is_accepted_once_and_anew_when_it_changes(serve):
    noticed = "{provider: scripted, model: m, notice: {text: Terms}}"
    gateway = serve(stage="dev", adapters={"noticed": noticed})
    with gateway.client(gateway.key("reader")) as client:

        def notice():
            models = client.get("/api/workbench/models").json()["models"]
            return next(m["notice"] for m in models if m["name"] == "noticed")

        assert notice()["accepted"] is False
        wrong = client.post("/api/workbench/notices", json={"adapter": "noticed", "digest": "0"})
        assert wrong.json()["error"]["code"] == "notice_changed"
        client.post("/api/workbench/notices", json={"adapter": "noticed", "digest": notice()["digest"]})
        assert notice()["accepted"] is True
    with gateway.client(gateway.key("another")) as client:
        assert notice()["accepted"] is False
    assert ("notice.accept", "adapter noticed") in {(e.action, e.subject) for e in gateway.audited()}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/deployments/terms/chat/completions"])
@pytest.mark.parametrize("stream", [False, True])
def test_required_terms_are_no_open_door_before_they_are_accepted(serve, path, stream):
    noticed = '{provider: scripted, model: m, aliases: [t], notice: {text: "Be <kind>.", required: true}}'
    gateway = serve(stage="dev", adapters={"terms": noticed})
    body = {"model": "t", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
    with gateway.client(gateway.key("program")) as client, gateway.client(gateway.key("another")) as another:
        refused = client.post(path, json=body)
        error = refused.json()["error"]
        assert (refused.status_code, error["code"], error["type"]) == (403, "notice_not_accepted", "permission_error")
        assert "Be <kind>." in error["message"]
        assert "/#/try/terms" in error["display_message"]
        asked = json.loads(error["message"][error["message"].index("{") :])
        assert client.post("/api/workbench/notices", json=asked).json()["accepted"] is True
        assert client.post(path, json=body).status_code == 200
        assert another.post(path, json=body).status_code == 403  # each caller accepts for themselves
    with gateway.client(gateway.key("chief", "admin")) as admin:  # nor is a draft on top of it a way around
        draft = {**body, "dragoman": {"adapter": {"base": "terms", "model": "m-2"}}, "model": None}
        assert admin.post("/v1/chat/completions", json=draft).json()["error"]["code"] == "notice_not_accepted"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "vectors", "input": "a"}),
        ("/v1/rerank", {"model": "ranks", "query": "a", "documents": ["b"]}),
    ],
)
def test_a_deployments_required_notice_is_over_all_adapters_and_doors(serve, path, body):
    gateway = serve(server={"notice": {"text": "For tests.", "required": True}})
    with gateway.client(gateway.key("program")) as client:
        error = client.post(path, json=body).json()["error"]
        assert error["code"] == "notice_not_accepted"
        notice = client.get("/api/workbench/session").json()["notice"]
        assert (notice["text"], notice["accepted"]) == ("For tests.", False)
        client.post("/api/workbench/notices", json={"digest": notice["digest"]})
        assert client.post(path, json=body).status_code == 200
    assert ("notice.accept", "this gateway") in {(e.action, e.subject) for e in gateway.audited()}


def test_terms_that_are_not_required_stop_no_program(serve):
    gateway = serve(adapters={"terms": "{provider: scripted, model: m, notice: {text: Terms}}"})
    body = {"model": "terms", "messages": [{"role": "user", "content": "Hello"}]}
    with gateway.client(gateway.key("program")) as client:
        assert client.post("/v1/chat/completions", json=body).status_code == 200


def test_an_importer_that_is_not_there_is_named(as_role):
    told = as_role("developer").post("/api/workbench/import", json={"from": "nowhere", "text": "{}"}).json()
    assert told["error"]["code"] == "unknown_importer"
