"""Start and stop by schedule, as a CloudFormation template of EventBridge Scheduler and the role it needs.

Stopping deletes the endpoint, starting makes it anew from its configuration, which stays; an endpoint that does not
exist costs nothing. Scheduler calls SageMaker itself ("universal targets"); EventBridge Scheduler user guide, known
2026-11, unproven against the live service.
"""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import available_timezones

import orjson
from dragoman.errors import DocumentError, Problem, UnsupportedError

from dragoman_aws.deployment.document import Deployment
from dragoman_aws.deployment.resources import resources_of

#: cron has six fields here; the day of the month or of the week is '?'.
_EXPRESSION = re.compile(
    r"cron\((\S+ ){5}\S+\)|rate\([1-9]\d* (minute|hour|day)s?\)|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)"
)


def schedule_template(declared: Deployment, *, start: str | None, stop: str | None, timezone: str) -> dict[str, Any]:
    """Return the template.

    Args:
        declared: The document; its endpoint must have been deployed from it as it is.
        start: When the endpoint is made, such as ``cron(0 8 ? * MON-FRI *)``; ``None`` = never.
        stop: When it is deleted.
        timezone: In which the times are meant, such as ``Europe/Berlin``.

    Raises:
        DocumentError: A time or the zone does not hold.
        UnsupportedError: This kind of endpoint cannot be started by one call, or costs nothing while it rests.
    """
    _check(start, stop, timezone)
    if declared.inference_component is not None:
        raise UnsupportedError(
            "an endpoint with inference components cannot be stopped by one call: its components are deleted first, "
            "and made again after it is in service",
            path="inference_component",
            hint="let managed instance scaling and auto scaling take its copies to 0",
        )
    if declared.serverless is not None:
        raise UnsupportedError("a serverless endpoint costs nothing while it rests", path="serverless")
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Starts and stops the SageMaker endpoint {declared.name}",
        "Resources": {
            "SchedulerRole": _role(declared, start=start is not None, stop=stop is not None),
            **_schedules(declared, start, stop, timezone),
        },
    }


def _check(start: str | None, stop: str | None, timezone: str) -> None:
    problems = [
        Problem(name, "is no time of EventBridge Scheduler", "for example cron(0 8 ? * MON-FRI *)")
        for name, value in (("start", start), ("stop", stop))
        if value is not None and not _EXPRESSION.fullmatch(value)
    ]
    if start is None and stop is None:
        problems.append(Problem("start", "and stop are both missing", "give at least one"))
    if timezone not in available_timezones():
        problems.append(Problem("timezone", "is not the name of a time zone", "for example Europe/Berlin"))
    if problems:
        raise DocumentError("the schedule", problems)


def _schedules(declared: Deployment, start: str | None, stop: str | None, timezone: str) -> dict[str, Any]:
    named = {"EndpointName": declared.name}
    tags = {"Tags": [{"Key": key, "Value": value} for key, value in declared.tags.items()]} if declared.tags else {}
    whole = {**named, "EndpointConfigName": resources_of(declared).config_name, **tags}
    schedules = {}
    for title, when, operation, given in (
        ("Start", start, "createEndpoint", whole),
        ("Stop", stop, "deleteEndpoint", named),
    ):
        if when is None:
            continue
        schedules[f"{title}Schedule"] = {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "Name": f"{declared.name[:55]}-{title.lower()}",
                "Description": f"{title}s the SageMaker endpoint {declared.name}",
                "ScheduleExpression": when,
                "ScheduleExpressionTimezone": timezone,
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {
                    "Arn": {"Fn::Sub": f"arn:${{AWS::Partition}}:scheduler:::aws-sdk:sagemaker:{operation}"},
                    "RoleArn": {"Fn::GetAtt": ["SchedulerRole", "Arn"]},
                    "Input": orjson.dumps(given).decode(),
                    "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
                },
            },
        }
    return schedules


def _role(declared: Deployment, *, start: bool, stop: bool) -> dict[str, Any]:
    endpoint = f"endpoint/{declared.name}"
    config = f"endpoint-config/{resources_of(declared).config_name}"
    statements: list[dict[str, Any]] = []
    if start:
        statements.append(_allow("Start", ["sagemaker:CreateEndpoint"], [endpoint, config]))
    if start and declared.tags:
        statements.append(_allow("Tag", ["sagemaker:AddTags"], [endpoint]))
    if stop:
        statements.append(_allow("Stop", ["sagemaker:DeleteEndpoint"], [endpoint]))
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": f"EventBridge Scheduler starts and stops the SageMaker endpoint {declared.name}",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [
                {"PolicyName": "endpoint", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}
            ],
        },
    }


def _allow(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    """Return a statement; each ARN is an object of its own, for CloudFormation reads no aliases of YAML."""
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": [_arn(name) for name in resources]}


def _arn(resource: str) -> dict[str, str]:
    """Return the ARN of a thing of SageMaker's; names are in small letters there."""
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:sagemaker:${{AWS::Region}}:${{AWS::AccountId}}:{resource.lower()}"}
