"""What AWS's control planes say beside calls, to the contract's cases: everything is there and may be called."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from dragoman.testing.upstream import Received, Reply

ACCOUNT = "111122223333"
MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"

#: Members of a connection that lead there.
URLS = dict.fromkeys(("endpoint_url", "control_endpoint_url", "sts_endpoint_url"), "{upstream}")
#: Beside them, for an adapter of bedrock.
BESIDE = {"endpoints": {"service-quotas": "{upstream}"}}

WHO = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::{ACCOUNT}:user/me</Arn><UserId>AIDA</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""

_GRANTED = {
    "modelId": MODEL,
    "agreementAvailability": {"status": "AVAILABLE"},
    "authorizationStatus": "AUTHORIZED",
    "entitlementAvailability": "AVAILABLE",
    "regionAvailability": "AVAILABLE",
}

#: What services answer that name their operation in a header.
_NAMED = {
    "ListServiceQuotas": {"Quotas": []},
    "ListAWSDefaultServiceQuotas": {"Quotas": []},
    "DescribeEndpoint": {"EndpointName": "llama", "EndpointStatus": "InService"},
    "ListEndpoints": {"Endpoints": [{"EndpointName": "llama", "EndpointStatus": "InService"}]},
    "ListInferenceComponents": {"InferenceComponents": []},
}


def beside(sent: Received) -> Reply | None:
    """Answer for STS, Service Quotas, SageMaker's control plane and Bedrock's; ``None`` = it is a call."""
    path = unquote(sent.target.partition("?")[0])
    if sent.method == "POST" and path == "/":
        operation = sent.headers.get("x-amz-target", "").rpartition(".")[2]
        return Reply.json(_NAMED[operation]) if operation else Reply.text(WHO, 200, "text/xml")
    if sent.method != "GET" or path == "/":
        return None
    kind, _, name = path[1:].partition("/")
    return Reply.json(_bedrock(kind, name))


def _bedrock(kind: str, name: str) -> dict[str, Any]:
    if kind == "foundation-models":
        return {"modelDetails": _model(name)} if name else {"modelSummaries": [_model(MODEL)]}
    if kind == "foundation-model-availability":
        return _GRANTED
    if kind == "inference-profiles":
        return {"inferenceProfileSummaries": [_profile()]}
    if kind == "prompt-routers":
        router = {"promptRouterArn": name, "promptRouterName": "r", "models": [], "status": "AVAILABLE"}
        return router if name else {"promptRouterSummaries": []}
    return {}


def _model(name: str) -> dict[str, Any]:
    arn = f"arn:aws:bedrock:us-east-1::foundation-model/{name}"
    return {"modelArn": arn, "modelId": name, "outputModalities": ["TEXT"], "inferenceTypesSupported": ["ON_DEMAND"]}


def _profile() -> dict[str, Any]:
    arn = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/us.{MODEL}"
    arns = [f"arn:aws:bedrock:{region}::foundation-model/{MODEL}" for region in ("us-east-1", "us-west-2")]
    return {
        "inferenceProfileId": f"us.{MODEL}",
        "inferenceProfileArn": arn,
        "inferenceProfileName": "Claude",
        "models": [{"modelArn": found} for found in arns],
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }
