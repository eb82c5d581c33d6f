"""What adapters need: the policies on file, pairs that AWS documents, and what is told where nothing is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.errors import DocumentError, DragomanError
from dragoman_aws.permissions import Grant, as_cloudformation, as_terraform, grants_of_adapter
from dragoman_aws.permissions.grants import OPEN_ACCOUNT

from .cases import ACCOUNT, HAIKU, SONNET
from .test_authorization import unknown

GOLDEN = Path(__file__).parent / "golden" / "adapters"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Invoke"

BEDROCK = {"provider": "bedrock", "model": HAIKU, "base_model": HAIKU, "connection": {"region": "us-east-1"}}
ENDPOINT = {"provider": "sagemaker", "model": "Llama", "mapping": {"preset": "lmi-sse"}}


def bedrock(**members: Any) -> dict[str, Any]:
    connection = {**BEDROCK["connection"], **members.pop("connection", {})}
    return {**BEDROCK, **members, "connection": connection}


def endpoint(**members: Any) -> dict[str, Any]:
    connection = {"region": "us-west-2", **members.pop("connection", {})}
    return {**ENDPOINT, **members, "connection": connection}


#: By the name of the golden file: an adapter, and how it is asked about.
ADAPTERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "guarded-counting-tools": (
        bedrock(
            connection={"guardrail": {"identifier": "abc123", "version": "1"}, "count_tokens_model": HAIKU},
            inference={"system_tools": ["nova_grounding"]},
        ),
        {},
    ),
    "guarded-lookup-alone": (
        bedrock(connection={"guardrail": {"identifier": "abc123", "version": "1"}}),
        {"uses": ["lookup"]},
    ),
    "rerank": (bedrock(model="cohere.rerank-v3-5:0", base_model="cohere.rerank-v3-5:0", operation="rerank"), {}),
    "embed": (bedrock(model="amazon.titan-embed-text-v2:0", operation="embed", base_model=None), {}),
    "api-key": (bedrock(connection={"auth": {"kind": "bedrock_api_key"}}), {}),
    "gov": (bedrock(model=f"us-gov.{HAIKU}", connection={"region": "us-gov-east-1"}), {}),
    "endpoint": (endpoint(connection={"inference_component": "IC-1"}), {}),
    "endpoint-openai-route": (
        {**endpoint(connection={"route": "openai"}), "mapping": None},
        {"streaming": False},
    ),
    "endpoint-async": (
        endpoint(connection={"invocation": "async", "s3": {"input": "s3://inbox/requests"}}),
        {"s3_outputs": ["s3://outbox/answers/", "s3://outbox/failures"]},
    ),
    "endpoint-looks": (endpoint(connection={"inference_component": "IC-1"}), {"uses": ["lookup", "list"]}),
    "endpoint-cn": (endpoint(connection={"region": "cn-north-1"}), {}),
}


@pytest.fixture
async def engine():
    async with Engine(Settings(plugins={"allow": ["aws", "openai"]})) as engine:
        yield engine


async def grants_of(engine: Engine, document: dict[str, Any], **asked: Any) -> list[Grant]:
    written = {name: value for name, value in document.items() if value is not None}
    resolved = await engine.resolve(written)
    return grants_of_adapter(resolved.target, resolved.settings, **{"account": ACCOUNT, **asked})


@pytest.mark.parametrize("name", ADAPTERS)
async def test_the_policy_is_the_one_on_file_exact_and_of_pairs_that_aws_documents(engine, name):
    document, asked = ADAPTERS[name]
    [granted] = await grants_of(engine, document, **asked)
    assert granted.document == json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert granted.notes == ()
    assert unknown(granted.document) == []


def test_every_file_has_an_adapter():
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(ADAPTERS)


def through(role: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return the document of an adapter that takes on a role, whose account is then the target's."""
    return {**document, "connection": {**document["connection"], "roles": [{"arn": role}]}}


@pytest.mark.parametrize(
    "name", [name for name, (_, asked) in ADAPTERS.items() if set(asked) <= {"uses"} and name != "api-key"]
)
async def test_the_engine_answers_with_the_same_policy(engine, name):
    document, asked = ADAPTERS[name]
    written = {member: value for member, value in through(ROLE, document).items() if value is not None}
    found = await engine.permissions(written, purposes=asked.get("uses", ()))
    calls, assumes = found.permissions
    assert calls.document == json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert (calls.principal, assumes.principal, found.notes) == (ROLE, None, [])
    assert assumes.document["Statement"][0]["Resource"] == ROLE


async def test_the_engine_answers_for_each_identity_and_with_snippets(engine):
    roles = [{"arn": ROLE}, {"arn": "arn:aws:iam::444455556666:role/Models"}]
    document = bedrock(connection={"roles": roles}, inference={"system_tools": ["nova_grounding"]})
    found = await engine.permissions(document)
    assert [permission.principal for permission in found.permissions] == [roles[1]["arn"], None, ROLE]
    tools = next(s for s in found.permissions[0].document["Statement"] if s["Sid"] == "UseTools")
    assert tools["Resource"] == "arn:aws:bedrock::444455556666:system-tool/amazon.nova_grounding"
    grants = await grants_of(engine, document, account="")
    assert json.loads(found.snippets["cloudformation"]) == as_cloudformation(grants)
    assert found.snippets["terraform"] == as_terraform(grants)


async def test_an_account_that_nothing_says_is_told_and_left_open(engine):
    found = await engine.permissions(endpoint())
    assert found.notes == [OPEN_ACCOUNT]
    assert ":*:endpoint/llama" in json.dumps(found.permissions[0].document)
    assert "${AWS::AccountId}:endpoint/llama" in found.snippets["cloudformation"]


@pytest.mark.parametrize(
    ("document", "purpose", "told"),
    [
        (bedrock(), "prompt", "there is nothing to allow: the target is no prompt"),
        (bedrock(), "fly", "one of invoke, lookup, access, prompt, batch, list, manage"),
        (endpoint(), "batch", "one of invoke, lookup, list"),
    ],
)
async def test_the_engine_refuses_what_is_not_known_or_allows_nothing(engine, document, purpose, told):
    with pytest.raises(DragomanError, match=told):
        await engine.permissions(document, purposes=[purpose])


@pytest.mark.parametrize("document", [bedrock(), endpoint()], ids=["bedrock", "sagemaker"])
async def test_every_use_that_is_offered_is_known(engine, document):
    for use in engine.plugins.provider(document["provider"]).permission_purposes:
        [granted] = await grants_of(engine, document, uses=[use])
        assert granted.statements or use == "prompt"  # the model is none


async def test_each_identity_on_the_way_gets_its_own(engine):
    auth = {"kind": "web_identity", "role_arn": f"arn:aws:iam::{ACCOUNT}:role/Pod", "token_file": "/nowhere"}
    roles = [{"arn": ROLE, "tags": {"team": "a"}}, {"arn": "arn:aws:iam::444455556666:role/Models"}]
    document = bedrock(model=f"us.{SONNET}", base_model=SONNET, connection={"auth": auth, "roles": roles})
    calls, first, second = await grants_of(engine, document, account="")
    assert calls.principal == roles[1]["arn"]
    assert ":444455556666:inference-profile/" in calls.document["Statement"][0]["Resource"][0]
    assert first.principal == auth["role_arn"]
    assert first.document["Statement"][0]["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert (second.principal, second.document["Statement"][0]["Resource"]) == (ROLE, roles[1]["arn"])
    assert [unknown(granted.document) for granted in (calls, first, second)] == [[], [], []]


@pytest.mark.parametrize(
    ("document", "asked", "told"),
    [
        (ADAPTERS["guarded-lookup-alone"][0], {"account": ""}, OPEN_ACCOUNT),
        (endpoint(), {"account": ""}, OPEN_ACCOUNT),
        (endpoint(connection={"invocation": "async"}), {}, "answers are read from S3: allow s3:GetObject"),
        (endpoint(), {"uses": ["invoke", "batch"]}, "an endpoint of SageMaker has no batch"),
    ],
)
async def test_what_is_not_known_is_told(engine, document, asked, told):
    [granted] = await grants_of(engine, document, **asked)
    [note] = granted.notes
    assert told in note


async def test_no_place_in_s3_is_refused(engine):
    with pytest.raises(DocumentError, match="'outbox' is no place in S3"):
        await grants_of(engine, ADAPTERS["endpoint-async"][0], s3_outputs=["outbox"])


async def test_an_adapter_of_somebody_else_is_refused(engine):
    pytest.importorskip("dragoman_openai", reason="no plugin of somebody else is installed")
    with pytest.raises(DocumentError, match="openai is not called with AWS's policies"):
        await grants_of(engine, {"provider": "openai", "model": "gpt-5"})
