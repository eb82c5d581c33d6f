"""What policies are written for, by the name of the golden file, and what AWS documents that each must allow."""

from __future__ import annotations

from typing import Any, NamedTuple

from dragoman_aws.permissions import Grant, grant, grant_secrets
from dragoman_aws.profiles import ApplicationProfile

ACCOUNT = "111122223333"
BEDROCK = "arn:aws:bedrock"
SONNET = "anthropic.claude-sonnet-4-20250514-v1:0"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
SONNET_35 = "anthropic.claude-3-5-sonnet-20240620-v1:0"
BOTH = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")
APPLICATION = f"{BEDROCK}:us-east-1:{ACCOUNT}:application-inference-profile/cew2pa5r8hog"
ROUTER = f"{BEDROCK}:us-east-1:{ACCOUNT}:default-prompt-router/anthropic.claude:1"
CUSTOM_ROUTER = f"{BEDROCK}:us-east-1:{ACCOUNT}:prompt-router/abcdef123456"
PROMPT = f"{BEDROCK}:us-east-1:{ACCOUNT}:prompt/PROMPT12345"
JOBS = f"{BEDROCK}:us-east-1:{ACCOUNT}:model-invocation-job"


def model(name: str, *regions: str, partition: str = "aws") -> tuple[str, ...]:
    return tuple(f"arn:{partition}:bedrock:{region}::foundation-model/{name}" for region in regions)


def profile(name: str, region: str, partition: str = "aws") -> str:
    return f"arn:{partition}:bedrock:{region}:{ACCOUNT}:inference-profile/{name}"


class Case(NamedTuple):
    """A grant, the pairs of action and resource that must be allowed, and some that must not be."""

    granted: Grant
    allowed: tuple[tuple[str, str], ...]
    denied: tuple[tuple[str, str], ...] = ()


def pairs(actions: tuple[str, ...] | str, *resources: str) -> tuple[tuple[str, str], ...]:
    named = (actions,) if isinstance(actions, str) else actions
    return tuple((action, resource) for action in named for resource in resources)


def made(target: Any, **settings: Any) -> Grant:
    return grant(target, **{"account": ACCOUNT, **settings})


US = ("us-east-1", "us-east-2", "us-west-2")
CASES: dict[str, Case] = {
    "model": Case(
        made(HAIKU, region="eu-west-1"),
        pairs(BOTH, *model(HAIKU, "eu-west-1")),
        (*pairs(BOTH, *model(HAIKU, "us-east-1"), *model(SONNET, "eu-west-1")), ("bedrock:ListFoundationModels", "*")),
    ),
    "model-without-streaming": Case(
        made(HAIKU, region="eu-west-1", streaming=False),
        pairs("bedrock:InvokeModel", *model(HAIKU, "eu-west-1")),
        pairs("bedrock:InvokeModelWithResponseStream", *model(HAIKU, "eu-west-1")),
    ),
    "cross-region": Case(
        made(f"us.{SONNET}", region="us-east-1"),
        pairs(BOTH, profile(f"us.{SONNET}", "us-east-1"), *model(SONNET, *US)),
        pairs(BOTH, profile(f"us.{SONNET}", "us-west-2"), *model(SONNET, "us-west-1", "eu-west-1")),
    ),
    "cross-region-from-two-regions": Case(
        made(f"us.{HAIKU}", region=("us-east-1", "us-east-2")),
        pairs(BOTH, *(profile(f"us.{HAIKU}", r) for r in US[:2]), *model(HAIKU, *US)),
    ),
    "cross-region-gov": Case(
        made(f"us-gov.{HAIKU}", region="us-gov-east-1"),
        pairs(
            BOTH,
            profile(f"us-gov.{HAIKU}", "us-gov-east-1", "aws-us-gov"),
            *model(HAIKU, "us-gov-east-1", "us-gov-west-1", partition="aws-us-gov"),
        ),
    ),
    "cross-region-unknown": Case(
        made("cn.anthropic.claude-next", region="cn-north-1", base_model="anthropic.claude-next"),
        pairs(
            BOTH,
            profile("cn.anthropic.claude-next", "cn-north-1", "aws-cn"),
            *model("anthropic.claude-next", "cn-north-1", "cn-northwest-1", partition="aws-cn"),
        ),
        pairs(BOTH, *model(HAIKU, "cn-north-1", partition="aws-cn")),
    ),
    "global": Case(
        made(f"global.{SONNET}", region="eu-west-1"),
        pairs(BOTH, profile(f"global.{SONNET}", "eu-west-1"), *model(SONNET, "eu-west-1", "")),
        pairs(BOTH, *model(SONNET, "us-east-1")),
    ),
    "application": Case(
        made(ApplicationProfile("cew2pa5r8hog", APPLICATION, models=model(SONNET, *US))),
        pairs(BOTH, APPLICATION, *model(SONNET, *US)),
    ),
    "application-by-source": Case(
        made(APPLICATION, source=f"us.{SONNET}"), pairs(BOTH, APPLICATION, *model(SONNET, *US))
    ),
    "application-lookup-and-manage": Case(
        made(APPLICATION, source=HAIKU, uses=("invoke", "lookup", "manage")),
        (
            *pairs(BOTH, APPLICATION, *model(HAIKU, "us-east-1")),
            *pairs(
                ("bedrock:GetInferenceProfile", "bedrock:DeleteInferenceProfile", "bedrock:TagResource"), APPLICATION
            ),
            *pairs("bedrock:CreateInferenceProfile", *model(HAIKU, "us-east-1"), APPLICATION),
            ("bedrock:ListInferenceProfiles", "*"),
        ),
    ),
    "router": Case(
        made("anthropic.claude:1", region="us-east-1", uses=("invoke", "lookup")),
        (
            *pairs(BOTH, ROUTER, *model(HAIKU, "us-east-1", "us-west-2"), *model(SONNET_35, "us-east-1", "us-west-2")),
            *pairs(BOTH, profile(f"us.{HAIKU}", "us-east-1"), profile(f"us.{SONNET_35}", "us-east-1")),
            ("bedrock:GetPromptRouter", ROUTER),
            ("bedrock:ListPromptRouters", "*"),
        ),
    ),
    "custom-router": Case(
        made(CUSTOM_ROUTER, source=("amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0")),
        pairs(
            BOTH,
            CUSTOM_ROUTER,
            *model("amazon.nova-lite-v1:0", "us-east-1"),
            *model("amazon.nova-pro-v1:0", "us-east-1"),
        ),
    ),
    "prompt": Case(
        made(f"{PROMPT}:3", base_model=HAIKU, uses=("invoke", "prompt")),
        (
            *pairs(BOTH, *model(HAIKU, "us-east-1")),
            *pairs(("bedrock:RenderPrompt", "bedrock:GetPrompt"), PROMPT, f"{PROMPT}:3"),
        ),
        pairs("bedrock:GetPrompt", f"{PROMPT}:4"),
    ),
    "prompt-manage": Case(
        made(PROMPT, base_model=HAIKU, uses=("manage",)),
        (
            *pairs(("bedrock:CreatePrompt", "bedrock:ListPrompts"), "*"),
            *pairs(("bedrock:UpdatePrompt", "bedrock:CreatePromptVersion", "bedrock:TagResource"), PROMPT),
            *pairs(("bedrock:GetPrompt", "bedrock:DeletePrompt"), PROMPT, f"{PROMPT}:2"),
        ),
        pairs("bedrock:UpdatePrompt", f"{BEDROCK}:us-east-1:{ACCOUNT}:prompt/PROMPT99999"),
    ),
    "provisioned": Case(
        made(f"{BEDROCK}:us-east-1:{ACCOUNT}:provisioned-model/abcdef123456"),
        pairs(BOTH, f"{BEDROCK}:us-east-1:{ACCOUNT}:provisioned-model/abcdef123456"),
        pairs(BOTH, f"{BEDROCK}:us-east-1:{ACCOUNT}:provisioned-model/abcdef123457"),
    ),
    "imported-lookup": Case(
        made(f"{BEDROCK}:us-east-1:{ACCOUNT}:imported-model/abcdef123456", uses=("invoke", "lookup")),
        pairs((*BOTH, "bedrock:GetImportedModel"), f"{BEDROCK}:us-east-1:{ACCOUNT}:imported-model/abcdef123456"),
        pairs("bedrock:InvokeModel", f"{BEDROCK}:us-east-1:{ACCOUNT}:custom-model-deployment/abcdef123456"),
    ),
    "custom-deployment": Case(
        made(f"{BEDROCK}:us-east-1:{ACCOUNT}:custom-model-deployment/abcdef123456", streaming=False),
        pairs("bedrock:InvokeModel", f"{BEDROCK}:us-east-1:{ACCOUNT}:custom-model-deployment/abcdef123456"),
    ),
    "marketplace-endpoint": Case(
        made(f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/llama"),
        pairs(BOTH, f"{BEDROCK}:us-east-1:{ACCOUNT}:marketplace/model-endpoint/all-access"),
        # without the condition's key, as a call that does not come from Bedrock has none
        pairs("sagemaker:InvokeEndpoint", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/llama"),
    ),
    "access": Case(
        made(f"us.{SONNET}", region="us-east-1", uses=("access",)),
        (
            *pairs("bedrock:GetInferenceProfile", profile(f"us.{SONNET}", "us-east-1")),
            *pairs(("bedrock:GetFoundationModelAvailability", "bedrock:CreateFoundationModelAgreement"), "*"),
            *pairs(("bedrock:ListFoundationModelAgreementOffers", "aws-marketplace:Subscribe"), "*"),
        ),
        pairs(BOTH, profile(f"us.{SONNET}", "us-east-1"), *model(SONNET, *US)),
    ),
    "lookup": Case(
        made(HAIKU, region="us-east-1", uses=("lookup",)),
        (
            *pairs("bedrock:GetFoundationModel", *model(HAIKU, "us-east-1")),
            *pairs(("bedrock:ListInferenceProfiles", "bedrock:GetFoundationModelAvailability"), "*"),
            *pairs(("servicequotas:ListServiceQuotas", "servicequotas:ListAWSDefaultServiceQuotas"), "*"),
        ),
        pairs(BOTH, *model(HAIKU, "us-east-1")),
    ),
    "batch": Case(
        made(HAIKU, region="us-east-1", uses=("batch",), batch_role=f"arn:aws:iam::{ACCOUNT}:role/Batch"),
        (
            *pairs("bedrock:CreateModelInvocationJob", *model(HAIKU, "us-east-1"), f"{JOBS}/job1"),
            *pairs(("bedrock:GetModelInvocationJob", "bedrock:StopModelInvocationJob"), f"{JOBS}/job1"),
            ("bedrock:ListModelInvocationJobs", "*"),
        ),
        pairs("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/Other"),
    ),
    "list": Case(
        made(HAIKU, region="us-east-1", uses=("list",)),
        (
            *pairs(("bedrock:ListFoundationModels", "bedrock:ListInferenceProfiles", "bedrock:ListPromptRouters"), "*"),
            *pairs(("bedrock:ListProvisionedModelThroughputs", "bedrock:GetFoundationModelAvailability"), "*"),
        ),
        pairs(BOTH, *model(HAIKU, "us-east-1")),
    ),
    "through-profile-only": Case(
        made(f"us.{SONNET}", region="us-east-1", through_profile_only=True),
        pairs(BOTH, profile(f"us.{SONNET}", "us-east-1")),
        pairs(BOTH, *model(SONNET, *US)),  # without the condition's key, as a call past the profile has none
    ),
    "secrets": Case(
        grant_secrets(["prod/llm-keys"], region="us-east-1", account=ACCOUNT),
        pairs(
            "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/llm-keys-a1B2c3"
        ),
        pairs(
            "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/llm-keys-2-a1B2c3"
        ),
    ),
}
