"""Application profiles in an account of the emulator, reached through a role."""

from __future__ import annotations

import pytest
from dragoman import Engine
from dragoman.errors import CallTimeoutError, ConflictError, DocumentError, ModelNotFoundError, PermissionDeniedError
from dragoman_aws.profiles import Account

from ..cloud import REGION, trust  # noqa: TID252
from .conftest import GATEWAY_ACCOUNT, MODELS_ACCOUNT

HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"


async def test_a_profile_of_a_model_is_created_shown_tagged_and_deleted(profiles):
    made = await profiles.create("cost of a", HAIKU, description="cost of team a", tags={"team": "a", "env": "prod"})
    assert made.arn == f"arn:aws:bedrock:{REGION}:{MODELS_ACCOUNT}:application-inference-profile/{made.id}"
    assert (made.name, made.description, made.status) == ("cost of a", "cost of team a", "ACTIVE")
    assert made.base_model == HAIKU
    assert made.tags == {"team": "a", "env": "prod"}
    assert made.created_at is not None

    await profiles.tag("cost of a", {"team": "b", "stage": "1"})
    await profiles.untag(made.arn, ["env"])
    assert (await profiles.get(made.id)).tags == {"team": "b", "stage": "1"}
    assert made.id in [profile.id for profile in await profiles.list()]

    await profiles.delete("cost of a")
    with pytest.raises(ModelNotFoundError, match="there is no application profile 'cost of a'"):
        await profiles.get("cost of a")


async def test_a_profile_of_a_cross_region_profile_copies_its_arn(profiles):
    made = await profiles.create("over-regions", f"us.{HAIKU}")
    assert made.models == (f"arn:aws:bedrock:{REGION}:{MODELS_ACCOUNT}:inference-profile/us.{HAIKU}",)
    await profiles.delete(made.arn)


async def test_what_it_returns_is_an_adapter(profiles, engine: Engine):
    made = await profiles.create("as-adapter", HAIKU, tags={"team": "a"})
    resolved = await engine.resolve({"name": "team-a", **made.as_adapter()})
    assert (resolved.target.model, resolved.target.base_model) == (made.arn, HAIKU)
    assert resolved.adapter.tags == {"team": "a"}  # the ledger books its calls under them
    await profiles.delete(made.arn)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"name": "a  b"}, "name"),
        ({"name": "a" * 65}, "name: has 65 characters"),
        ({"name": ""}, "name: has 0 characters"),
        ({"description": "what?"}, "description"),
        ({"description": "x" * 201}, "description: has 201 characters"),
        ({"tags": {str(n): "" for n in range(201)}}, "tags: are 201"),
        ({"tags": {"aws:x": "1"}}, "tags.aws:x: begins with aws:"),
        ({"tags": {"x": "é"}}, "tags.x: has a value that is not allowed"),
        ({"tags": {"": "x"}}, "is not a tag's key"),
        ({"source": "arn:aws:bedrock:us-east-1:111122223333:prompt/P"}, "source: is a prompt"),
    ],
)
async def test_what_the_service_would_not_take_is_refused_before(profiles, given, path):
    before = len(await profiles.list())
    with pytest.raises(DocumentError, match=path):
        await profiles.create(**{"name": "a", "source": HAIKU, **given})
    assert len(await profiles.list()) == before


async def test_two_of_one_name_are_told_apart_by_id(profiles):
    made = [await profiles.create("twins", HAIKU) for _ in range(2)]
    with pytest.raises(ConflictError, match=f"2 profiles are called twins.*{made[0].id}"):
        await profiles.get("twins")
    for profile in made:
        await profiles.delete(profile.id)


async def test_a_profile_that_never_comes_is_waited_for_no_longer_than_said(profiles):
    missing = f"arn:aws:bedrock:{REGION}:{MODELS_ACCOUNT}:application-inference-profile/missing"
    with pytest.raises(CallTimeoutError, match=r"is not there after 0\.1 s"):
        await profiles.wait_until_active(missing, timeout_s=0.1)


async def test_a_refusal_says_who_needs_what(engine: Engine, connection, cloud):
    role = cloud.role(MODELS_ACCOUNT, "powerless", trust(f"arn:aws:iam::{GATEWAY_ACCOUNT}:root"))
    override = {"connection": {"roles": [{"arn": role}]}}
    async with await Account.of(engine, None, override) as account:
        with pytest.raises(PermissionDeniedError) as refused:
            await account.call("list_inference_profiles")
    assert "bedrock:ListInferenceProfiles" in str(refused.value)
    assert role in str(refused.value)
