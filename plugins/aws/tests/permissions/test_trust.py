"""Trust policies, as the emulator decides about them."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from dragoman.errors import DocumentError
from dragoman_aws.permissions import trust_account, trust_role, trust_service_account

from ..cloud import Cloud, User, allow  # noqa: TID252

OURS, THEIRS = "444455556666", "777788889999"
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"


@pytest.fixture(scope="module")
def gateway(cloud: Cloud) -> User:
    return cloud.user(OURS, "trusted-gateway", allow("sts:AssumeRole"))


@pytest.fixture(scope="module")
def other(cloud: Cloud) -> User:
    return cloud.user(OURS, "another", allow("sts:AssumeRole"))


def role(cloud: Cloud, name: str, document: dict) -> str:
    iam = cloud.as_root(THEIRS, "iam")
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]


def assume(cloud: Cloud, user: User, arn: str, **external: str) -> str:
    sts = cloud.client("sts", user.access_key_id, user.secret_access_key)
    try:
        sts.assume_role(RoleArn=arn, RoleSessionName="test", **external)
    except ClientError as error:
        return error.response["Error"]["Code"]
    finally:
        sts.close()
    return "assumed"


def test_an_account_with_an_external_id(cloud, gateway, other):
    arn = role(cloud, "by-account", trust_account(OURS, external_id="dragoman-7f3a"))
    assert assume(cloud, gateway, arn, ExternalId="dragoman-7f3a") == "assumed"
    assert assume(cloud, other, arn, ExternalId="dragoman-7f3a") == "assumed"
    assert assume(cloud, gateway, arn, ExternalId="another") == "AccessDenied"
    assert assume(cloud, gateway, arn) == "AccessDenied"


def test_one_principal(cloud, gateway, other):
    arn = role(cloud, "by-principal", trust_role(gateway.arn))
    assert assume(cloud, gateway, arn) == "assumed"
    assert assume(cloud, other, arn) == "AccessDenied"


@pytest.mark.parametrize("provider", [f"https://{ISSUER}/", ISSUER, f"arn:aws:iam::{OURS}:oidc-provider/{ISSUER}"])
def test_a_service_account_of_a_cluster(provider):
    assert trust_service_account(provider, "llm", "gateway", account=OURS) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": f"arn:aws:iam::{OURS}:oidc-provider/{ISSUER}"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        f"{ISSUER}:sub": "system:serviceaccount:llm:gateway",
                        f"{ISSUER}:aud": "sts.amazonaws.com",
                    }
                },
            }
        ],
    }


def test_partitions():
    [statement] = trust_account(OURS, partition="aws-us-gov")["Statement"]
    assert statement["Principal"] == {"AWS": f"arn:aws-us-gov:iam::{OURS}:root"}


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: trust_account("12"), "account: '12' is no account"),
        (lambda: trust_account(OURS, external_id="a b"), "external_id: is not one"),
        (lambda: trust_role("arn:aws:s3:::bucket"), "is not the ARN of a role"),
        (lambda: trust_service_account(ISSUER, "llm", "gateway"), "account: is missing"),
        (lambda: trust_service_account(ISSUER, "llm", "*", account=OURS), "service_account: '\\*' is not a name"),
        (lambda: trust_service_account("a b", "llm", "x", account=OURS), "provider: is not that of an OIDC provider"),
    ],
)
def test_what_is_no_trust_policy_is_refused(make, problem):
    with pytest.raises(DocumentError, match=problem):
        make()
