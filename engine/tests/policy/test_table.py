"""Every field of an adapter document, in every stage, by every role; and what the deployment's own rules change."""

import itertools

import pytest
from dragoman import Caller
from dragoman.adapter import Adapter
from dragoman.errors import PolicyError

ROLES = ("user", "developer", "admin")
STAGES = ("dev", "test", "prod")

ANYBODY = {(role, stage) for role in ROLES for stage in STAGES}
DEVELOPERS = {(role, stage) for role, stage in ANYBODY if role != "user"}
ADMINISTRATORS_IN_DEV = {("admin", "dev")}

# field -> a change of it that holds as a document, and who may make it
FIELDS = {
    "inference": ({"inference": {"temperature": 0.1}}, ANYBODY),
    "model_kwargs": ({"model_kwargs": {"x": 1}}, DEVELOPERS),
    "version": ({"version": 1}, ADMINISTRATORS_IN_DEV),
    "name": ({"name": "other"}, ADMINISTRATORS_IN_DEV),
    "aliases": ({"aliases": ["a"]}, ADMINISTRATORS_IN_DEV),
    "title": ({"title": "Other"}, ADMINISTRATORS_IN_DEV),
    "base": ({"base": "secret-base"}, ADMINISTRATORS_IN_DEV),
    "operation": ({"operation": "chat"}, ADMINISTRATORS_IN_DEV),
    "provider": ({"provider": "shed"}, ADMINISTRATORS_IN_DEV),
    "model": ({"model": "m-2"}, ADMINISTRATORS_IN_DEV),
    "base_model": ({"base_model": "b"}, ADMINISTRATORS_IN_DEV),
    "endpoint_kwargs": ({"endpoint_kwargs": {"headers": {"x": "y"}}}, ADMINISTRATORS_IN_DEV),
    "connection": ({"connection": {"region": "there"}}, ADMINISTRATORS_IN_DEV),
    "credentials": ({"credentials": {"key": "FILE_KEY"}}, ADMINISTRATORS_IN_DEV),
    "mapping": ({"mapping": {"preset": "tgi"}}, ADMINISTRATORS_IN_DEV),
    "prompt": ({"mapping": {"preset": "tgi"}, "prompt": {"preset": "llama-2-chat"}}, ADMINISTRATORS_IN_DEV),
    "constraints": ({"constraints": {"max_input_tokens": 5}}, ADMINISTRATORS_IN_DEV),
    "capabilities": ({"capabilities": {"tools": False}}, ADMINISTRATORS_IN_DEV),
    "rules": ({"rules": [{"forbid": "inference.top_k"}]}, ADMINISTRATORS_IN_DEV),
    "pricing": ({"pricing": {"currency": "USD"}}, ADMINISTRATORS_IN_DEV),
    "limits": ({"limits": {"timeout_s": 5}}, ADMINISTRATORS_IN_DEV),
    "upstreams": ({"upstreams": {"far": {"connection": {"region": "far"}}}}, ADMINISTRATORS_IN_DEV),
    "notice": ({"notice": {"text": "Mind the gap"}}, ADMINISTRATORS_IN_DEV),
    "tags": ({"tags": {"team": "other"}}, ADMINISTRATORS_IN_DEV),
    "runtime": ({"runtime": "native"}, ADMINISTRATORS_IN_DEV),
}


def test_the_table_has_every_field():
    assert set(FIELDS) == set(Adapter.model_fields)


@pytest.mark.parametrize(("field", "role", "stage"), [*itertools.product(FIELDS, ROLES, STAGES)])
async def test_who_may_change_what(deployed, field, role, stage):
    change, may = FIELDS[field]
    engine = deployed(stage)
    caller = Caller("somebody", roles=[role])
    if (role, stage) in may:
        resolved = await engine.resolve("plain", change, caller=caller)
        assert resolved.digest == (await engine.resolve("plain", change)).digest
    else:
        with pytest.raises(PolicyError) as caught:
            await engine.resolve("plain", change, caller=caller)
        assert caught.value.http_status == 403
        assert {p.path.split(".")[0] for p in caught.value.problems} <= set(change) | {"connection", "credentials"}
        assert field in {p.path.split(".")[0] for p in caught.value.problems}


@pytest.mark.parametrize(("role", "stage"), [*itertools.product(ROLES, STAGES)])
async def test_the_model_is_not_chosen_by_another_name(deployed, role, stage):
    change, caller = {"model_kwargs": {"model": "m-2", "x": 1}}, Caller("somebody", roles=[role])
    if (role, stage) in ADMINISTRATORS_IN_DEV:
        assert (await deployed(stage).resolve("plain", change, caller=caller)).settings.model_kwargs == {
            "model": "m-2",
            "x": 1,
        }
    else:
        with pytest.raises(PolicyError) as caught:
            await deployed(stage).resolve("plain", change, caller=caller)
        assert "model_kwargs.model" in [p.path for p in caught.value.problems]


@pytest.mark.parametrize("name", ["Model", "model_id", "modelId", "MODEL-NAME", "models"])
async def test_the_model_has_other_names_as_well(deployed, name):
    change = {"model_kwargs": {name: "m-2"}}
    with pytest.raises(PolicyError, match=f"model_kwargs.{name}: may be changed by role admin in stage dev only"):
        await deployed("test").resolve("plain", change, caller=Caller("boss", roles=["admin"]))
    nested = {"model_kwargs": {"extra_body": {name: "m-2"}}}
    with pytest.raises(PolicyError, match="extra_body"):
        await deployed("test").resolve("plain", nested, caller=Caller("boss", roles=["admin"]))
    heard = []

    async def audit(change):
        heard.extend(change.changes)

    await deployed("dev", audit).resolve("plain", change, caller=Caller("boss", roles=["admin"]))
    assert [change.path for change in heard] == [("model_kwargs", name)]


@pytest.mark.parametrize(("field", "stage"), [*itertools.product(FIELDS, STAGES)])
async def test_a_program_without_a_caller_may_change_everything(deployed, field, stage):
    await deployed(stage).resolve("plain", FIELDS[field][0])


async def test_a_refusal_names_every_field_at_once_and_who_may(deployed):
    change = {"model": "m-2", "connection": {"region": "there"}, "model_kwargs": {"x": 1}, "inference": {"seed": 1}}
    with pytest.raises(PolicyError) as caught:
        await deployed("prod").resolve("plain", change, caller=Caller("somebody"))
    assert sorted((p.path, p.message) for p in caught.value.problems) == [
        ("connection.region", "may be changed by role admin in stage dev only"),
        ("model", "may be changed by role admin in stage dev only"),
        ("model_kwargs.x", "may be changed by role developer only"),
    ]
    assert "connection.region" in {problem["path"] for problem in caught.value.as_dict()["problems"]}


async def test_the_highest_of_several_roles_counts(deployed):
    caller = Caller("somebody", roles=["user", "admin"])
    assert (await deployed("dev").resolve("plain", {"model": "m-2"}, caller=caller)).target.model == "m-2"


async def test_setting_a_field_to_what_it_is_changes_nothing(deployed):
    same = {
        "model": "m-1",
        "connection": {"region": "here"},
        "rules": (await deployed().resolve("plain")).document["rules"],
    }
    assert (await deployed().resolve("plain", same, caller=Caller("somebody"))).target.model == "m-1"


# --- the deployment's own rules ----------------------------------------------------------------------------------


async def test_a_rule_opens_a_field(deployed):
    engine = deployed("test", rules=[{"paths": ["model"], "role": "developer", "stages": ["test"]}])
    developer = Caller("somebody", roles=["developer"])
    assert (await engine.resolve("plain", {"model": "m-2"}, caller=developer)).target.model == "m-2"
    with pytest.raises(PolicyError, match="model: may be changed by role developer only"):
        await engine.resolve("plain", {"model": "m-2"}, caller=Caller("somebody"))


async def test_a_rule_closes_a_part_of_an_open_field(deployed):
    engine = deployed(rules=[{"paths": ["inference.seed", "inference.volume"], "role": "nobody"}])
    with pytest.raises(PolicyError, match=r"inference\.seed: may be changed by nobody"):
        await engine.resolve("plain", {"inference": {"seed": 1, "top_p": 0.5}}, caller=Caller("a", roles=["admin"]))
    await engine.resolve("plain", {"inference": {"top_p": 0.5}}, caller=Caller("somebody"))


async def test_a_closed_part_cannot_come_in_through_a_configuration(deployed):
    engine = deployed(rules=[{"paths": ["inference.volume"], "role": "developer"}])
    with pytest.raises(PolicyError, match=r"inference\.volume"):
        await engine.resolve("plain", {"inference": {"configuration": "loud"}}, caller=Caller("somebody"))
    with pytest.raises(PolicyError, match=r"inference\.volume"):
        await engine.resolve("plain", None, {"configuration": "loud"}, caller=Caller("somebody"))


async def test_the_last_rule_counts_and_a_star_is_any_member(deployed):
    rules = [
        {"paths": ["connection"], "role": "user"},
        {"paths": ["connection.roles"], "role": "nobody"},
        {"paths": ["connection.roles.*.policy"], "role": "user"},
    ]
    engine = deployed(rules=rules)
    await engine.resolve("plain", {"connection": {"region": "there"}}, caller=Caller("somebody"))
    narrowed = {"arn": "arn:aws:iam::111111111111:role/Mine", "external_id": "mine", "policy": "narrow"}
    with pytest.raises(PolicyError) as caught:
        await engine.resolve("with-role", {"connection": {"roles": [narrowed]}}, caller=Caller("somebody"))
    assert [p.path for p in caught.value.problems] == ["connection.roles.0.arn"]  # another session of the role
