"""Real calls against an emulator that enforces IAM, with a generated policy and without it.

What it cannot enforce: it takes every model of a call for a foundation model of the caller's region, so that profiles
and routers as resources, destination regions and the key bedrock:InferenceProfileArn are proved by simulation alone
(`test_policies`); it asks for ``bedrock:Converse``, which AWS does not have, so that InvokeModel is called here; for
GetPromptRouter, CreateInferenceProfile and CreateModelInvocationJob no resource but ``*`` satisfies it; it has no
SageMaker runtime.
"""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from dragoman_aws.permissions import Grant, grant, grant_secrets

from ..cloud import REGION, Cloud  # noqa: TID252

ACCOUNT = "888877776666"
MODEL = "anthropic.claude-3-haiku-20240307-v1:0"
PROFILE = f"us.{MODEL}"
PROMPT = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:prompt/PROMPT12345"
BODY = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": []})

CALLS = {
    "invoke": (
        lambda: grant(MODEL, region=REGION, account=ACCOUNT),
        "bedrock-runtime",
        lambda client: client.invoke_model(modelId=MODEL, body=BODY),
    ),
    "invoke streaming": (
        lambda: grant(MODEL, region=REGION, account=ACCOUNT),
        "bedrock-runtime",
        lambda client: [*client.invoke_model_with_response_stream(modelId=MODEL, body=BODY)["body"]],
    ),
    "describe a model": (
        lambda: grant(MODEL, region=REGION, account=ACCOUNT, uses=["lookup"]),
        "bedrock",
        lambda client: client.get_foundation_model(modelIdentifier=MODEL),
    ),
    "describe a profile": (
        lambda: grant(PROFILE, region=REGION, account=ACCOUNT, uses=["lookup"]),
        "bedrock",
        lambda client: client.get_inference_profile(inferenceProfileIdentifier=PROFILE),
    ),
    "list models": (
        lambda: grant(MODEL, region=REGION, account=ACCOUNT, uses=["list"]),
        "bedrock",
        lambda client: client.list_foundation_models(),
    ),
    "list profiles": (
        lambda: grant(PROFILE, region=REGION, account=ACCOUNT, uses=["lookup"]),
        "bedrock",
        lambda client: client.list_inference_profiles(),
    ),
    "create a prompt": (
        lambda: grant(PROMPT, account=ACCOUNT, uses=["manage"], base_model=MODEL),
        "bedrock-agent",
        lambda client: client.create_prompt(name="a"),
    ),
    "list prompts": (
        lambda: grant(PROMPT, account=ACCOUNT, uses=["manage"], base_model=MODEL),
        "bedrock-agent",
        lambda client: client.list_prompts(),
    ),
    "list routers": (
        lambda: grant(MODEL, region=REGION, account=ACCOUNT, uses=["list"]),
        "bedrock",
        lambda client: client.list_prompt_routers(),
    ),
    "list provisioned models": (
        lambda: grant(MODEL, region=REGION, account=ACCOUNT, uses=["list"]),
        "bedrock",
        lambda client: client.list_provisioned_model_throughputs(),
    ),
    "list batches": (
        lambda: grant(MODEL, region=REGION, account=ACCOUNT, uses=["batch"]),
        "bedrock",
        lambda client: client.list_model_invocation_jobs(),
    ),
    "read a secret": (
        lambda: grant_secrets(["allowed"], region=REGION, account=ACCOUNT),
        "secretsmanager",
        lambda client: client.get_secret_value(SecretId="allowed"),
    ),
}


@pytest.fixture(scope="module")
def secrets(cloud: Cloud) -> None:
    cloud.secret(ACCOUNT, "allowed", "{}")
    cloud.secret(ACCOUNT, "forbidden", "{}")


def outcome(cloud: Cloud, name: str, granted: Grant | None, service: str, call) -> str:
    user = cloud.user(ACCOUNT, name.replace(" ", "-"), *(granted.document["Statement"] if granted else ()))
    client = cloud.client(service, user.access_key_id, user.secret_access_key)
    try:
        call(client)
    except ClientError as error:
        return error.response["Error"]["Code"]
    finally:
        client.close()
    return "done"


@pytest.mark.parametrize("name", CALLS)
def test_a_call_goes_through_with_the_policy_and_not_without_it(cloud, secrets, name):
    make, service, call = CALLS[name]
    assert outcome(cloud, f"with {name}", make(), service, call) == "done"
    assert outcome(cloud, f"without {name}", None, service, call) in ("AccessDenied", "AccessDeniedException")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("invoke", lambda client: client.invoke_model(modelId="amazon.titan-text-express-v1", body="{}")),
        ("read a secret", lambda client: client.get_secret_value(SecretId="forbidden")),
    ],
)
def test_a_policy_reaches_nothing_else(cloud, secrets, name, call):
    make, service, _ = CALLS[name]
    assert outcome(cloud, f"beside {name}", make(), service, call) in ("AccessDenied", "AccessDeniedException")
