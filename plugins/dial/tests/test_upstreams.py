"""Upstreams: keys as names of secrets, identities of AWS, and several of them as patches."""

from __future__ import annotations

from typing import Any

from .conftest import AZURE, BEDROCK_ADAPTER, imported

ROLE = "arn:aws:iam::111122223333:role/Invoke"
OTHER = AZURE.replace("my-resource", "other").replace("gpt4o-east", "gpt4o-west")


def test_one_upstream_is_the_adapter_itself(one: Any) -> None:
    adapter, notes = one()
    assert "upstreams" not in adapter
    assert adapter["model"] == "gpt4o-east"
    assert adapter["connection"] == {"endpoint": "https://my-resource.openai.azure.com", "api_version": "2024-10-21"}
    assert adapter["credentials"] == {"api_key": "AZURE_OPENAI_MY_RESOURCE_API_KEY"}
    assert "the address is at my-resource.openai.azure.com" in notes["upstreams.0.endpoint"]


def test_several_are_patches_of_what_they_have_in_common(one: Any) -> None:
    adapter, _ = one(
        upstreams=[
            {"id": "East One", "endpoint": AZURE, "key": "a", "weight": 3},
            {"endpoint": OTHER, "key": "b", "tier": 1},
            {"endpoint": AZURE, "key": "a", "weight": 0},
        ]
    )
    assert adapter["provider"] == "azure-openai"
    assert adapter["upstreams"] == {
        "east-one": {
            "model": "gpt4o-east", "weight": 3, "credentials": {"api_key": "AZURE_OPENAI_MY_RESOURCE_API_KEY"},
            "connection": {"endpoint": "https://my-resource.openai.azure.com", "api_version": "2024-10-21"},
        },
        "other": {
            "model": "gpt4o-west", "tier": 1, "credentials": {"api_key": "AZURE_OPENAI_OTHER_API_KEY"},
            "connection": {"endpoint": "https://other.openai.azure.com", "api_version": "2024-10-21"},
        },
        "my-resource": {
            "model": "gpt4o-east", "weight": 0, "credentials": {"api_key": "AZURE_OPENAI_MY_RESOURCE_API_KEY"},
            "connection": {"endpoint": "https://my-resource.openai.azure.com", "api_version": "2024-10-21"},
        },
    }  # fmt: skip


def test_tiers_below_zero_keep_their_order(one: Any) -> None:
    adapter, notes = one(upstreams=[{"endpoint": AZURE}, {"endpoint": OTHER, "tier": -2}])
    assert [patch.get("tier", 0) for patch in adapter["upstreams"].values()] == [2, 0]
    assert "2 is added" in notes["upstreams.0"]


def test_a_weight_below_zero_disables(one: Any) -> None:
    adapter, notes = one(upstreams=[{"endpoint": AZURE, "weight": -1}, {"endpoint": OTHER}])
    assert adapter["upstreams"]["my-resource"]["weight"] == 0
    assert "disables" in notes["upstreams.0.weight"]


def test_equal_keys_get_one_name_and_others_their_own() -> None:
    found = imported(
        {f"m{number}": {"upstreams": [{"endpoint": AZURE, "key": key}]} for number, key in enumerate(["a", "b", "a"])}
    )
    names = [d["credentials"]["api_key"] for d in found.documents]
    assert names == [f"AZURE_OPENAI_MY_RESOURCE_API_KEY{end}" for end in ("", "_2", "")]


def test_a_placeholder_is_a_name(one: Any) -> None:
    for text in ("${TEAM_KEY}", "${SECRET:TEAM_KEY}"):
        adapter, notes = one(upstreams=[{"endpoint": AZURE, "key": text}])
        assert adapter["credentials"] == {"api_key": "TEAM_KEY"}
        assert "holds none" in notes["upstreams.0.key"]


def test_azure_without_a_key_and_with_a_token(one: Any) -> None:
    adapter, notes = one(upstreams=[{"endpoint": AZURE}])
    assert "credentials" not in adapter
    assert "Azure identity" in notes["upstreams.0.key"]
    adapter, _ = one(upstreams=[{"endpoint": AZURE, "key": "t", "authType": "BEARER"}])
    assert adapter["connection"]["auth"] == {"kind": "bearer"}
    assert adapter["credentials"] == {"token": "AZURE_OPENAI_MY_RESOURCE_TOKEN"}


def test_bedrock_by_a_role_of_another_account(one: Any) -> None:
    extra = {"region": "us-east-1", "aws_assume_role_arn": ROLE, "compatible_model_id": "anthropic.claude-3"}
    adapter, _ = one(
        endpoint=BEDROCK_ADAPTER, overrideName="arn:profile", upstreams=[{"endpoint": "1", "extraData": extra}]
    )
    assert adapter["provider"] == "bedrock"
    assert (adapter["model"], adapter["base_model"]) == ("arn:profile", "anthropic.claude-3")
    assert adapter["connection"] == {"region": "us-east-1", "roles": [{"arn": ROLE}]}


def test_bedrock_keys_win_over_a_role_as_they_do_there(one: Any) -> None:
    extra = {
        "aws_access_key_id": "a",
        "aws_secret_access_key": "b",
        "aws_assume_role_arn": ROLE,
        "claude_client": "mantle",
    }
    adapter, notes = one(endpoint=BEDROCK_ADAPTER, upstreams=[{"endpoint": "1", "extraData": extra}])
    assert adapter["connection"] == {"auth": {"kind": "aws_keys"}}
    assert adapter["credentials"] == {
        "access_key_id": "BEDROCK_AWS_ACCESS_KEY_ID",
        "secret_access_key": "BEDROCK_AWS_SECRET_ACCESS_KEY",
    }
    where = "upstreams.0.extraData"
    assert {f"{where}.region", f"{where}.aws_assume_role_arn", f"{where}.claude_client"} <= set(notes)


def test_a_key_of_anthropic_is_not_taken_for_one_of_aws(one: Any) -> None:
    adapter, notes = one(endpoint=BEDROCK_ADAPTER, upstreams=[{"endpoint": "1", "key": "k"}])
    assert adapter == {}
    assert "Anthropic's own API" in notes["upstreams.0.key"]


def test_what_an_upstream_says_beside_that_is_told(one: Any) -> None:
    _, notes = one(upstreams=[{"endpoint": AZURE, "extraData": "no json", "interfaces": {}, "strange": 1}])
    assert {"upstreams.0.extraData", "upstreams.0.interfaces", "upstreams.0.strange"} <= set(notes)


def test_an_upstream_of_nobody_leaves_the_others(one: Any) -> None:
    adapter, notes = one(upstreams=[{"endpoint": "https://api.anthropic.com/v1/messages"}, {"endpoint": AZURE}])
    assert adapter["model"] == "gpt4o-east"
    assert "no provider" in notes["upstreams.0.endpoint"]
