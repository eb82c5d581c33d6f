"""What a connection may say about region, identity and addresses."""

from __future__ import annotations

import subprocess
import sys

import pytest
from dragoman.errors import DocumentError
from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.identity.connection import AwsConnection
from dragoman_aws.identity.denial import Denial, denial_hint, denial_of
from dragoman_aws.identity.region import choose_region, dns_suffix
from dragoman_aws.plugin import dragoman_providers
from pydantic import ValidationError

ROLE = "arn:aws:iam::111122223333:role/Invoke"
WEB = {"kind": "web_identity", "token_file": "/t", "role_arn": ROLE}


@pytest.mark.parametrize(
    "connection",
    [
        {},
        {"region": "us-gov-west-1", "auth": {"kind": "aws_default"}},
        {"region": "eusc-de-east-1", "auth": {"kind": "aws_profile", "profile": "team"}},
        {"auth": {"kind": "aws_keys"}, "roles": [{"arn": ROLE, "duration_s": 43200}]},
        {"auth": WEB, "roles": [{"arn": ROLE, "duration_s": 3600}]},
        {"auth": {"kind": "bedrock_api_key"}},
        {"roles": [{"arn": "arn:aws-cn:iam::111122223333:role/path/to/Role_1+=,.@-x", "external_id": "a:/b@c"}]},
        {"endpoint_url": "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com/"},
    ],
)
def test_what_holds(connection):
    AwsConnection.model_validate(connection)


@pytest.mark.parametrize(
    ("connection", "why"),
    [
        ({"region": "useast1"}, "region"),
        ({"region": "us-east-1.evil.example"}, "region"),
        ({"auth": {"kind": "aws_magic"}}, "auth"),
        ({"auth": {"kind": "aws_profile"}}, "profile"),
        ({"auth": {"kind": "aws_keys", "access_key_id": "AKIA"}}, "access_key_id"),
        ({"roles": [{"arn": "Invoke"}]}, "the ARN of a role is expected"),
        ({"roles": [{"arn": "arn:aws:iam::111122223333:user/gw"}]}, "the ARN of a role is expected"),
        ({"roles": [{"arn": ROLE + "\n"}]}, "the ARN of a role is expected"),
        ({"roles": [{"arn": ROLE, "duration_s": 900}]}, "greater than or equal to 1800"),
        ({"roles": [{"arn": ROLE, "duration_s": 43201}]}, "less than or equal to 43200"),
        ({"roles": [{"arn": ROLE}, {"arn": ROLE, "duration_s": 7200}]}, "roles.1.duration_s is 7200: .* at most 3600"),
        ({"auth": WEB, "roles": [{"arn": ROLE, "duration_s": 7200}]}, "roles.0.duration_s is 7200: .* at most 3600"),
        ({"roles": [{"arn": ROLE, "external_id": "x"}]}, "external_id"),
        ({"roles": [{"arn": ROLE, "session_name": "two words"}]}, "session_name"),
        ({"auth": {"kind": "bedrock_api_key"}, "roles": [{"arn": ROLE}]}, "cannot be assumed with a Bedrock API key"),
        ({"endpoint_url": "ftp://example.com"}, "https:// or http://"),
        ({"endpoint_url": "https://user:password@example.com"}, "cannot hold credentials"),
        ({"sts_endpoint_url": "https://example.com?x=1"}, "cannot hold a query"),
    ],
)
def test_what_does_not(connection, why):
    with pytest.raises(ValidationError, match=why):
        AwsConnection.model_validate(connection)


def test_sagemaker_takes_no_bedrock_key():
    (sagemaker,) = [d for d in dragoman_providers() if d.kind == "sagemaker"]
    with pytest.raises(ValidationError, match="bedrock_api_key"):
        sagemaker.connection.model_validate({"auth": {"kind": "bedrock_api_key"}})
    assert "api_key" not in sagemaker.credentials


def test_a_connection_never_changes():
    with pytest.raises(ValidationError):
        AwsConnection().region = "us-east-1"


def test_a_region_of_the_environment_is_looked_at_too():
    with pytest.raises(DocumentError, match=r"environment AWS_REGION.* is not the name of a region"):
        choose_region(AwsConnection(), {"AWS_REGION": "us-east-1.evil.example"})
    assert choose_region(AwsConnection(), {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"}).name == "eu-west-1"


@pytest.mark.parametrize(
    ("region", "suffix"),
    [
        ("us-east-1", "amazonaws.com"),
        ("us-gov-west-1", "amazonaws.com"),
        ("cn-north-1", "amazonaws.com.cn"),
        ("us-iso-east-1", "c2s.ic.gov"),
        ("us-isob-east-1", "sc2s.sgov.gov"),
        ("eusc-de-east-1", "amazonaws.eu"),
    ],
)
def test_a_partitions_host_names(region, suffix):
    assert dns_suffix(region) == suffix


def test_the_partitions_are_botocores():
    from botocore.loaders import create_loader

    for partition in create_loader().load_data("partitions")["partitions"]:
        for region in partition["regions"]:
            if region.count("-") >= 2 and "global" not in region:
                assert dns_suffix(region) == partition["outputs"]["dnsSuffix"]
                AwsConnection(region=region)


def test_the_light_module_loads_no_sdk():
    code = "import sys, dragoman_aws.plugin; print(*{m.split('.')[0] for m in sys.modules} & {'boto3', 'botocore'})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# --- refusals ----------------------------------------------------------------------------------------------------

UNKNOWN_POLICY = "because no identity-based policy allows the bedrock:InvokeModel action"
ENDPOINT = "arn:aws:sagemaker:us-east-1:111122223333:endpoint/llama"
USER = "arn:aws:sts::111122223333:assumed-role/Invoke/dragoman"
MODEL = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0"


@pytest.mark.parametrize(
    ("text", "denial"),
    [
        (
            f"User: {USER} is not authorized to perform: bedrock:InvokeModel on resource: {MODEL} {UNKNOWN_POLICY}",
            Denial(USER, "bedrock:InvokeModel", MODEL),
        ),
        (
            f"User: {USER} is not authorized to perform: sagemaker:InvokeEndpoint on resource: {ENDPOINT} with an",
            Denial(USER, "sagemaker:InvokeEndpoint", ENDPOINT),
        ),
        (
            f'User: {USER} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/k".',
            Denial(USER, "s3:GetObject", "arn:aws:s3:::b/k"),
        ),
        (
            f"User: {USER} is not authorized to perform: bedrock:ListFoundationModels",
            Denial(USER, "bedrock:ListFoundationModels", None),
        ),
        ("is not authorized to perform: sts:AssumeRole on resource: r", Denial(None, "sts:AssumeRole", "r")),
        ("You don't have access to the model with the specified model ID.", None),
        ("", None),
    ],
)
def test_what_a_refusal_says(text, denial):
    assert denial_of(text) == denial


def test_what_to_do_about_a_refusal():
    text = f"User: {USER} is not authorized to perform: bedrock:InvokeModel on resource: {MODEL} because"
    assert denial_hint(text, "X") == f"the call was made with X; allow bedrock:InvokeModel on {MODEL} to {USER}"
    assert denial_hint("No access.", "X") == "the call was made with X; its policies must allow it"


def test_the_roles_that_callers_may_take_on_are_on_the_allow_list():
    """The engine's policy holds these fields to the deployment's list; see docs/policy.md."""
    assert [(i.path, i.prescribed) for i in AwsConnection.identities] == [
        ("roles.*.arn", ("external_id",)),
        ("auth.role_arn", ()),
    ]
    for identity in AwsConnection.identities:
        assert identity.path.split(".")[0] in AwsConnection.model_fields


def test_services_beside_bedrock_have_addresses_of_their_own():
    given = {"endpoints": {"bedrock-agent": "https://vpce-1.test/", "service-quotas": "https://vpce-2.test"}}
    found = BedrockConnection.model_validate(given).endpoints
    assert found == {"bedrock-agent": "https://vpce-1.test", "service-quotas": "https://vpce-2.test"}
    with pytest.raises(ValidationError, match="s3 is not a service here; one of bedrock-agent, cloudformation"):
        BedrockConnection.model_validate({"endpoints": {"s3": "https://vpce-1.test"}})
    with pytest.raises(ValidationError, match="https:// or http://"):
        BedrockConnection.model_validate({"endpoints": {"bedrock-agent": "vpce-1.test"}})
