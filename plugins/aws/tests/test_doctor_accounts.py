"""The doctor across accounts, at an emulator that enforces policies, trust policies and external ids."""

from __future__ import annotations

import pytest
from dragoman import Engine, Settings

from .cloud import Cloud, User, allow, trust

OURS, THEIRS = "111111111111", "222222222222"
EXTERNAL_ID = "doctor-7f3a"
MODEL = "anthropic.claude-3-haiku-20240307-v1:0"
#: The emulator asks for an action of Converse's own, which AWS does not have.
CALL = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:Converse", "bedrock:ConverseStream"]


@pytest.fixture(scope="module")
def caller(cloud: Cloud) -> User:
    return cloud.user(OURS, "doctor", allow("sts:AssumeRole"))


@pytest.fixture
async def engine(caller, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", caller.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", caller.secret_access_key)
    async with Engine(Settings(plugins={"allow": ["aws"]})) as engine:
        yield engine


async def steps_of(engine, cloud, caller, role, external_id):
    urls = dict.fromkeys(("endpoint_url", "control_endpoint_url", "sts_endpoint_url"), cloud.url)
    roles = [{"arn": role, "external_id": external_id}]
    connection = {"region": "us-east-1", "auth": {"kind": "aws_keys"}, "roles": roles, **urls}
    connection["endpoints"] = {"service-quotas": cloud.url}
    steps = [s async for s in engine.check({"provider": "bedrock", "model": MODEL, "connection": connection})]
    assert caller.secret_access_key not in repr(steps)
    return {step.name: step for step in steps}


async def test_a_role_that_wants_another_external_id(engine, cloud, caller):
    role = cloud.role(THEIRS, "doctor-closed", trust(caller.arn, EXTERNAL_ID))
    step = list((await steps_of(engine, cloud, caller, role, "another-id")).values())[-1]
    assert (step.name, step.state) == ("credentials", "failed")
    assert f"allow sts:AssumeRole on {role}" in step.hint
    assert "trust policy and external id" in step.hint


async def test_a_role_that_may_call_and_look_passes_and_is_named(engine, cloud, caller):
    may = allow([*CALL, "bedrock:GetFoundationModel", "bedrock:ListFoundationModels"])
    role = cloud.role(THEIRS, "doctor-open", trust(caller.arn, EXTERNAL_ID), may)
    steps = await steps_of(engine, cloud, caller, role, EXTERNAL_ID)
    assert f"{role} (assumed with the keys of the secret AWS_ACCESS_KEY_ID)" in steps["credentials"].message
    assert steps["identity"].detail["account"] == THEIRS
    assert (steps["model"].state, steps["call"].state) == ("ok", "ok")


async def test_a_role_that_may_not_call_is_told_the_action_and_the_resource(engine, cloud, caller):
    role = cloud.role(THEIRS, "doctor-looks", trust(caller.arn, EXTERNAL_ID), allow("bedrock:GetFoundationModel"))
    step = list((await steps_of(engine, cloud, caller, role, EXTERNAL_ID)).values())[-1]
    assert (step.name, step.state, step.detail["error"]["code"]) == ("call", "failed", "permission_denied")
    assert "allow bedrock:" in step.hint
