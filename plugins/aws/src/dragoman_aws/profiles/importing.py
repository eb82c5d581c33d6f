"""Application profiles that something else has made: by ARN, by attributes, out of CloudFormation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dragoman.errors import DocumentError, ModelNotFoundError, Problem

from dragoman_aws.profiles.account import Account
from dragoman_aws.profiles.application import KIND, ApplicationProfile, ApplicationProfiles
from dragoman_aws.profiles.declared import DeclaredProfile
from dragoman_aws.profiles.invokables import Invokable
from dragoman_aws.profiles.limits import check

RESOURCE_TYPE = "AWS::Bedrock::ApplicationInferenceProfile"
_STACK = "import the stack: --stack NAME"


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


def read_template(path: Path) -> dict[str, Any]:
    """Read a CloudFormation template, YAML with its short forms (``!Sub``, ``!Ref``) as well. Blocks.

    An expression becomes an object with one member, as in JSON; what it says inside is left out.

    Raises:
        DocumentError: The file cannot be read, or is no object.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import SafeConstructor
    from ruamel.yaml.error import YAMLError

    class Constructor(SafeConstructor):
        """Knows CloudFormation's tags."""

    def expression(_: Any, suffix: str, __: Any) -> dict[str, None]:
        return {"Ref" if suffix == "Ref" else f"Fn::{suffix}": None}

    Constructor.add_multi_constructor("!", expression)
    yaml = YAML(typ="safe", pure=True)  # JSON is YAML
    yaml.Constructor = Constructor
    try:
        template = yaml.load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise DocumentError(str(path), [Problem("", f"cannot be read: {reason}")]) from None
    if not isinstance(template, dict):
        raise DocumentError(str(path), [Problem("", "is no object", "a CloudFormation template is expected")])
    return template


def names_in_template(template: Mapping[str, Any], subject: str = "template") -> dict[str, str]:
    """Return the names of the profiles that a CloudFormation template declares, by the resources' logical names.

    Raises:
        DocumentError: It has no such resource, or a name is an expression; import the stack then.
    """
    rows = _resources(template, subject)
    wrong = [
        Problem(f"Resources.{logical}.Properties.InferenceProfileName", _why(row.get("InferenceProfileName")), _STACK)
        for logical, row in rows.items()
        if not isinstance(row.get("InferenceProfileName"), str)
    ]
    if wrong:
        raise DocumentError(subject, wrong)
    return {logical: row["InferenceProfileName"] for logical, row in rows.items()}


def imported_from_template(template: Mapping[str, Any], subject: str = "template") -> dict[str, DeclaredProfile]:
    """Return what a CloudFormation template declares, by the resources' logical names.

    Raises:
        DocumentError: It has no such resource, or one of its values is an expression that only CloudFormation can
            work out; import the stack then.
    """
    rows = _resources(template, subject)
    problems = [problem for name, properties in rows.items() for problem in _problems(name, properties)]
    if problems:
        raise DocumentError(subject, problems)
    return {name: _declared(properties) for name, properties in rows.items()}


def _resources(template: Mapping[str, Any], subject: str) -> dict[str, Mapping[str, Any]]:
    resources = template.get("Resources")
    rows = {
        name: resource.get("Properties") or {}
        for name, resource in (resources if isinstance(resources, Mapping) else {}).items()
        if isinstance(resource, Mapping) and resource.get("Type") == RESOURCE_TYPE
    }
    if not rows:
        raise DocumentError(subject, [Problem("Resources", f"there is no {RESOURCE_TYPE}")])
    return rows


def _problems(name: str, properties: Mapping[str, Any]) -> list[Problem]:
    source = properties.get("ModelSource")
    texts = {
        "InferenceProfileName": properties.get("InferenceProfileName"),
        "ModelSource.CopyFrom": source.get("CopyFrom") if isinstance(source, Mapping) else None,
        **({"Description": properties["Description"]} if "Description" in properties else {}),
    }
    tags = properties.get("Tags") or ()
    if isinstance(tags, Mapping):  # an expression
        texts["Tags"] = tags
    for number, tag in enumerate(() if isinstance(tags, Mapping) else tags):
        texts |= {f"Tags.{number}.{m}": tag.get(m) if isinstance(tag, Mapping) else None for m in ("Key", "Value")}
    wrong = [
        Problem(f"Resources.{name}.Properties.{path}", _why(value), _STACK)
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
