"""What the examples of AWS's CDK constructs create and grant, by our API: the pairs that each of theirs allows.

Theirs: awslabs/generative-ai-cdk-constructs, commit 9d49b9d3, and the page "Amazon Bedrock Inference Profiles". Where
they allow ``bedrock:InvokeModel*`` or leave the streaming action out, ours are the two actions that exist.
"""

from __future__ import annotations

import json

import pytest
from dragoman_aws.permissions import Grant, grant
from dragoman_aws.profiles import (
    ApplicationProfile,
    CrossRegionInferenceProfile,
    PromptRouter,
    imported_from_attributes,
)

from ..cloud import Cloud  # noqa: TID252
from .cases import ACCOUNT, APPLICATION, BEDROCK, BOTH, HAIKU, PROMPT, ROUTER, SONNET_35, US, model, pairs, profile

PRINCIPAL = f"arn:aws:iam::{ACCOUNT}:role/Lambda"
SONNET_V2 = "anthropic.claude-3-5-sonnet-20241022-v2:0"
USAGE = ("invoke", "lookup")


def cross_region() -> CrossRegionInferenceProfile:
    return CrossRegionInferenceProfile.from_config("us", SONNET_V2)


def application() -> ApplicationProfile:
    return ApplicationProfile("cew2pa5r8hog", APPLICATION, models=model(SONNET_V2, *US))


EXAMPLES = {
    "model.grantInvoke": (
        lambda: grant(HAIKU, PRINCIPAL, region="us-east-1", account=ACCOUNT, uses=USAGE),
        pairs((*BOTH, "bedrock:GetFoundationModel"), *model(HAIKU, "us-east-1")),
    ),
    "model.grantInvokeAllRegions": (
        lambda: grant(HAIKU, PRINCIPAL, region="*", account=ACCOUNT, uses=USAGE),
        pairs((*BOTH, "bedrock:GetFoundationModel"), *model(HAIKU, "us-east-1", "eu-west-1", "ap-south-1")),
    ),
    "crossRegion.grantProfileUsage and grantInvoke": (
        lambda: grant(cross_region(), PRINCIPAL, region="us-east-1", account=ACCOUNT, uses=USAGE),
        (
            *pairs((*BOTH, "bedrock:GetInferenceProfile"), profile(f"us.{SONNET_V2}", "us-east-1")),
            *pairs(BOTH, *model(SONNET_V2, *US)),
        ),
    ),
    "application.grantProfileUsage and grantInvoke": (
        lambda: grant(application(), PRINCIPAL, account=ACCOUNT, uses=USAGE),
        (
            *pairs((*BOTH, "bedrock:GetInferenceProfile"), APPLICATION),
            *pairs(BOTH, *model(SONNET_V2, *US)),
        ),
    ),
    "imported.grantProfileUsage": (
        lambda: grant(imported_from_attributes(APPLICATION, model=HAIKU), PRINCIPAL, account=ACCOUNT, uses=USAGE),
        (
            *pairs((*BOTH, "bedrock:GetInferenceProfile"), APPLICATION),
            ("bedrock:ListInferenceProfiles", "*"),
            *pairs(BOTH, *model(HAIKU, "us-east-1")),
        ),
    ),
    "router.grantInvoke": (
        lambda: grant(
            PromptRouter.default("anthropic.claude:1", "us-east-1", ACCOUNT), PRINCIPAL, account=ACCOUNT, uses=USAGE
        ),
        (
            *pairs((*BOTH, "bedrock:GetPromptRouter"), ROUTER),
            *pairs(BOTH, *model(HAIKU, "us-east-1", "us-west-2"), *model(SONNET_35, "us-east-1", "us-west-2")),
        ),
    ),
    "prompt.grantGet": (
        lambda: grant(PROMPT, PRINCIPAL, uses=("prompt",), base_model=HAIKU),
        pairs("bedrock:GetPrompt", PROMPT, f"{PROMPT}:1"),
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_the_constructs_grant_is_granted(cloud: Cloud, name):
    make, allowed = EXAMPLES[name]
    granted: Grant = make()
    assert granted.principal == PRINCIPAL
    document = json.dumps(granted.document)
    iam = cloud.as_root(ACCOUNT, "iam")
    decided = {}
    for action, resource in allowed:
        found = iam.simulate_custom_policy(PolicyInputList=[document], ActionNames=[action], ResourceArns=[resource])
        decided[action, resource] = found["EvaluationResults"][0]["EvalDecision"]
    assert decided == dict.fromkeys(allowed, "allowed")


def test_the_profile_of_the_examples_routes_where_their_page_says():
    assert cross_region().id == f"us.{SONNET_V2}"
    assert cross_region().destinations("us-east-1") == US


def test_a_default_router_shows_what_it_chooses_between():
    router = PromptRouter.default("anthropic.claude:1", "us-east-1", ACCOUNT)
    assert (router.arn, router.models) == (ROUTER, (f"us.{HAIKU}", f"us.{SONNET_35}"))


def test_everything_that_is_invoked_is_a_model_of_an_adapter():
    documents = [cross_region().as_adapter("us-east-1"), application().as_adapter()]
    documents.append(PromptRouter.default("anthropic.claude:1", "us-east-1", ACCOUNT).as_adapter())
    assert [document["model"] for document in documents] == [f"us.{SONNET_V2}", APPLICATION, ROUTER]
    assert all(document["model"].startswith(("us.", BEDROCK)) for document in documents)
