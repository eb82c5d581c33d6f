"""Whose credentials sign a call: through the whole engine, against an edge that verifies signatures."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from dragoman import Engine, Settings
from dragoman.errors import (
    AuthenticationError,
    ConnectionFailedError,
    DocumentError,
    InvalidRequestError,
    PermissionDeniedError,
    SecretError,
)
from dragoman.plugins import load_plugins
from dragoman.testing.upstream import Reply

from . import probe
from .edge import Admitted, Edge
from .sts import Sts

ROLE = "arn:aws:iam::222222222222:role/invoke"
OTHER_ROLE = "arn:aws:iam::333333333333:role/further/away"
ENVIRONMENT = Admitted("AKIAENVIRONMENT", "environment's secret", who="environment")
FILE = Admitted("AKIAFILE", "file's secret", who="file")
NAMED = Admitted("AKIANAMED", "named secret", who="named")
TOKENED = Admitted("ASIATOKENED", "tokened secret", "the token", who="tokened")


@pytest.fixture
def edge(edge: Edge) -> Edge:
    for key in (ENVIRONMENT, FILE, NAMED, TOKENED):
        edge.admit(key)
    edge.route("POST", probe.PATH, lambda request, caller: Reply.json({"who": caller.who}))
    return edge


@pytest.fixture
def sts(edge: Edge) -> Sts:
    return Sts(edge)


@pytest.fixture
def environment(monkeypatch):
    """Put keys into the environment, as they lie around on many machines."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ENVIRONMENT.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ENVIRONMENT.secret_access_key)


@pytest.fixture
def files(monkeypatch, tmp_path):
    """Write the shared files of AWS."""

    def write(config: str) -> None:
        (tmp_path / "config").write_text(config)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    write(f"[profile team]\naws_access_key_id={FILE.access_key_id}\naws_secret_access_key={FILE.secret_access_key}\n")
    return write


@pytest.fixture
async def engine():
    async with Engine(Settings(), plugins=load_plugins(found=[probe.entry_point()])) as engine:
        yield engine


@pytest.fixture
def who(engine, edge):
    """Return who the edge sees when an adapter with this connection is called."""

    async def ask(credentials=None, **connection):
        connection = {"endpoint_url": edge.url, "sts_endpoint_url": edge.url, **connection}
        document = {**probe.document(**connection), **({"credentials": credentials} if credentials else {})}
        return (await engine.chat(document, "?")).text

    return ask


# --- the first credentials ---------------------------------------------------------------------------------------


async def test_by_default_the_keys_of_the_environment(who, environment):
    assert await who() == "environment"


async def test_keys_by_the_names_of_their_secrets(who, environment, monkeypatch):
    monkeypatch.setenv("TEAM_ID", NAMED.access_key_id)
    monkeypatch.setenv("TEAM_KEY", NAMED.secret_access_key)
    names = {"access_key_id": "TEAM_ID", "secret_access_key": "TEAM_KEY"}
    assert await who(names, auth={"kind": "aws_keys"}) == "named"


async def test_keys_have_their_usual_names_by_default(who, environment):
    assert await who(auth={"kind": "aws_keys"}) == "environment"


async def test_temporary_keys_with_their_token(who, monkeypatch):
    for name, value in zip("ABC", (TOKENED.access_key_id, TOKENED.secret_access_key, "the token"), strict=True):
        monkeypatch.setenv(name, value)
    names = {"access_key_id": "A", "secret_access_key": "B"}
    with pytest.raises(SecretError, match=r"secret A are temporary .*credentials\.session_token"):
        await who(names, auth={"kind": "aws_keys"})
    assert await who({**names, "session_token": "C"}, auth={"kind": "aws_keys"}) == "tokened"


async def test_a_token_in_the_environment_does_not_mix_with_named_keys(who, monkeypatch, environment):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebody else's")
    assert await who(auth={"kind": "aws_keys"}) == "environment"


async def test_keys_that_are_missing_are_named(who):
    with pytest.raises(SecretError, match="AWS_ACCESS_KEY_ID"):
        await who(auth={"kind": "aws_keys"})


async def test_a_profile_wins_over_keys_in_the_environment(who, environment, files):
    assert await who(auth={"kind": "aws_profile", "profile": "team"}) == "file"


async def test_a_profile_that_is_missing(who, environment, files):
    with pytest.raises(SecretError, match="nobody"):
        await who(auth={"kind": "aws_profile", "profile": "nobody"})


async def test_a_profile_without_credentials_does_not_fall_back_on_the_environment(who, environment, files):
    files("[profile empty]\nregion=us-east-1\n")
    with pytest.raises(SecretError, match="the AWS profile empty yield nothing"):
        await who(auth={"kind": "aws_profile", "profile": "empty"})


async def test_a_profile_that_the_environment_names_is_part_of_the_default_chain_alone(who, sts, files, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "team")
    assert await who() == "file"
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(SecretError, match="nobody"):
        await who(region="us-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", NAMED.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", NAMED.secret_access_key)
    assert await who(auth={"kind": "aws_keys"}, roles=[{"arn": ROLE}]) == f"{ROLE}/dragoman #1"
    assert await who(auth={"kind": "aws_profile", "profile": "team"}) == "file"


async def test_shared_files_that_are_broken(who, files):
    files("[profile team\nthis is no file of AWS")
    with pytest.raises(SecretError, match="Unable to parse config file"):
        await who(auth={"kind": "aws_profile", "profile": "team"})


async def test_a_profile_with_a_role_of_its_own(who, sts, files):
    keys = f"aws_access_key_id={FILE.access_key_id}\naws_secret_access_key={FILE.secret_access_key}\n"
    files(f"[profile source]\n{keys}[profile team]\nrole_arn={ROLE}\nsource_profile=source\nrole_session_name=s1\n")
    assert await who(auth={"kind": "aws_profile", "profile": "team"}) == f"{ROLE}/s1 #1"


def contexts(error):
    """Yield an error and everything that a log of it would show."""
    while error is not None:
        yield error
        error = error.__context__


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("/no/such/program", "No such file"),
        ("echo not-json-but-a-secret", "failed: JSONDecodeError"),
        ("""echo '{"Version": 9, "AccessKeyId": "a-secret"}'""", "Version 9|Unsupported"),
    ],
)
async def test_a_credential_program_that_fails_shows_nothing_of_what_it_printed(who, files, program, why):
    files(f"[profile program]\ncredential_process={program}\n")
    with pytest.raises(SecretError, match=why) as failed:
        await who(auth={"kind": "aws_profile", "profile": "program"})
    assert "a-secret" not in repr(failed.value)
    assert all(isinstance(error, SecretError) for error in contexts(failed.value))


async def test_nowhere_any_credentials(who):
    with pytest.raises(SecretError, match="AWS's default credentials yield nothing"):
        await who()


# --- Bedrock's API key -------------------------------------------------------------------------------------------


async def test_an_api_key_is_used_only_where_the_adapter_says_so(who, edge, environment, monkeypatch):
    edge.admit_bearer("bedrock-key", "bearer")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-key")
    assert await who() == "environment"
    assert await who(auth={"kind": "bedrock_api_key"}) == "bearer"
    monkeypatch.setenv("OTHER", "bedrock-key")
    assert await who({"api_key": "OTHER"}, auth={"kind": "bedrock_api_key"}) == "bearer"


async def test_an_api_key_assumes_no_roles(who):
    with pytest.raises(DocumentError, match="roles cannot be assumed with a Bedrock API key"):
        await who(auth={"kind": "bedrock_api_key"}, roles=[{"arn": ROLE}])


# --- roles -------------------------------------------------------------------------------------------------------


async def test_a_role_that_the_adapter_names_wins_over_keys_in_the_environment(who, sts, environment):
    role = {"arn": ROLE, "external_id": "x-1", "session_name": "gateway", "duration_s": 1800, "tags": {"team": "a"}}
    role["policy"] = {"Version": "2012-10-17", "Statement": []}
    assert await who(roles=[role]) == f"{ROLE}/gateway #1"
    (asked,) = sts.asked
    assert {name: asked[name] for name in ("RoleArn", "ExternalId", "DurationSeconds", "RoleSessionName")} == {
        "RoleArn": ROLE, "ExternalId": "x-1", "DurationSeconds": "1800", "RoleSessionName": "gateway",
    }  # fmt: skip
    assert (asked["Tags.member.1.Key"], asked["Tags.member.1.Value"]) == ("team", "a")
    assert json.loads(asked["Policy"]) == role["policy"]
    assert asked["who"] == "environment"


async def test_a_chain_of_roles(who, sts, files):
    roles = [{"arn": ROLE}, {"arn": OTHER_ROLE, "session_name": "last"}]
    assert await who(auth={"kind": "aws_profile", "profile": "team"}, roles=roles) == f"{OTHER_ROLE}/last #2"
    assert [asked["who"] for asked in sts.asked] == ["file", f"{ROLE}/dragoman #1"]


async def test_a_web_identitys_role_and_one_more(who, sts, tmp_path, monkeypatch, edge):
    # the exchange of the token is not signed, so that the edge lets it in for nobody; ministack takes that part
    (tmp_path / "token").write_text("")
    auth = {"kind": "web_identity", "token_file": str(tmp_path / "token"), "role_arn": ROLE}
    with pytest.raises(SecretError, match="token file is empty"):
        await who(auth=auth)
    with pytest.raises(SecretError, match="token file cannot be read: No such file"):
        await who(auth={**auth, "token_file": str(tmp_path / "none")})
    assert not edge.received


@pytest.mark.parametrize("concurrent", [1, 200])
async def test_one_call_of_sts_for_any_number_of_first_calls(who, sts, environment, concurrent):
    seen = await asyncio.gather(*(who(roles=[{"arn": ROLE}]) for _ in range(concurrent)))
    assert set(seen) == {f"{ROLE}/dragoman #1"}
    assert len(sts.asked) == 1


async def test_adapters_of_one_identity_share_its_credentials(engine, edge, sts, environment):
    for model in ("one", "two"):
        document = probe.document(endpoint_url=edge.url, sts_endpoint_url=edge.url, roles=[{"arn": ROLE}])
        await engine.chat({**document, "name": model, "model": model}, "?")
    assert len(sts.asked) == 1


async def test_other_tags_are_another_identity(who, sts, environment):
    for team in "ab":
        await who(roles=[{"arn": ROLE, "tags": {"team": team}}])
    assert len(sts.asked) == 2


async def test_a_session_that_expires_under_load_fails_no_call(who, edge, sts, environment):
    calls = 0

    def answer(request, caller):
        nonlocal calls
        calls += 1
        if calls == 50:
            edge.expire(sts.issued[0].access_key_id)
        return Reply.json({"who": caller.who})

    edge.route("POST", probe.PATH, answer)
    seen = await asyncio.gather(*(who(roles=[{"arn": ROLE}]) for _ in range(200)))
    assert set(seen) == {f"{ROLE}/dragoman #1", f"{ROLE}/dragoman #2"}
    assert [asked["who"] for asked in sts.asked] == ["environment"] * 2
    assert any(refused.code == "ExpiredTokenException" for refused in edge.refusals)


async def test_keys_that_were_replaced_are_read_again_for_a_role(tmp_path, edge, sts):
    secrets = tmp_path / "secrets.json"

    def write(key: Admitted) -> None:
        values = {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret_access_key}
        secrets.write_text(json.dumps(values))

    write(Admitted("AKIAOLD", "deleted"))
    settings = Settings(secrets={"sources": [{"kind": "file", "path": str(secrets)}], "ttl_s": 3600})
    connection = {"endpoint_url": edge.url, "sts_endpoint_url": edge.url}
    document = probe.document(auth={"kind": "aws_keys"}, roles=[{"arn": ROLE}], **connection)
    async with Engine(settings, plugins=load_plugins(found=[probe.entry_point()])) as engine:
        with pytest.raises(AuthenticationError, match=r"InvalidClientTokenId.*the keys of the secret AWS_ACC"):
            await engine.chat(document, "?")
        write(NAMED)
        assert (await engine.chat(document, "?")).text == f"{ROLE}/dragoman #1"


# --- the global default role -------------------------------------------------------------------------------------


async def test_a_role_in_the_settings_counts_for_every_adapter_that_names_none(edge, sts, environment):
    common = {"region": "us-east-1", "sts_endpoint_url": edge.url, "endpoint_url": edge.url, "roles": [{"arn": ROLE}]}
    settings = Settings(connections={"who": common})
    async with Engine(settings, plugins=load_plugins(found=[probe.entry_point()])) as engine:
        document = {"provider": "who", "model": "m"}
        assert (await engine.chat(document, "?")).text == f"{ROLE}/dragoman #1"
        assert (await engine.chat({**document, "connection": {"roles": []}}, "?")).text == "environment"
        shown = await engine.resolve(document)
        assert shown.origins["connection.roles"] == "settings connections.who"


# --- nothing else redirects --------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
async def test_an_address_in_the_environment_does_not_redirect_sts(who, edge, sts, environment, monkeypatch, variable):
    with Edge() as elsewhere:
        monkeypatch.setenv(variable, elsewhere.url)
        assert await who(roles=[{"arn": ROLE}]) == f"{ROLE}/dragoman #1"
        assert not elsewhere.received


async def test_an_address_in_the_shared_files_does_not_redirect_sts(who, edge, sts, files):
    with Edge() as elsewhere:
        keys = f"aws_access_key_id={FILE.access_key_id}\naws_secret_access_key={FILE.secret_access_key}\n"
        files(
            f"[profile team]\n{keys}endpoint_url={elsewhere.url}\nservices=here\n"
            f"[services here]\nsts =\n  endpoint_url={elsewhere.url}\n"
        )
        auth = {"kind": "aws_profile", "profile": "team"}
        assert await who(auth=auth, roles=[{"arn": ROLE}]) == f"{ROLE}/dragoman #1"
        assert not elsewhere.received


# --- refusals ----------------------------------------------------------------------------------------------------


async def test_a_refused_role_names_identity_action_and_resource(who, sts, environment):
    text = f"User: arn:aws:iam::111111111111:user/gw is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    sts.refusal = ("AccessDenied", text, 403)
    with pytest.raises(PermissionDeniedError) as refused:
        await who(roles=[{"arn": ROLE}])
    shown = str(refused.value)
    assert "user/gw is not authorized to perform: sts:AssumeRole" in shown
    assert "the call was made with AWS's default credentials" in shown
    assert f"allow sts:AssumeRole on {ROLE} to arn:aws:iam::111111111111:user/gw" in shown
    assert refused.value.request_id == "r-1"
    assert len(sts.asked) == 1


async def test_the_second_role_of_a_chain_is_refused_to_the_first(who, sts, environment, edge):
    await who(roles=[{"arn": ROLE}])
    sts.refusal = ("AccessDenied", "No", 403)
    with pytest.raises(PermissionDeniedError, match="the call was made with AWS's default credentials; its policies"):
        await who(roles=[{"arn": ROLE}, {"arn": OTHER_ROLE}])


async def test_a_session_that_is_longer_than_aws_allows(who, sts, environment):
    text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
    sts.refusal = ("ValidationError", text, 400)
    with pytest.raises(InvalidRequestError, match="1 hour session limit"):
        await who(roles=[{"arn": ROLE, "duration_s": 7200}])


async def test_sts_that_cannot_be_reached(who, environment, edge):
    with pytest.raises(ConnectionFailedError, match="AWS STS cannot be reached"):
        await who(roles=[{"arn": ROLE}], sts_endpoint_url="http://127.0.0.1:9")


async def test_no_secret_is_in_a_dry_run_and_sts_is_not_asked(engine, edge, sts, environment):
    document = probe.document(endpoint_url=edge.url, sts_endpoint_url=edge.url, roles=[{"arn": ROLE}])
    shown = await engine.dry_run(document, "?")
    assert shown.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=***/")
    assert shown.headers["X-Amz-Security-Token"] == "***"
    assert ENVIRONMENT.secret_access_key not in repr(shown)
    assert not edge.received


# --- region ------------------------------------------------------------------------------------------------------


async def test_the_order_of_regions(who, edge, environment, monkeypatch, caplog):
    async def region(**connection):
        await who(**{"region": None, **connection})
        return edge.callers[-1].region

    with pytest.raises(DocumentError, match=r"connection\.region: is missing \(set it, or AWS_REGION"):
        await region()
    monkeypatch.setenv("DEFAULT_REGION", "eu-west-3")
    with caplog.at_level(logging.WARNING, "dragoman.aws"):
        assert await region(sts_endpoint_url=None) == "eu-west-3"
    assert "DEFAULT_REGION" in caplog.text
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert await region(sts_endpoint_url="http://127.0.0.1:1") == "eu-west-2"
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert await region(sts_endpoint_url="http://127.0.0.1:2") == "eu-west-1"
    assert await region(region="us-west-2") == "us-west-2"
