"""Quota and access, looked at before anything is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dragoman.errors import ModelNotFoundError, PermissionDeniedError, RefusedError
from dragoman.testing.upstream import Reply, Upstream
from dragoman_aws.deployment.checks import prepare
from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.deployment.quotas import quota_codes
from dragoman_aws.deployment.rollout import Rollout
from dragoman_aws.deployment.waiting import Patience

from .conftest import TOKEN, Control, declared

CODE = quota_codes()["ml.g4dn.xlarge"]
NAME = "ml.g4dn.xlarge for endpoint usage"


@pytest.fixture
def hub() -> Iterator[Upstream]:
    """Hugging Face's address, on loopback."""
    with Upstream() as hub:
        yield hub


async def test_a_quota_that_is_too_small_is_named_with_what_to_ask_for(
    control: Control, plane: ControlPlane, at: Any, nobody: str
) -> None:
    control.quotas[CODE] = (NAME, 1.0)
    document = declared(instance={"type": "ml.g4dn.xlarge", "count": 3}, **at)
    with pytest.raises(RefusedError, match=f"{CODE} '{NAME}' in us-east-1 is 1") as refused:
        await prepare(plane, document, hugging_face_url=nobody)
    assert f"--quota-code {CODE} --desired-value 3 --region us-east-1" in str(refused.value.hint)
    assert control.changes() == []


async def test_the_default_counts_where_the_account_has_no_value(
    control: Control, plane: ControlPlane, at: Any, nobody: str
) -> None:
    prepared = await prepare(plane, declared(**at), hugging_face_url=nobody)
    assert f"quota {CODE} '{NAME}' in us-east-1: 2 (default), 1 needed" in prepared.reports[-1]
    assert control.calls.count("GetAWSDefaultServiceQuota") == 1


async def test_a_type_whose_code_is_not_known_is_looked_for_on_all_pages(
    control: Control, plane: ControlPlane, at: Any, nobody: str
) -> None:
    control.quotas = {"L-1": ("other", 5.0), "L-2": ("ml.new9.xlarge for endpoint usage", 0.0)}
    document = declared(instance={"type": "ml.new9.xlarge"}, **at)
    with pytest.raises(RefusedError, match="L-2 'ml"):
        await prepare(plane, document, hugging_face_url=nobody)
    assert control.calls.count("ListServiceQuotas") == 2


async def test_a_code_that_means_another_quota_is_not_believed(
    control: Control, plane: ControlPlane, at: Any, nobody: str
) -> None:
    control.quotas = {CODE: ("something else", 0.0), "L-2": (NAME, 9.0)}
    prepared = await prepare(plane, declared(**at), hugging_face_url=nobody)
    assert "L-2" in prepared.reports[-1]


async def test_an_answer_that_is_missing_is_told(control: Control, plane: ControlPlane, at: Any, nobody: str) -> None:
    control.refuse["GetServiceQuota"] = (
        "AccessDeniedException",
        "User: arn:aws:iam::1:user/a is not authorized to perform: servicequotas:GetServiceQuota",
    )
    prepared = await prepare(plane, declared(**at), hugging_face_url=nobody)
    assert f"{CODE} '{NAME}' in us-east-1: not checked" in prepared.reports[-1]
    assert "servicequotas:GetServiceQuota" in prepared.reports[-1]


async def test_an_update_needs_room_beside_what_serves(
    control: Control, plane: ControlPlane, at: Any, nobody: str
) -> None:
    control.quotas[CODE] = (NAME, 1.0)
    first = await prepare(plane, declared(**at), hugging_face_url=nobody)
    await Rollout(plane, first.plan, None, Patience(poll_s=0.01)).run()
    control.endpoints["mistral-7b"]["course"] = ["InService"]
    with pytest.raises(RefusedError, match="1 new ones beside the 1 that serve"):
        await prepare(plane, declared(environment={"A": "b"}, **at), hugging_face_url=nobody)


async def test_quota_codes_are_codes() -> None:
    assert all(code.startswith("L-") and len(code) == 10 for code in quota_codes().values())
    assert len(set(quota_codes().values())) == len(quota_codes())


# --- Hugging Face --------------------------------------------------------------------------------------------------


async def test_access_is_asked_for_with_the_token(
    hub: Upstream, control: Control, plane: ControlPlane, at: Any
) -> None:
    hub.answer(Reply.text("OK"))
    document = declared(hugging_face_token="MY_HF_TOKEN", **at)
    prepared = await prepare(plane, document, hugging_face_url=hub.url)
    assert "may fetch mistralai/Mistral-7B-Instruct-v0.3" in prepared.reports[0]
    assert hub.received[0].target == "/api/models/mistralai/Mistral-7B-Instruct-v0.3/auth-check"
    assert hub.received[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in "".join(prepared.reports)


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, PermissionDeniedError, "accept the model's terms on"),
        (403, PermissionDeniedError, "accept the model's terms on"),
        (404, ModelNotFoundError, "may see it"),
    ],
)
async def test_a_refusal_stops_it(
    hub: Upstream, control: Control, plane: ControlPlane, at: Any, status: int, kind: type, said: str
) -> None:
    hub.answer(Reply.text("no", status))
    with pytest.raises(kind) as refused:
        await prepare(plane, declared(**at), hugging_face_url=hub.url)
    assert said in str(refused.value.hint)
    assert control.changes() == []


async def test_what_cannot_be_asked_is_told(
    hub: Upstream, control: Control, plane: ControlPlane, at: Any, nobody: str
) -> None:
    unreachable = await prepare(plane, declared(**at), hugging_face_url=nobody)
    assert "cannot be reached from here" in unreachable.reports[0]
    hub.answer(Reply.text("busy", 503))
    busy = await prepare(plane, declared(**at), hugging_face_url=hub.url)
    assert "HTTP 503" in busy.reports[0]
