"""Cross-region profiles, from shipped facts and from an account."""

from __future__ import annotations

import json
import re

import pytest
from dragoman.errors import DocumentError
from dragoman.plugin import Target
from dragoman.testing.upstream import Reply, Upstream
from dragoman_aws.profiles import Account, CrossRegionInferenceProfile, Invokable, discover, facts
from dragoman_aws.profiles.cross_region import from_summary, shipped

HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
SONNET = "anthropic.claude-sonnet-4-20250514-v1:0"


def test_a_profile_of_a_geography_says_where_it_routes_to():
    profile = CrossRegionInferenceProfile.from_config("us", SONNET)
    assert profile.id == f"us.{SONNET}"
    assert profile.destinations("us-east-1") == ("us-east-1", "us-east-2", "us-west-2")
    assert profile.destinations("us-west-1") == ("us-east-1", "us-east-2", "us-west-1", "us-west-2")
    assert profile.destinations("eu-west-1") is None
    assert profile.source_regions == ("us-east-1", "us-east-2", "us-west-1", "us-west-2")
    assert profile.arn("us-east-1", "1" * 12) == f"arn:aws:bedrock:us-east-1:111111111111:inference-profile/us.{SONNET}"


def test_where_it_routes_to_depends_on_where_it_is_called():
    profile = CrossRegionInferenceProfile.from_config("us", HAIKU)
    assert profile.destinations("us-east-1") == ("us-east-1", "us-west-2")
    assert profile.destinations("us-east-2") == ("us-east-1", "us-east-2", "us-west-2")


def test_a_geography_that_the_model_lacks_is_refused_with_those_that_it_has():
    with pytest.raises(
        DocumentError, match=r"there is no profile jp\..*the model has profiles in: apac, eu, global, us"
    ):
        CrossRegionInferenceProfile.from_config("jp", SONNET)


def test_a_model_that_nobody_knows_is_not_refused_and_its_routes_are_unknown():
    profile = CrossRegionInferenceProfile.from_config("mars", "acme.model.with-dots-2")
    assert (profile.id, profile.routes, profile.origin) == ("mars.acme.model.with-dots-2", {}, "")


def test_new_models_whose_routes_nobody_published_know_their_geographies():
    profile = CrossRegionInferenceProfile.from_config("in", "openai.gpt-5.6-sol")
    assert profile.destinations("ap-south-1") is None
    with pytest.raises(DocumentError, match="global, in, us"):
        CrossRegionInferenceProfile.from_config("eu", "openai.gpt-5.6-sol")


@pytest.mark.parametrize(
    ("region", "geographies"),
    [
        ("us-east-1", ("us",)),
        ("us-gov-west-1", ("us-gov",)),
        ("ap-northeast-1", ("apac", "jp")),
        ("ap-southeast-4", ("apac", "au")),
        ("ca-west-1", ("ca",)),
        ("sa-east-1", ()),
    ],
)
def test_the_geographies_of_a_region(region, geographies):
    assert facts.geographies_of_region(region) == geographies


def test_every_row_is_whole():
    for profile in shipped():
        assert profile.routes, profile.id
        for source, destinations in profile.routes.items():
            assert re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", source)
            assert destinations == ("*",) if profile.is_global else "*" not in destinations


@pytest.mark.parametrize(
    ("model", "base_model", "kind"),
    [
        (f"us.{SONNET}", None, "inference-profile"),
        (f"us-gov.{HAIKU}", None, "inference-profile"),
        (f"mars.{SONNET}", None, "inference-profile"),
        ("mars.acme.new", "acme.new", "inference-profile"),
        ("us.acme.new", None, "inference-profile"),
        ("acme.new", None, "foundation-model"),
        (SONNET, SONNET, "foundation-model"),
    ],
)
def test_ids_of_profiles_are_told_from_ids_of_models(model, base_model, kind):
    assert Invokable.of(model, "us-east-1", base_model=base_model).kind == kind


# --- asked of an account -----------------------------------------------------------------------------------------


async def test_the_account_is_asked(account: Account):
    found = await discover(account)
    assert f"us.{HAIKU}" in {profile.id for profile in found}
    profile = CrossRegionInferenceProfile.from_config("us", HAIKU, among=found)
    assert (profile.status, profile.origin) == ("ACTIVE", f"the account, in {account.region}")


async def test_all_pages_are_asked_for_and_told_of(engine, tell, told):
    def page(number):
        name = f"mars.acme.model-{number}"
        arns = [f"arn:aws:bedrock:{r}::foundation-model/acme.model-{number}" for r in ("us-west-2", "us-east-1")]
        row = {
            "inferenceProfileName": name,
            "inferenceProfileId": name,
            "inferenceProfileArn": f"arn:aws:bedrock:us-east-1:111122223333:inference-profile/{name}",
            "status": "ACTIVE",
            "type": "SYSTEM_DEFINED",
            "models": [{"modelArn": arn} for arn in arns],
        }
        more = {"nextToken": f"t{number}"} if number < 3 else {}
        return Reply.json({"inferenceProfileSummaries": [row], **more})

    with Upstream() as server:
        server.answer(*(page(number) for number in (1, 2, 3)))
        target = (await engine.resolve({"provider": "bedrock", "model": "m"}, {"connection": {"roles": []}})).target
        async with Account(engine, target, endpoints={"bedrock": server.url}) as account:
            found = await discover(account, tell)
        asked = [received.target for received in server.received]
    assert [("nextToken=t1" in t, "nextToken=t2" in t) for t in asked] == [(False, False), (True, False), (False, True)]
    assert [p.id for p in found] == ["mars.acme.model-1", "mars.acme.model-2", "mars.acme.model-3"]
    assert (found[0].geo_region, found[0].model) == ("mars", "acme.model-1")
    assert found[0].destinations("us-east-1") == ("us-east-1", "us-west-2")
    assert told == ["1 so far, asking for more", "2 so far, asking for more"]


def test_a_global_profile_of_an_account_goes_everywhere():
    row = {
        "inferenceProfileId": f"global.{SONNET}",
        "status": "ACTIVE",
        "models": [{"modelArn": f"arn:aws:bedrock:::foundation-model/{SONNET}"}],
    }
    profile = from_summary(json.loads(json.dumps(row)), "eu-west-1")
    assert profile.is_global
    assert profile.destinations("eu-west-1") == ("*",)


def test_only_identities_of_aws_have_an_account(engine):
    target = Target("acme", "m", object(), {})
    with pytest.raises(DocumentError, match="acme is not called as an identity of AWS"):
        Account(engine, target)
