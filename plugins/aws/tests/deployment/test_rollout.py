"""Plans and rollouts, against an edge of ours; unproven against the live service."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from dragoman import Engine
from dragoman.errors import CallTimeoutError, ConflictError, DragomanError, ServerError
from dragoman_aws.deployment.checks import prepare
from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.deployment.document import Deployment
from dragoman_aws.deployment.removal import plan_removal, remove
from dragoman_aws.deployment.rollout import Rollout
from dragoman_aws.deployment.state import read_endpoint
from dragoman_aws.deployment.waiting import Patience, Tick

from .conftest import TOKEN, Control, declared, text_of

PATIENCE = Patience(ready_s=5, gone_s=5, poll_s=0.001)
COMPONENT = {"copies": 2, "accelerators": 1, "min_memory_mb": 8192}


@pytest.fixture
def deploy(plane: ControlPlane, nobody: str):
    """Deploy a document, and return the actions and what was told meanwhile."""

    async def run(document: Deployment, patience: Patience = PATIENCE) -> tuple[list[str], list[Tick]]:
        prepared = await prepare(plane, document, hugging_face_url=nobody)
        ticks: list[Tick] = []
        if prepared.plan.changes:
            await Rollout(plane, prepared.plan, prepared.token, patience, ticks.append).run()
        return [f"{step.action} {step.kind}" for step in prepared.plan.steps], ticks

    return run


async def test_the_endpoint_is_made_and_waited_for(control: Control, at: Any, deploy: Any) -> None:
    actions, ticks = await deploy(declared(tags={"team": "a"}, **at))
    assert actions == ["create model", "create endpoint configuration", "create endpoint"]
    assert [tick.status for tick in ticks] == ["Creating", "InService"]
    (model,), (config,) = control.models.values(), control.configs.values()
    assert config["ProductionVariants"][0]["ModelName"] == model["ModelName"]
    for made in (model, config, control.endpoints["mistral-7b"]):
        assert (made.get("Tags") or made["tags"]) == [{"Key": "team", "Value": "a"}]


async def test_the_same_document_twice_changes_nothing(control: Control, at: Any, deploy: Any) -> None:
    document = declared(tags={"team": "a"}, hugging_face_token="MY_HF_TOKEN", **at)
    await deploy(document)
    before = control.changes()
    actions, _ = await deploy(document)
    assert actions == ["keep model", "keep endpoint configuration", "keep endpoint"]
    assert control.changes() == before


async def test_another_content_updates_the_endpoint_and_tidies_up(control: Control, at: Any, deploy: Any) -> None:
    await deploy(declared(**at))
    (old,) = control.models
    actions, _ = await deploy(declared(environment={"A": "b"}, **at))
    assert "update endpoint" in actions
    (new,) = control.models
    assert new != old
    assert [control.endpoints["mistral-7b"]["config"]] == list(control.configs)


async def test_tags_alone_are_added(control: Control, at: Any, deploy: Any) -> None:
    await deploy(declared(**at))
    actions, _ = await deploy(declared(tags={"team": "a"}, **at))
    assert actions[-1] == "tag endpoint"
    assert control.endpoints["mistral-7b"]["tags"] == [{"Key": "team", "Value": "a"}]


async def test_what_was_made_is_deleted_where_it_fails(control: Control, at: Any, deploy: Any) -> None:
    control.course, control.failure = ["Creating", "Failed"], "The primary container did not pass the ping health check"
    with pytest.raises(ServerError, match="ping health check") as failed:
        await deploy(declared(**at))
    assert "what was made is deleted again" in str(failed.value.hint)
    assert "/aws/sagemaker/Endpoints/mistral-7b" in str(failed.value.hint)
    assert (control.models, control.configs, control.endpoints) == ({}, {}, {})


async def test_what_cannot_be_deleted_is_named(control: Control, at: Any, deploy: Any) -> None:
    control.course, control.failure = ["Failed"], "no capacity"
    control.refuse["DeleteModel"] = ("ValidationException", "not now")
    with pytest.raises(ServerError, match="no capacity") as failed:
        await deploy(declared(**at))
    (model,) = control.models
    assert f"left behind: model {model}" in str(failed.value.hint)
    assert (control.configs, control.endpoints) == ({}, {})


async def test_an_update_that_fails_keeps_what_served(control: Control, at: Any, deploy: Any) -> None:
    await deploy(declared(**at))
    before = (dict(control.models), dict(control.configs))
    control.failure = "no capacity"
    with pytest.raises(ServerError, match="went back to its configuration"):
        await deploy(declared(environment={"A": "b"}, **at))
    assert (control.models, control.configs) == before


async def test_an_endpoint_that_takes_too_long_is_given_up(control: Control, at: Any, deploy: Any) -> None:
    control.course = ["Creating"]
    with pytest.raises(CallTimeoutError, match="still Creating"):
        await deploy(declared(**at), Patience(ready_s=0.01, gone_s=5, poll_s=0.001))
    assert control.endpoints == {}


async def test_a_rollout_that_is_cancelled_takes_everything_back(
    control: Control, plane: ControlPlane, at: Any, nobody: str
) -> None:
    control.course = ["Creating"]
    prepared = await prepare(plane, declared(**at), hugging_face_url=nobody)
    begun = asyncio.Event()
    rollout = Rollout(plane, prepared.plan, None, Patience(poll_s=60), lambda _tick: begun.set())
    task = asyncio.create_task(rollout.run())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (control.models, control.configs, control.endpoints) == ({}, {}, {})


async def test_an_update_that_is_given_up_leaves_what_the_endpoint_is_on_its_way_to(
    control: Control, at: Any, deploy: Any
) -> None:
    await deploy(declared(**at))
    control.course = ["Updating", "Updating"]
    with pytest.raises(CallTimeoutError, match="still Updating") as given_up:
        await deploy(declared(environment={"A": "b"}, **at), Patience(ready_s=0.01, gone_s=5, poll_s=0.001))
    assert "the endpoint mistral-7b is still Updating" in str(given_up.value.hint)
    assert control.endpoints["mistral-7b"]["config"] in control.configs
    assert len(control.models) == len(control.configs) == 2


async def test_an_update_that_is_cancelled_leaves_it_too(
    control: Control, plane: ControlPlane, at: Any, deploy: Any, nobody: str, caplog: pytest.LogCaptureFixture
) -> None:
    await deploy(declared(**at))
    control.course = ["Updating", "Updating"]
    prepared = await prepare(plane, declared(environment={"A": "b"}, **at), hugging_face_url=nobody)
    begun = asyncio.Event()
    rollout = Rollout(plane, prepared.plan, None, Patience(poll_s=60), lambda _tick: begun.set())
    task = asyncio.create_task(rollout.run())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert control.endpoints["mistral-7b"]["config"] in control.configs
    assert "is still Updating, so that its configuration" in caplog.text


async def test_a_failed_endpoint_is_made_anew(control: Control, at: Any, deploy: Any) -> None:
    await deploy(declared(**at))
    control.endpoints["mistral-7b"]["course"] = ["Failed"]
    actions, _ = await deploy(declared(**at))
    assert actions == ["keep model", "keep endpoint configuration", "replace endpoint"]
    assert control.changes()[-2:] == ["DeleteEndpoint", "CreateEndpoint"]


async def test_an_endpoint_that_somebody_changes_is_left_alone(control: Control, at: Any, deploy: Any) -> None:
    await deploy(declared(**at))
    control.endpoints["mistral-7b"]["course"] = ["Updating"]
    with pytest.raises(ConflictError, match="is Updating"):
        await deploy(declared(environment={"A": "b"}, **at))


async def test_a_component_is_made_kept_and_updated(control: Control, at: Any, deploy: Any) -> None:
    document = declared(inference_component=COMPONENT, **at)
    actions, _ = await deploy(document)
    assert actions[-1] == "create inference component"
    (config,) = control.configs.values()
    assert "ModelName" not in config["ProductionVariants"][0]
    assert config["ExecutionRoleArn"] == document.role
    assert (await deploy(document))[0][-1] == "keep inference component"
    actions, _ = await deploy(declared(inference_component={**COMPONENT, "copies": 3}, **at))
    assert actions[-1] == "update inference component"
    assert control.components["mistral-7b"]["RuntimeConfig"] == {"CopyCount": 3}


async def test_a_component_that_fails_takes_everything_back(control: Control, at: Any, deploy: Any) -> None:
    control.component_course = ["Creating", "Failed"]
    with pytest.raises(ServerError, match="inference component mistral-7b is Failed"):
        await deploy(declared(inference_component=COMPONENT, **at))
    assert (control.components, control.endpoints, control.configs, control.models) == ({}, {}, {}, {})


async def test_everything_of_ours_is_removed_and_the_rest_stays(
    control: Control, plane: ControlPlane, at: Any, deploy: Any
) -> None:
    await deploy(declared(inference_component=COMPONENT, **at))
    control.models["mistral-7b-by-hand"] = {"ModelName": "mistral-7b-by-hand"}
    removal = await plan_removal(plane, "mistral-7b")
    await remove(plane, removal, PATIENCE)
    assert (control.components, control.endpoints, control.configs) == ({}, {}, {})
    assert list(control.models) == ["mistral-7b-by-hand"]


async def test_state_shows_variants_and_failure(control: Control, plane: ControlPlane, at: Any, deploy: Any) -> None:
    await deploy(declared(**at))
    control.failure = "no capacity"
    state = await read_endpoint(plane, "mistral-7b")
    assert state is not None
    assert state.failure == "no capacity"
    assert state.variants[0].statuses == ("Creating: pulling the image",)
    assert await read_endpoint(plane, "mistral") is None


# --- the token -----------------------------------------------------------------------------------------------------


async def test_the_token_reaches_the_container_and_nothing_else(
    control: Control, at: Any, deploy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    control.secrets["prod/hf"] = f"{TOKEN}\n"
    _, ticks = await deploy(declared(hugging_face_token={"secrets_manager": "prod/hf"}, **at))
    (model,) = control.models.values()
    assert model["PrimaryContainer"]["Environment"]["HF_TOKEN"] == TOKEN
    assert "CreateModel" in control.calls
    assert "GetSecretValue" in control.calls
    assert TOKEN not in f"{caplog.text}{ticks}"
    assert TOKEN not in text_of([control.configs, control.endpoints])


async def test_the_token_is_not_in_what_is_prepared(plane: ControlPlane, at: Any, nobody: str) -> None:
    prepared = await prepare(plane, declared(hugging_face_token="MY_HF_TOKEN", **at), hugging_face_url=nobody)
    assert prepared.token is not None
    assert TOKEN not in repr(prepared)


async def test_an_error_that_quotes_the_token_is_masked(
    control: Control, at: Any, deploy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    control.refuse["CreateModel"] = (
        "ValidationException",
        f"1 validation error detected: Value '{{HF_TOKEN={TOKEN}}}' at 'primaryContainer.environment' failed",
    )
    with pytest.raises(DragomanError, match="validation error") as refused:
        await deploy(declared(hugging_face_token="MY_HF_TOKEN", **at))
    told: BaseException | None = refused.value
    while told is not None:
        assert TOKEN not in f"{told}{told!r}{told.__dict__}"
        told = told.__cause__ or told.__context__
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("value", "said"), [('{"HF_TOKEN": "x"}', "holds JSON"), (" ", "is empty"), ("a b", "holds blanks")]
)
async def test_a_secret_that_is_no_token_is_refused(
    control: Control, at: Any, deploy: Any, value: str, said: str
) -> None:
    control.secrets["prod/hf"] = value
    with pytest.raises(DragomanError, match=said):
        await deploy(declared(hugging_face_token={"secrets_manager": "prod/hf"}, **at))
    assert control.changes() == []


async def test_a_secret_that_is_absent_stops_it_before_anything_is_made(control: Control, at: Any, deploy: Any) -> None:
    with pytest.raises(DragomanError, match="prod/hf cannot be read"):
        await deploy(declared(hugging_face_token={"secrets_manager": "prod/hf"}, **at))
    assert control.changes() == []


async def test_no_region_is_an_error(engine: Engine) -> None:
    with pytest.raises(DragomanError, match="region"):
        await ControlPlane.declared(engine, declared(connection={"auth": {"kind": "aws_keys"}}))
