"""Application profiles that something else has made: by ARN, by attributes, out of CloudFormation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.errors import DocumentError, ModelNotFoundError, Problem

from dragoman_aws.profiles.account import Account
from dragoman_aws.profiles.application import KIND, ApplicationProfile, ApplicationProfiles
from dragoman_aws.profiles.declared import DeclaredProfile
from dragoman_aws.profiles.invokables import Invokable
from dragoman_aws.profiles.limits import check

RESOURCE_TYPE = "AWS::Bedrock::ApplicationInferenceProfile"


def imported_from_arn(arn: str) -> ApplicationProfile:
    """Return the profile of an ARN, without asking an account; :meth:`ApplicationProfiles.get` knows more."""
    invokable = Invokable.from_arn(arn)
    if invokable.kind != KIND:
        raise DocumentError(
            "application profile", [Problem("arn", f"is that of a {invokable.kind}", "it goes into model as it is")]
        )
    return ApplicationProfile(invokable.id, arn)


def imported_from_attributes(
    arn: str, *, identifier: str | None = None, model: str | None = None
) -> ApplicationProfile:
    """Return the profile of attributes, without asking an account.

    Args:
        arn: Its ARN.
        identifier: Its id, which must be that of the ARN; ``None`` = that of the ARN.
        model: The foundation model's id or ARN behind it; the ARN of a profile does not tell.
    """
    found = imported_from_arn(arn)
    if identifier not in (None, found.id):
        problem = Problem("identifier", f"is {identifier!r}, and the ARN ends with {found.id!r}")
        raise DocumentError("application profile", [problem])
    if model is None:
        return found
    behind = Invokable.of(model, Invokable.from_arn(arn).region)
    return ApplicationProfile(found.id, found.arn, models=(behind.arn,))


def imported_from_template(template: Mapping[str, Any], subject: str = "template") -> dict[str, DeclaredProfile]:
    """Return what a CloudFormation template declares, by the resources' logical names.

    Raises:
        DocumentError: It has no such resource, or one of its values is an expression that only CloudFormation can
            work out; import the stack then.
    """
    resources = template.get("Resources")
    rows = {
        name: resource.get("Properties") or {}
        for name, resource in (resources if isinstance(resources, Mapping) else {}).items()
        if isinstance(resource, Mapping) and resource.get("Type") == RESOURCE_TYPE
    }
    if not rows:
        raise DocumentError(subject, [Problem("Resources", f"there is no {RESOURCE_TYPE}")])
    problems = [problem for name, properties in rows.items() for problem in _problems(name, properties)]
    if problems:
        raise DocumentError(subject, problems)
    return {name: _declared(properties) for name, properties in rows.items()}


def _problems(name: str, properties: Mapping[str, Any]) -> list[Problem]:
    source = properties.get("ModelSource")
    texts = {
        "InferenceProfileName": properties.get("InferenceProfileName"),
        "ModelSource.CopyFrom": source.get("CopyFrom") if isinstance(source, Mapping) else None,
        **({"Description": properties["Description"]} if "Description" in properties else {}),
    }
    for number, tag in enumerate(properties.get("Tags") or ()):
        texts |= {f"Tags.{number}.{member}": tag.get(member) for member in ("Key", "Value")}
    wrong = [
        Problem(f"Resources.{name}.Properties.{path}", _why(value), "import the stack: --stack NAME")
        for path, value in texts.items()
        if not isinstance(value, str)
    ]
    if wrong:
        return wrong
    try:
        declared = _declared(properties)
        check("", declared.name, declared.description, declared.tags)
    except DocumentError as error:
        return [Problem(f"Resources.{name}.{p.path}", p.message, p.hint) for p in error.problems]
    return []


def _why(value: Any) -> str:
    return "is missing" if value is None else "is an expression"


def _declared(properties: Mapping[str, Any]) -> DeclaredProfile:
    return DeclaredProfile(
        properties["InferenceProfileName"],
        properties["ModelSource"]["CopyFrom"],
        properties.get("Description"),
        {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or ()} or None,
    )


async def imported_from_stack(account: Account, stack: str) -> dict[str, ApplicationProfile]:
    """Return the profiles that a CloudFormation stack has made, by their logical names.

    Raises:
        ModelNotFoundError: The stack has none.
    """
    profiles = ApplicationProfiles(account)
    rows = await account.pages(
        "list_stack_resources", "StackResourceSummaries", service="cloudformation", StackName=stack
    )
    found = {
        row["LogicalResourceId"]: await profiles.get(row["PhysicalResourceId"])
        for row in rows
        if row["ResourceType"] == RESOURCE_TYPE and row.get("PhysicalResourceId")
    }
    if not found:
        raise ModelNotFoundError(f"the stack {stack} has made no {RESOURCE_TYPE}")
    return found
