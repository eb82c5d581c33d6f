"""Policies over the control API: for administrators, by the same policy as calls, as the command prints them."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

CANARY = "canary-5be01a77d3f4"

PLUGIN = '''
"""A provider that has policies."""
from dragoman.plugin import *

PLUGIN_API = (1, 0)

class GateConnection(Connection):
    gate: str = "north"

class GateProvider(Provider):
    async def permissions(self, target, settings, context, purposes):
        key = (await context.secret(target.credentials["key"])).reveal()
        document = {"at": target.connection.gate, "may": list(purposes)}
        return Permissions([Permission(document, "gatekeeper", "passes")], (f"{key} opens it",), {"gatefile": "x"})

@hookimpl
def dragoman_providers():
    return [ProviderDescription("gate", "Gate", f"{__name__}:GateProvider", connection=GateConnection,
                                credentials={"key": "GATE_KEY"}, permission_purposes=("pass", "look"))]
'''


@pytest.fixture
def gated(serve, plugin_module, monkeypatch):
    """Start a gateway with an adapter of a provider that has policies."""
    monkeypatch.setenv("GATE_KEY", CANARY)
    found = [plugin_module(PLUGIN, "gate")]
    return lambda stage="dev": serve(stage=stage, adapters={"gated": "{provider: gate, model: m}"}, found=found)


@pytest.fixture
def gateway(gated):
    return gated()


@pytest.fixture
def admin(gateway):
    with gateway.client(gateway.key("boss", "admin")) as client:
        yield client


def test_the_policies_of_an_adapter_are_for_a_call_and_hold_no_secret(admin):
    answer = admin.post("/api/permissions", json={"adapter": "gated"})
    assert answer.status_code == 200
    assert answer.json() == {
        "permissions": [
            {"principal": "gatekeeper", "title": "passes", "document": {"at": "north", "may": ["pass"]}},
        ],
        "notes": ["*** opens it"],
        "snippets": {"gatefile": "x"},
    }


def test_purposes_and_overrides_count_and_documents_of_the_callers_own(admin):
    body = {"for": ["look"], "override": {"connection": {"gate": "south"}}}
    for adapter in ("gated", {"provider": "gate", "model": "m"}):
        [permission] = admin.post("/api/permissions", json={"adapter": adapter, **body}).json()["permissions"]
        assert permission["document"] == {"at": "south", "may": ["look"]}


def test_what_can_be_asked_for_stands_in_the_list_of_providers(admin):
    rows = {row["kind"]: row for row in admin.get("/api/providers").json()["providers"]}
    assert (rows["gate"]["permission_purposes"], rows["scripted"]["permission_purposes"]) == (["pass", "look"], [])


@pytest.mark.parametrize(
    ("body", "status", "code", "told"),
    [
        ({}, 422, "invalid_body", "adapter is a name or a document"),
        ({"adapter": 7}, 422, "invalid_body", "adapter is a name or a document"),
        ({"adapter": "gated", "override": []}, 422, "invalid_body", "override an object"),
        ({"adapter": "gated", "for": "pass"}, 422, "invalid_body", "for must be a list of texts"),
        ({"adapter": "gated", "for": [1]}, 422, "invalid_body", "for must be a list of texts"),
        ({"adapter": "gated", "for": ["fly"]}, 400, "unsupported", "no policy for 'fly' (one of pass, look)"),
        ({"adapter": "model"}, 400, "unsupported", "provider scripted has no policies to show"),
        ({"adapter": "nobody"}, 404, "model_not_found", "nobody"),
        ({"adapter": "gated", "override": {"connection": {"door": 1}}}, 400, "invalid_settings", "connection.door"),
    ],
)
def test_what_cannot_be_answered_says_why(admin, body, status, code, told):
    answer = admin.post("/api/permissions", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert told in error["message"]


def test_what_an_administrator_may_not_change_is_refused(gated):
    gateway = gated(stage="prod")
    with gateway.client(gateway.key("boss", "admin")) as admin:
        body = {"adapter": "gated", "override": {"connection": {"gate": "south"}}}
        answer = admin.post("/api/permissions", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "policy")


@pytest.mark.parametrize("role", ["user", "developer"])
@pytest.mark.parametrize("path", ["/api/permissions", "/api/workbench/permissions"])
def test_they_are_for_administrators(gateway, role, path):
    with gateway.client(gateway.key(role, role)) as client:
        assert client.post(path, json={"adapter": "gated", "document": {"name": "gated"}}).status_code == 403


def test_those_of_a_draft_are_of_what_it_would_be(admin):
    draft = {"name": "gated", "connection": {"gate": "west"}}
    for document, gate in (({"name": "gated"}, "north"), (draft, "west")):
        answer = admin.post("/api/workbench/permissions", json={"document": document, "for": ["look"]})
        assert answer.json()["permissions"][0]["document"] == {"at": gate, "may": ["look"]}


def test_the_openapi_document_describes_them(admin):
    described = admin.get("/api/openapi.json").json()["paths"]["/api/permissions"]["post"]
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    assert (schema["required"], set(schema["properties"])) == (["adapter"], {"adapter", "override", "for"})
    assert described["description"] == "For role admin and above."


# --- as the command prints them ----------------------------------------------------------------------------------

ROLES = "[{arn: 'arn:aws:iam::111122223333:role/Hop'}, {arn: 'arn:aws:iam::444455556666:role/Models'}]"
AWS = {
    "across": f"""
        provider: bedrock
        model: us.amazon.nova-lite-v1:0
        base_model: amazon.nova-lite-v1:0
        connection: {{region: us-east-1, roles: {ROLES}}}
        inference: {{system_tools: [nova_grounding]}}
        """,
    "near": """
        provider: bedrock
        model: amazon.nova-lite-v1:0
        connection: {region: us-east-1}
        upstreams: {far: {tier: 1, connection: {region: eu-west-1}}, near: {connection: {region: us-west-2}}}
        """,
    "endpoint": """
        provider: sagemaker
        model: llama
        mapping: {preset: lmi-sse}
        connection: {region: us-west-2, inference_component: ic-1}
        """,
}


@pytest.mark.parametrize(
    ("name", "purposes"),
    [("across", []), ("across", ["lookup", "list"]), ("near", []), ("endpoint", ["invoke", "list"])],
)
def test_they_are_those_that_the_command_prints(serve, tmp_path, name, purposes):
    plugin = pytest.importorskip("dragoman_aws.plugin")
    gateway = serve(stage="dev", adapters=AWS, found=[EntryPoint("aws", plugin.__name__, "dragoman.plugins")])
    with gateway.client(gateway.key("boss", "admin")) as admin:
        answer = admin.post("/api/permissions", json={"adapter": name, "for": purposes}).json()

    def printed(form):
        asked = [part for purpose in purposes for part in ("--for", purpose)]
        where = ["--format", form, "--config", str(tmp_path / "deployment-0")]
        command = [sys.executable, "-m", "dragoman.cli.main", "policy", name, *asked, *where]
        return subprocess.run(command, capture_output=True, text=True, check=True)

    shown = printed("json")
    document, found = json.loads(shown.stdout), answer["permissions"]
    if len(found) == 1:
        assert document == found[0]["document"]
    else:
        assert document == [{"principal": p["principal"], "title": p["title"], "policy": p["document"]} for p in found]
    assert [note for note in answer["notes"] if note not in shown.stderr] == []
    assert answer["snippets"]["terraform"].strip() == printed("terraform").stdout.strip()
