"""Start and stop as a template; unproven against the live service."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dragoman.errors import DocumentError, UnsupportedError
from dragoman_aws.deployment.resources import resources_of
from dragoman_aws.deployment.schedule import schedule_template

from .conftest import declared

START, STOP = "cron(0 8 ? * MON-FRI *)", "cron(0 18 ? * MON-FRI *)"


def statements(template: dict[str, Any]) -> dict[str, Any]:
    document = template["Resources"]["SchedulerRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    return {s["Sid"]: s for s in document["Statement"]}


def test_starting_makes_the_endpoint_from_its_configuration() -> None:
    document = declared(name="Mistral-7B")
    template = schedule_template(document, start=START, stop=STOP, timezone="Europe/Berlin")
    made = template["Resources"]["StartSchedule"]["Properties"]
    assert made["ScheduleExpression"] == START
    assert made["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert made["Target"]["Arn"]["Fn::Sub"].endswith("scheduler:::aws-sdk:sagemaker:createEndpoint")
    config = resources_of(document).config_name
    assert json.loads(made["Target"]["Input"]) == {"EndpointName": "Mistral-7B", "EndpointConfigName": config}
    gone = template["Resources"]["StopSchedule"]["Properties"]
    assert json.loads(gone["Target"]["Input"]) == {"EndpointName": "Mistral-7B"}


def test_the_role_may_do_that_and_nothing_else() -> None:
    allowed = statements(schedule_template(declared(), start=START, stop=STOP, timezone="UTC"))
    assert {sid: s["Action"] for sid, s in allowed.items()} == {
        "Start": ["sagemaker:CreateEndpoint"],
        "Stop": ["sagemaker:DeleteEndpoint"],
    }
    arns = [resource["Fn::Sub"] for s in allowed.values() for resource in s["Resource"]]
    assert all(arn.startswith("arn:${AWS::Partition}:sagemaker:${AWS::Region}:") and "*" not in arn for arn in arns)
    assert "Start" not in statements(schedule_template(declared(), start=None, stop=STOP, timezone="UTC"))
    assert "Tag" in statements(schedule_template(declared(tags={"a": "b"}), start=START, stop=None, timezone="UTC"))


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"start": "0 8 * * *", "stop": None, "timezone": "UTC"}, "no time of EventBridge Scheduler"),
        ({"start": None, "stop": None, "timezone": "UTC"}, "give at least one"),
        ({"start": START, "stop": None, "timezone": "Berlin"}, "time zone"),
    ],
)
def test_times_that_do_not_hold_are_told(times: dict[str, Any], said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        schedule_template(declared(), **times)


def test_what_one_call_cannot_start_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="inference components"):
        schedule_template(declared(inference_component={"min_memory_mb": 1024}), start=START, stop=STOP, timezone="UTC")
    with pytest.raises(UnsupportedError, match="costs nothing"):
        schedule_template(
            declared(instance=None, serverless={"memory_mb": 1024, "max_concurrency": 1}),
            start=START,
            stop=STOP,
            timezone="UTC",
        )
