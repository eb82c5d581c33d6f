"""The source `aws-secrets-manager`, against an emulator that checks who may read what."""

from __future__ import annotations

import json
from importlib.metadata import entry_points

import pytest
from dragoman import Engine, Settings
from dragoman.errors import SecretError
from dragoman.plugins import load_plugins
from dragoman.secrets.store import SecretStore
from dragoman.testing.upstream import Reply
from dragoman_aws.plugin import dragoman_secret_sources
from dragoman_aws.secrets_manager import SecretsManagerSettings, SecretsManagerSource

from . import probe
from .cloud import REGION, Cloud, allow, trust
from .edge import Admitted, Edge

THEIRS = "222222222222"
OURS = "111111111111"
CANARY = "canary-7d1f"

KINDS = {description.kind: description for description in dragoman_secret_sources()}


@pytest.fixture(scope="module")
def reader(cloud: Cloud):
    return cloud.user(OURS, "reader", allow(["sts:AssumeRole", "secretsmanager:GetSecretValue"]))


@pytest.fixture
def me(reader, monkeypatch):
    """Be the user, by the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", reader.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", reader.secret_access_key)
    return reader


@pytest.fixture
def store(cloud, me):
    """Return a store with one source, as dragoman.toml would describe it."""

    def make(name, **settings) -> SecretStore:
        source = {"kind": "aws-secrets-manager", "name": name, "region": REGION, "endpoint_url": cloud.url, **settings}
        source = {name: value for name, value in source.items() if value is not None}
        return SecretStore(Settings(secrets={"sources": [source], "ttl_s": 0}), KINDS)

    return make


async def read(store: SecretStore) -> dict[str, str]:
    snapshot = await store.load()
    return {name: snapshot.require(name).reveal() for name in snapshot.names()}


async def failure(store: SecretStore) -> str:
    (problem,) = (await store.load()).problems
    assert CANARY not in str(problem)
    return str(problem)


# --- what is read ------------------------------------------------------------------------------------------------


async def test_a_json_object_of_names(cloud, store):
    cloud.secret(OURS, "prod/llm-keys", json.dumps({"OPENAI_API_KEY": "sk-1", "COHERE_API_KEY": "c-1"}))
    assert await read(store("prod/llm-keys")) == {"OPENAI_API_KEY": "sk-1", "COHERE_API_KEY": "c-1"}


async def test_plain_text_under_one_name(cloud, store):
    cloud.secret(OURS, "hf", "hf-token\n")
    assert await read(store("hf", text_name="HF_TOKEN")) == {"HF_TOKEN": "hf-token"}


async def test_binary_is_text_in_utf_8(cloud, store):
    cloud.secret(OURS, "binary", json.dumps({"A": "ä"}, ensure_ascii=False).encode())
    assert await read(store("binary")) == {"A": "ä"}


async def test_the_region_is_in_the_arn(cloud, store):
    arn = cloud.secret(OURS, "by-arn", '{"A": "1"}')
    assert await read(store(arn, region=None)) == {"A": "1"}


async def test_a_version_by_its_stage(cloud, store):
    arn = cloud.secret(OURS, "staged", '{"A": "old"}')
    cloud.as_root(OURS, "secretsmanager").put_secret_value(SecretId=arn, SecretString='{"A": "new"}')
    assert await read(store("staged")) == {"A": "new"}
    assert await read(store("staged", version_stage="AWSPREVIOUS")) == {"A": "old"}


async def test_a_role_of_another_account(cloud, store, me):
    allowed = cloud.secret(THEIRS, "shared", '{"A": "theirs"}')
    forbidden = cloud.secret(THEIRS, "kept", f'{{"A": "{CANARY}"}}')
    role = cloud.role(THEIRS, "keys", trust(me.arn, "x-1"), allow("secretsmanager:GetSecretValue", allowed))
    roles = [{"arn": role, "external_id": "x-1"}]
    assert await read(store(allowed, roles=roles, sts_endpoint_url=cloud.url)) == {"A": "theirs"}
    shown = await failure(store(forbidden, roles=roles, sts_endpoint_url=cloud.url))
    assert "allow secretsmanager:GetSecretValue to arn:aws:sts::222222222222:assumed-role/keys/dragoman" in shown
    assert f"the call was made with {role} (assumed with AWS's default credentials)" in shown
    shown = await failure(store(allowed, roles=[{"arn": role, "external_id": "x-2"}], sts_endpoint_url=cloud.url))
    assert f"allow sts:AssumeRole on {role} to {me.arn}" in shown


async def test_what_was_rotated_is_read_again(cloud, store):
    arn = cloud.secret(OURS, "rotated", '{"A": "1"}')
    source = store("rotated")
    assert await read(source) == {"A": "1"}
    cloud.as_root(OURS, "secretsmanager").put_secret_value(SecretId=arn, SecretString='{"A": "2"}')
    assert await read(source) == {"A": "2"}


async def test_a_key_that_a_provider_refuses_is_read_again_at_once(cloud, me, edge: Edge):
    first, second = Admitted("AKIAFIRST", "first", who="first"), Admitted("AKIASECOND", "second", who="second")
    edge.admit(first)
    edge.route("POST", probe.PATH, lambda request, caller: Reply.json({"who": caller.who}))
    arn = cloud.secret(OURS, "models", document_of(first))
    source = {"kind": "aws-secrets-manager", "name": "models", "region": REGION, "endpoint_url": cloud.url}
    settings = Settings(secrets={"sources": [source], "ttl_s": 3600})
    adapter = {
        **probe.document(auth={"kind": "aws_keys"}, endpoint_url=edge.url),
        "credentials": {"access_key_id": "MODEL_ID", "secret_access_key": "MODEL_KEY"},
    }
    async with Engine(settings, plugins=load_plugins(found=[probe.entry_point(), aws_entry_point()])) as engine:
        assert (await engine.chat(adapter, "?")).text == "first"
        cloud.as_root(OURS, "secretsmanager").put_secret_value(SecretId=arn, SecretString=document_of(second))
        edge.admit(second)
        edge.expire(first.access_key_id)
        assert (await engine.chat(adapter, "?")).text == "second"


def document_of(key: Admitted) -> str:
    return json.dumps({"MODEL_ID": key.access_key_id, "MODEL_KEY": key.secret_access_key})


def aws_entry_point():
    (found,) = entry_points(group="dragoman.plugins", name="aws")
    return found


# --- what cannot be read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (" ", "is empty; write {} where there are no keys"),
        (json.dumps([CANARY]), "is an array; a JSON object of names and values is expected"),
        (CANARY, "set text_name"),
        (f'{{"A": "{CANARY}",}}', "line 1, column"),
        (b"\xff\xfe" + CANARY.encode(), "holds bytes that are not UTF-8 text (store it as text)"),
    ],
)
async def test_what_is_no_document_says_why_and_shows_nothing(cloud, store, value, why, request):
    name = f"broken-{abs(hash(request.node.name))}"
    cloud.secret(OURS, name, value)
    shown = await failure(store(name))
    assert why in shown
    assert name in shown


async def test_an_empty_object_means_no_keys(cloud, store):
    cloud.secret(OURS, "empty", "{}")
    snapshot = await store("empty").load()
    assert not snapshot.problems
    assert not snapshot.names()


async def test_a_secret_that_is_absent(store):
    assert "is absent; create it, or say optional = true" in await failure(store("nowhere"))
    assert not (await store("nowhere", optional=True).load()).has_failures


async def test_a_label_of_ones_own(store):
    assert "aws-secrets-manager the shared keys" in await failure(store("nowhere", label="the shared keys"))


async def test_no_region(store):
    assert "has no region (set region here, or AWS_REGION" in await failure(store("x", region=None))


async def test_no_credentials(store, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "Unable to locate credentials" in await failure(store("x"))


async def test_nobody_answers(store):
    assert "Secrets Manager cannot be reached" in await failure(store("x", endpoint_url="http://127.0.0.1:9"))


async def test_a_misspelt_setting(store):
    assert "did you mean version_stage?" in await failure(store("x", version_stag="AWSCURRENT"))


def test_a_source_is_built_without_asking_aws():
    source = SecretsManagerSource(SecretsManagerSettings(name="x"))
    with pytest.raises(SecretError, match="has no region"):
        source.read()
