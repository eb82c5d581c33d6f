"""The extension `dragoman`: try any model or setting without saving it, as far as the policy lets one."""

from importlib.metadata import EntryPoint

import pytest

ASK = {"messages": [{"role": "user", "content": "!model"}]}


def ask(gateway, key, adapter, **rest):
    with gateway.client(key) as client:
        return client.post(
            "/v1/chat/completions", json={"model": "model", **ASK, **rest, "dragoman": {"adapter": adapter}}
        )


def said(answer):
    return answer.json()["choices"][0]["message"]["content"]


@pytest.fixture
def gateway(serve):
    return serve(stage="dev")


@pytest.fixture
def admin(gateway):
    return gateway.key("boss", "admin")


def test_an_administrator_tries_another_model(gateway, admin):
    answer = ask(gateway, admin, {"model": "m-9"})
    assert said(answer) == "m-9"
    (entry,) = gateway.audited()[:1]
    assert (entry.actor, entry.action, entry.outcome) == ("boss", "call.override", "done")
    assert entry.paths == ('model="m-9"',)
    assert entry.key_id
    assert entry.request_id == answer.headers["x-request-id"]


def test_the_model_under_another_name_is_written_down_too(gateway, admin):
    assert ask(gateway, admin, {"model_kwargs": {"model_id": "m-9", "x": 1}}).status_code == 200
    (entry,) = gateway.audited()[:1]
    assert entry.paths == ('model_kwargs.model_id="m-9"',)


def test_no_secret_gets_into_the_audit_log(serve, tmp_path):
    (tmp_path / "secrets.json").write_text('{"SCRIPTED_KEY": "known-canary-1"}')
    gateway = serve(stage="dev", secrets={"sources": [{"kind": "file", "path": str(tmp_path / "secrets.json")}]})
    key = gateway.key("boss", "admin")
    secrets = {"model": "known-canary-1", "endpoint_kwargs": {"headers": {"x-key": "unknown-canary-2", "n": 7}}}
    assert ask(gateway, key, secrets).status_code == 200
    assert ask(gateway, gateway.key(), {**secrets, "title": "known-canary-1"}).status_code == 403
    with gateway.client(key) as client:
        client.post("/api/reload")
        saved = {"document": {"base": "model"}, "reason": "because of known-canary-1"}
        assert client.put("/api/adapters/new", json=saved, headers={"if-none-match": "*"}).status_code == 201
        shown = client.get("/api/audit").text
    assert "canary" not in shown
    assert '"model=\\"***\\""' in shown
    assert "endpoint_kwargs.headers.n=7" in shown
    assert "endpoint_kwargs.headers.x-key=sha256:" in shown


def test_a_change_is_written_down_once(gateway, admin):
    assert ask(gateway, admin, {"title": "Tried"}, unknown_field=1).status_code == 200
    (entry,) = [e for e in gateway.audited() if e.action == "call.override"]
    assert entry.paths == ('title="Tried"',)


def test_a_whole_document_needs_no_name(gateway, admin):
    document = {"provider": "scripted", "model": "m-10"}
    assert said(ask(gateway, admin, document, model="never-saved")) == "m-10"
    assert said(ask(gateway, admin, {"base": "other"}, model="-")) == "m-2"
    (call, _) = gateway.calls()
    assert (call["adapter"], call["provider"], call["model"]) == (None, "scripted", "m-10")


def test_an_override_of_an_adapter_that_is_not_there_is_404(gateway, admin):
    assert ask(gateway, admin, {"inference": {"seed": 1}}, model="nope").status_code == 404


def test_a_user_may_set_inference_and_nothing_else(gateway):
    key = gateway.key()
    assert ask(gateway, key, {"inference": {"temperature": 0.1}}).status_code == 200
    answer = ask(gateway, key, {"model": "m-9", "connection": {"region": "x"}, "inference": {"seed": 1}})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (403, "policy")
    assert {problem["path"] for problem in error["problems"]} == {"model", "connection.region"}
    (entry,) = [e for e in gateway.audited() if e.action == "call.override"]
    assert (entry.actor, entry.outcome, set(entry.paths)) == ("somebody", "refused", {"model", "connection.region"})


@pytest.mark.parametrize("stage", ["test", "prod"])
def test_elsewhere_not_even_an_administrator_may(serve, stage):
    gateway = serve(stage=stage)
    answer = ask(gateway, gateway.key("boss", "admin"), {"model": "m-9"})
    assert answer.status_code == 403
    assert "stage dev only" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        (
            '{"model":"model","messages":[{"role":"user","content":"!model"}],"dragoman":{"adapter":{}},'
            '"dragoman":{"adapter":{"model":"m-9"}}}'
        ),
        (
            '{"model":"model","messages":[{"role":"user","content":"!model"}],'
            '"dragoman":{"adapter":{"inference":{},"model":"m-1","model":"m-9"}}}'
        ),
        (
            '{"model":"model","messages":[{"role":"user","content":"!model"}],"model_kwargs":{"model":"m-9"},'
            '"endpoint_kwargs":{"EndpointName":"m-9"},"connection":{"region":"x"},"base_model":"m-9","provider":"x"}'
        ),
    ],
)
def test_nothing_is_smuggled_in(gateway, body):
    with gateway.client(gateway.key()) as client:
        answer = client.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 403 or said(answer) == "secret-endpoint"


def test_an_unknown_role_arn_is_refused_to_an_administrator_too(gateway, admin):
    answer = ask(gateway, admin, {"connection": {"roles": [{"arn": "arn:aws:iam::1:role/x"}]}})
    assert "connection.roles.0.arn" in answer.json()["error"]["message"]
    assert answer.status_code == 403


def test_where_calls_go_is_in_no_list(gateway):
    for role in ("user", "developer"):
        with gateway.client(gateway.key(role, role)) as client:
            for path in ("/v1/models", "/v1/models/model", "/openai/models", "/openai/deployments"):
                answer = client.get(path)
                assert answer.status_code == 200
                assert "secret-" not in answer.text


def test_not_even_an_administrator_reaches_this_machine_through_the_gateway(serve, upstream):
    plugin = pytest.importorskip("dragoman_openai")
    found = [EntryPoint("openai", plugin.__name__, "dragoman.plugins")]
    gateway = serve(stage="dev", found=found)
    document = {"provider": "openai-compatible", "model": "m", "connection": {"base_url": f"{upstream.url}/v1"}}
    key = gateway.key("boss", "admin")
    tried = ask(gateway, key, document, model="-")
    with gateway.client(key) as admin:
        saved = admin.put("/api/adapters/inside", json={"document": document}, headers={"if-none-match": "*"})
    through_saved = ask(gateway, key, {}, model="inside")
    assert saved.status_code == 201
    for answer in (tried, through_saved):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "address_refused")
    assert upstream.connections == 0
    somebody = ask(gateway, gateway.key(), {}, model="inside").json()["error"]
    assert somebody["code"] == "address_refused"
    assert "127.0.0.1" not in somebody["message"]
