"""Roles across accounts, as AWS decides about them: signatures, trust policies, external ids, sessions.

The emulator plays two accounts: ours, with a user that may assume roles, and theirs, with the roles.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from botocore.awsrequest import AWSResponse
from dragoman.errors import AuthenticationError, PermissionDeniedError, ProviderError
from dragoman.plugin import Credentials
from dragoman.secret import Secret
from dragoman.transport.authorization import CredentialCache
from dragoman_aws.identity.authorizer import AwsAuthorizer
from dragoman_aws.identity.clients import Clients
from dragoman_aws.identity.connection import (
    AwsDefaultAuth,
    AwsKeysAuth,
    AwsProfileAuth,
    BedrockApiKeyAuth,
    Role,
    WebIdentityAuth,
)
from dragoman_aws.identity.identity import Identity
from dragoman_aws.identity.sources import acquire
from dragoman_aws.signing import Keys, Signer

from .cloud import REGION, Cloud, User, allow, policy, trust

OURS, THEIRS, STRANGERS = "111111111111", "222222222222", "333333333333"
EXTERNAL_ID = "dragoman-7f3a"
KEYS = AwsKeysAuth(kind="aws_keys")
SECRETS = {"access_key_id": "ID", "secret_access_key": "KEY"}

#: Who their role trusts.
TRUSTED = {
    "our user": "arn:aws:iam::111111111111:user/gw",
    "our account": "arn:aws:iam::111111111111:root",
    "our account's number": OURS,
    "strangers": "arn:aws:iam::333333333333:root",
}


@pytest.fixture(scope="module")
def gateway(cloud: Cloud) -> User:
    return cloud.user(OURS, "gw", allow("sts:AssumeRole"))


@pytest.fixture(scope="module")
def roles(cloud: Cloud, gateway: User) -> dict[str, str]:
    made = {}
    for number, (name, principal) in enumerate(TRUSTED.items()):
        made[name] = cloud.role(THEIRS, f"invoke-{number}", trust(principal, EXTERNAL_ID))
    made["nobody made it"] = f"arn:aws:iam::{THEIRS}:role/missing"
    return made


def keys_of(user: User) -> Keys:
    return Keys(user.access_key_id, Secret(user.secret_access_key))


def identity(cloud: Cloud, *assumed: Role, auth=KEYS) -> Identity:
    return Identity(auth, REGION, assumed, SECRETS if auth is KEYS else {}, cloud.url)


def caller(cloud: Cloud, keys: Keys) -> str:
    """Return the ARN that AWS knows these keys by."""
    token = keys.session_token.reveal() if keys.session_token else None
    sts = cloud.client("sts", keys.access_key_id, keys.secret_access_key.reveal(), token)
    try:
        return sts.get_caller_identity()["Arn"]
    finally:
        sts.close()


# --- who may assume what -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["our user", "our account", "our account's number"])
def test_the_right_external_id_opens_a_role_that_trusts_us(cloud, gateway, roles, name):
    role = Role(arn=roles[name], external_id=EXTERNAL_ID, session_name="gateway-1", duration_s=1800)
    asked_at_s = time.time()
    keys, expires_at_s = acquire(identity(cloud, role), keys_of(gateway))
    assert (
        caller(cloud, keys) == f"{roles[name].replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/gateway-1"
    )
    assert asked_at_s + 1790 <= expires_at_s <= time.time() + 1800


@pytest.mark.parametrize(
    ("name", "external_id"),
    [
        *((name, external_id) for name in (*TRUSTED, "nobody made it") for external_id in ("another", None)),
        ("strangers", EXTERNAL_ID),
        ("nobody made it", EXTERNAL_ID),
    ],
)
def test_whoever_is_not_let_in_is_told_who_needs_what(cloud, gateway, roles, name, external_id):
    with pytest.raises(PermissionDeniedError) as refused:
        acquire(identity(cloud, Role(arn=roles[name], external_id=external_id)), keys_of(gateway))
    shown = str(refused.value)
    assert refused.value.provider_code == "AccessDenied"
    assert refused.value.retryable is False
    assert f"allow sts:AssumeRole on {roles[name]}" in shown
    assert "the call was made with the keys of the secret ID" in shown
    assert "trust policy and external id" in shown
    assert gateway.secret_access_key not in shown


def test_a_wrong_key_is_no_matter_of_policies(cloud, gateway, roles):
    with pytest.raises(AuthenticationError) as refused:
        acquire(identity(cloud, Role(arn=roles["our user"])), Keys(gateway.access_key_id, Secret("wrong")))
    assert refused.value.provider_code == "SignatureDoesNotMatch"
    assert refused.value.stale_credentials


def test_an_unknown_key_may_have_been_replaced(cloud, roles):
    with pytest.raises(AuthenticationError) as refused:
        acquire(identity(cloud, Role(arn=roles["our user"])), Keys("AKIAUNKNOWN000000000", Secret("wrong")))
    assert refused.value.provider_code == "InvalidClientTokenId"
    assert refused.value.stale_credentials


def test_a_chain_of_roles_ends_as_the_last_one(cloud, gateway, roles):
    first = roles["our user"]
    last = cloud.role(STRANGERS, "last", trust(first))
    cloud.as_root(THEIRS, "iam").put_role_policy(
        RoleName=first.rpartition("/")[2], PolicyName="chain", PolicyDocument=policy(allow("sts:AssumeRole", last))
    )
    chain = [Role(arn=first, external_id=EXTERNAL_ID), Role(arn=last, session_name="end")]
    keys, _ = acquire(identity(cloud, *chain), keys_of(gateway))
    assert caller(cloud, keys) == f"arn:aws:sts::{STRANGERS}:assumed-role/last/end"
    with pytest.raises(PermissionDeniedError):  # the last role trusts the first one, not our user
        acquire(identity(cloud, chain[1]), keys_of(gateway))


def test_session_tags_must_be_allowed(cloud, gateway):
    untagged = cloud.role(THEIRS, "untagged", trust(gateway.arn))
    tagged = cloud.role(THEIRS, "tagged", trust(gateway.arn, actions=["sts:AssumeRole", "sts:TagSession"]))
    acquire(identity(cloud, Role(arn=tagged, tags={"team": "search"})), keys_of(gateway))
    with pytest.raises(PermissionDeniedError, match=f"allow sts:TagSession on {untagged}"):
        acquire(identity(cloud, Role(arn=untagged, tags={"team": "search"})), keys_of(gateway))


# --- web identity ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def federated(cloud: Cloud) -> str:
    """A role that trusts the tokens of an identity provider."""
    iam = cloud.as_root(OURS, "iam")
    provider = iam.create_open_id_connect_provider(Url="https://oidc.example.com", ClientIDList=["sts.amazonaws.com"])
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": provider["OpenIDConnectProviderArn"]},
    }
    return cloud.role(OURS, "federated", statement, allow("sts:AssumeRole"))


def jwt(issuer: str) -> str:
    parts = [{"alg": "RS256"}, {"iss": issuer, "sub": "pod", "aud": "sts.amazonaws.com", "exp": int(time.time()) + 600}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".x"


def test_a_token_file_is_exchanged_for_a_role_and_that_for_another(cloud, federated, tmp_path):
    token = tmp_path / "token"
    token.write_text(jwt("https://oidc.example.com") + "\n")
    auth = WebIdentityAuth(kind="web_identity", token_file=str(token), role_arn=federated, session_name="pod-1")
    keys, _ = acquire(identity(cloud, auth=auth))
    assert caller(cloud, keys) == f"arn:aws:sts::{OURS}:assumed-role/federated/pod-1"
    theirs = cloud.role(THEIRS, "for-pods", trust(federated, EXTERNAL_ID))
    keys, _ = acquire(identity(cloud, Role(arn=theirs, external_id=EXTERNAL_ID), auth=auth))
    assert caller(cloud, keys) == f"arn:aws:sts::{THEIRS}:assumed-role/for-pods/dragoman"


def test_a_token_of_another_provider_is_refused(cloud, federated, tmp_path):
    (tmp_path / "token").write_text(jwt("https://other.example.com"))
    auth = WebIdentityAuth(kind="web_identity", token_file=str(tmp_path / "token"), role_arn=federated)
    with pytest.raises(ProviderError, match=f"with the web identity's session of {federated}"):
        acquire(identity(cloud, auth=auth))


def test_the_platforms_own_variables_are_part_of_the_default_chain(cloud, federated, tmp_path, monkeypatch):
    (tmp_path / "token").write_text(jwt("https://oidc.example.com"))
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", federated)
    monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "irsa")
    keys, expires_at_s = acquire(identity(cloud, auth=AwsDefaultAuth()))
    assert caller(cloud, keys) == f"arn:aws:sts::{OURS}:assumed-role/federated/irsa"
    assert expires_at_s > time.time()


# --- cached, and refreshed ahead ---------------------------------------------------------------------------------


class Here:
    """What an authorizer needs of its context: secrets, threads, and a clock that a test can turn."""

    def __init__(self, user: User) -> None:
        self._secrets = {"ID": Secret(user.access_key_id), "KEY": Secret(user.secret_access_key)}
        self._threads = ThreadPoolExecutor(4)
        self.ahead_s = 0.0
        self.acquired = 0

    async def secret(self, name: str) -> Secret:
        return self._secrets[name]

    async def run_blocking(self, function, *args):
        self.acquired += 1
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def now_s(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def here(gateway):
    return Here(gateway)


@pytest.fixture
def cached(cloud, roles, here):
    """Return what the engine does for each call: ask its cache."""
    role = Role(arn=roles["our user"], external_id=EXTERNAL_ID, duration_s=1800)
    signer = AwsAuthorizer(here, identity(cloud, role), Signer("bedrock", REGION))
    cache = CredentialCache(now_s=here.now_s)

    async def many(count: int) -> set[str]:
        found: list[Credentials] = await asyncio.gather(*(cache.get(signer) for _ in range(count)))
        return {credentials.value.access_key_id for credentials in found}

    return many


async def test_200_calls_at_once_assume_the_role_once(cached, here):
    assert len(await cached(200)) == 1
    assert len(await cached(200)) == 1
    assert here.acquired == 1


async def test_a_session_is_renewed_ahead_of_its_end_while_200_calls_go_on(cached, here):
    (first,) = await cached(1)
    here.ahead_s = 1800 - 250  # 250 s before its end
    during = await cached(200)
    assert first in during
    assert here.acquired == 2
    (second,) = await cached(200)
    assert second != first
    assert here.acquired == 2


async def test_nobody_gets_a_session_that_is_over(cached, here):
    (first,) = await cached(1)
    here.ahead_s = 1800 + 1
    assert first not in await cached(200)
    assert here.acquired == 2


# --- AWS's own clients, for the control plane --------------------------------------------------------------------


@pytest.fixture
def theirs(cloud, gateway):
    """A role of theirs that may list profiles and read one of two secrets."""
    name = "control"
    try:
        arn = cloud.as_root(THEIRS, "iam").get_role(RoleName=name)["Role"]["Arn"]
    except cloud.as_root(THEIRS, "iam").exceptions.NoSuchEntityException:
        readable = cloud.secret(THEIRS, "allowed-1", '{"A": "1"}')
        cloud.secret(THEIRS, "forbidden-1", '{"B": "2"}')
        may = [allow("bedrock:ListInferenceProfiles"), allow("secretsmanager:GetSecretValue", readable)]
        arn = cloud.role(THEIRS, name, trust(gateway.arn), *may)
    return Clients(identity(cloud, Role(arn=arn)), keys_of(gateway))


def test_the_role_is_used_for_the_control_plane_too(cloud, theirs, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", STRANGERS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "root")
    bedrock = theirs.client("bedrock", endpoint_url=cloud.url)
    assert bedrock.list_inference_profiles()["inferenceProfileSummaries"]
    with pytest.raises(bedrock.exceptions.ClientError, match=r"assumed-role/control.*bedrock:ListPromptRouters"):
        bedrock.list_prompt_routers()
    bedrock.close()


def test_clients_of_one_identity_share_a_session(cloud, theirs):
    arns = set()
    for _ in range(2):
        sts = theirs.client("sts", endpoint_url=cloud.url)
        arns.add(sts.get_caller_identity()["UserId"])
        sts.close()
    credentials = theirs._session.get_credentials()
    assert len(arns) == 1
    assert credentials.method == "dragoman"


@pytest.mark.parametrize("profile", ["team", "nobody"])
def test_a_profile_in_the_environment_changes_no_named_identity(cloud, theirs, monkeypatch, profile):
    monkeypatch.setenv("AWS_PROFILE", profile)
    bedrock = theirs.client("bedrock", endpoint_url=cloud.url)
    assert bedrock.list_inference_profiles()["inferenceProfileSummaries"]
    bedrock.close()


@pytest.mark.parametrize("kind", ["aws_default", "aws_profile", "aws_keys"])
def test_clients_of_identities_without_roles(cloud, gateway, monkeypatch, tmp_path, kind):
    keys = f"aws_access_key_id={gateway.access_key_id}\naws_secret_access_key={gateway.secret_access_key}\n"
    (tmp_path / "config").write_text(f"[profile team]\n{keys}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "team")
    auth = {
        "aws_default": AwsDefaultAuth(),
        "aws_profile": AwsProfileAuth(kind="aws_profile", profile="team"),
        "aws_keys": KEYS,
    }
    given = keys_of(gateway) if kind == "aws_keys" else None
    sts = Clients(identity(cloud, auth=auth[kind]), given).client("sts", endpoint_url=cloud.url)
    assert sts.get_caller_identity()["Arn"] == gateway.arn
    sts.close()


def test_a_bearer_token_in_the_environment_makes_no_call(cloud, theirs, monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "somebody else's")
    bedrock = theirs.client("bedrock", endpoint_url=cloud.url)
    assert bedrock.list_inference_profiles()["inferenceProfileSummaries"]
    bedrock.close()


def test_a_bedrock_key_calls_the_control_plane_where_the_adapter_says_so():
    """No server: botocore sends bearer keys over TLS alone."""
    auth = BedrockApiKeyAuth(kind="bedrock_api_key")
    bedrock = Clients(Identity(auth, REGION), api_key=Secret("the-key")).client("bedrock", max_attempts=1)
    sent = []

    def answer(request, **_):
        sent.append(dict(request.headers.items()))
        return AWSResponse(request.url, 200, {}, SimpleNamespace(stream=lambda: [b"{}"]))

    bedrock.meta.events.register("before-send", answer)
    bedrock.list_inference_profiles()
    bedrock.close()
    assert sent[0]["Authorization"] == b"Bearer the-key"
