"""Policies as snippets of CloudFormation and Terraform. An account that is not known becomes the stack's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dragoman_aws.permissions.grants import Grant

#: Attached to its principal's role or user by its name.
PRINCIPAL = re.compile(r"arn:[a-z-]+:iam::\d{12}:(?P<kind>role|user)/(?:.*/)?(?P<name>[^/]+)")


def as_cloudformation(grants: Sequence[Grant], trust: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a template with one policy for each grant.

    Args:
        grants: What is allowed.
        trust: A trust policy: the template makes a role that has it, and what is allowed to nobody in particular.
    """
    resources: dict[str, Any] = {}
    if trust is not None:
        resources["DragomanRole"] = _cloudformation_role(grants, trust)
    for number, entry in enumerate(grants, 1):
        kind, name = _attached(entry)
        if kind is None and trust is not None:
            continue
        policy = {"PolicyName": _name(number), "PolicyDocument": _substituted(entry.document)}
        if kind is None:
            policy = {"ManagedPolicyName": policy["PolicyName"], "PolicyDocument": policy["PolicyDocument"]}
        else:
            policy |= {{"role": "Roles", "user": "Users"}[kind]: [name]}
        type_ = "AWS::IAM::ManagedPolicy" if kind is None else "AWS::IAM::Policy"
        resources[f"DragomanPolicy{number}"] = {"Type": type_, "Properties": policy}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def _cloudformation_role(grants: Sequence[Grant], trust: Mapping[str, Any]) -> dict[str, Any]:
    policies = [
        {"PolicyName": _name(number), "PolicyDocument": _substituted(entry.document)}
        for number, entry in enumerate(grants, 1)
        if _attached(entry)[0] is None
    ]
    properties = {"AssumeRolePolicyDocument": dict(trust), **({"Policies": policies} if policies else {})}
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def as_terraform(grants: Sequence[Grant], trust: Mapping[str, Any] | None = None) -> str:
    """Return resources of the provider ``aws``, one for each grant; ``trust`` as in :func:`as_cloudformation`."""
    blocks = [_terraform(number, entry, has_role=trust is not None) for number, entry in enumerate(grants, 1)]
    if trust is not None:
        blocks.insert(0, _block("aws_iam_role", "dragoman", {"name": '"dragoman"', "assume_role_policy": _json(trust)}))
    if any("data.aws_caller_identity.current" in block for block in blocks):
        blocks.insert(0, 'data "aws_caller_identity" "current" {}\n')
    return "\n".join(blocks)


def _terraform(number: int, entry: Grant, *, has_role: bool) -> str:
    kind, name = _attached(entry)
    quoted = f'"{name}"'
    if kind is None and has_role:
        kind, quoted = "role", "aws_iam_role.dragoman.name"
    type_ = "aws_iam_policy" if kind is None else f"aws_iam_{kind}_policy"
    attached = {} if kind is None else {kind: quoted}
    return _block(
        type_, f"dragoman_{number}", {"name": f'"{_name(number)}"', **attached, "policy": _json(entry.document)}
    )


def _json(document: Mapping[str, Any]) -> str:
    """Return a document as an expression of Terraform's; an account that is not known is the caller's."""
    written = json.dumps(document, indent=2).replace("${", "$${")
    account = "${data.aws_caller_identity.current.account_id}"
    written = re.sub(r'"(arn:[^":]+:[^":]+:[^":]*:)\*:', lambda found: f'"{found[1]}{account}:', written)
    indented = written.replace("\n", "\n  ")
    return f"jsonencode({indented})"


def _block(type_: str, name: str, arguments: Mapping[str, str]) -> str:
    lines = [f"  {argument} = {value}" for argument, value in arguments.items()]
    return "\n".join([f'resource "{type_}" "{name}" {{', *lines, "}", ""])


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
    found = PRINCIPAL.fullmatch(entry.principal or "")
    return (found["kind"], found["name"]) if found else (None, "")


def _name(number: int) -> str:
    return "dragoman" if number == 1 else f"dragoman-{number}"
