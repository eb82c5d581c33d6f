"""Policies as snippets of CloudFormation and Terraform. An account that is not known becomes the stack's own."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from dragoman_aws.permissions.grants import Grant

#: Attached to its principal's role or user by its name.
_PRINCIPAL = re.compile(r"arn:[a-z-]+:iam::\d{12}:(?P<kind>role|user)/(?:.*/)?(?P<name>[^/]+)")


def as_cloudformation(grants: Sequence[Grant]) -> dict[str, Any]:
    """Return a template with one policy for each grant."""
    resources = {}
    for number, entry in enumerate(grants, 1):
        policy = {"PolicyName": _name(number), "PolicyDocument": _substituted(entry.document)}
        kind, name = _attached(entry)
        if kind is None:
            policy = {"ManagedPolicyName": policy["PolicyName"], "PolicyDocument": policy["PolicyDocument"]}
        else:
            policy |= {{"role": "Roles", "user": "Users"}[kind]: [name]}
        type_ = "AWS::IAM::ManagedPolicy" if kind is None else "AWS::IAM::Policy"
        resources[f"DragomanPolicy{number}"] = {"Type": type_, "Properties": policy}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def as_terraform(grants: Sequence[Grant]) -> str:
    """Return resources of the provider ``aws``, one for each grant."""
    blocks = [_terraform(number, entry) for number, entry in enumerate(grants, 1)]
    if any("data.aws_caller_identity.current" in block for block in blocks):
        blocks.insert(0, 'data "aws_caller_identity" "current" {}\n')
    return "\n".join(blocks)


def _terraform(number: int, entry: Grant) -> str:
    kind, name = _attached(entry)
    type_ = "aws_iam_policy" if kind is None else f"aws_iam_{kind}_policy"
    written = json.dumps(entry.document, indent=2).replace("${", "$${")
    account = "${data.aws_caller_identity.current.account_id}"
    written = re.sub(r'"(arn:[^":]+:[^":]+:[^":]*:)\*:', lambda found: f'"{found[1]}{account}:', written)
    lines = [f'resource "{type_}" "dragoman_{number}" {{', f'  name = "{_name(number)}"']
    if kind is not None:
        lines.append(f'  {kind} = "{name}"')
    indented = written.replace("\n", "\n  ")
    return "\n".join([*lines, f"  policy = jsonencode({indented})", "}", ""])


def _substituted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _substituted(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_substituted(inner) for inner in value]
    if isinstance(value, str) and re.match(r"arn:[^:]+:[^:]+:[^:]*:\*:", value):
        service, _, rest = value.partition(":*:")
        return {"Fn::Sub": f"{service}:${{AWS::AccountId}}:{rest}"}
    return value


def _attached(entry: Grant) -> tuple[str | None, str]:
    found = _PRINCIPAL.fullmatch(entry.principal or "")
    return (found["kind"], found["name"]) if found else (None, "")


def _name(number: int) -> str:
    return "dragoman" if number == 1 else f"dragoman-{number}"
