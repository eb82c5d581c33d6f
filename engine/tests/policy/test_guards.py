"""What no rule opens by itself: bases, other identities, secrets, ranges, LangChain classes."""

import json

import pytest
from dragoman import Caller
from dragoman.errors import AdapterNotFoundError, DocumentError, PolicyError

ADMIN = Caller("boss", roles=["admin"])
MINE = "arn:aws:iam::111111111111:role/Mine"
OTHER = "arn:aws:iam::222222222222:role/Other"
LISTED = {
    "path": "connection.roles.*.arn",
    "value": "arn:aws:iam::222222222222:role/*",
    "prescribed": {"external_id": "x"},
}


def roles(*entries):
    return {"connection": {"roles": list(entries)}}


# --- adapters and bases ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain", "not-there"])
async def test_an_adapter_that_may_not_be_used_looks_like_none(deployed, name):
    with pytest.raises(AdapterNotFoundError) as caught:
        await deployed().resolve(name, caller=Caller("somebody", adapters=["with-role"]))
    assert str(caught.value) == f"there is no adapter {name!r}, or you may not use it"
    with pytest.raises(AdapterNotFoundError):
        await deployed().resolve("plain", caller=Caller("somebody", adapters=[]))


async def test_an_adapter_may_be_used_where_its_own_base_may_not(deployed):
    caller = Caller("somebody", adapters=["on-secret"])
    assert (await deployed().resolve("on-secret", caller=caller)).target.model == "m-secret"


@pytest.mark.parametrize("base", ["secret-base", "on-secret"])
async def test_a_base_must_be_usable_also_through_another_one(deployed, base):
    caller = Caller("boss", roles=["admin"], adapters=["plain", "on-secret"])
    engine = deployed("dev")
    for adapter, override in (("plain", {"base": base}), ({"base": base}, None), ({"base": "plain"}, {"base": base})):
        with pytest.raises(PolicyError, match="base: builds on 'secret-base', which you may not use"):
            await engine.resolve(adapter, override, caller=caller)


async def test_a_document_from_scratch_is_refused_to_who_may_use_certain_adapters(deployed):
    caller = Caller("boss", roles=["admin"], adapters=["plain"])
    with pytest.raises(PolicyError, match="base: is missing"):
        await deployed("dev").resolve({"provider": "vault", "model": "m"}, caller=caller)


async def test_a_base_that_is_not_there_does_not_tell_what_is(deployed):
    opened = deployed(rules=[{"paths": ["base"], "role": "user"}])
    with pytest.raises(AdapterNotFoundError) as caught:
        await opened.resolve("plain", {"base": "secret-bas"}, caller=Caller("somebody"))
    assert "secret-base" not in str(caught.value)


# --- identities --------------------------------------------------------------------------------------------------


async def test_taking_on_a_role_needs_stage_role_and_a_place_on_the_list(deployed):
    change = roles({"arn": OTHER, "external_id": "x"})
    open_stage = {"rules": [{"paths": ["connection"], "role": "admin"}]}
    assert (await deployed("dev", identities=[LISTED]).resolve("plain", change, caller=ADMIN)).target.connection.roles
    for engine, caller, why in (
        (deployed("prod", identities=[LISTED]), ADMIN, "stage dev only"),
        (deployed("dev", identities=[LISTED]), Caller("somebody", roles=["developer"]), "role admin only"),
        (deployed("dev"), ADMIN, "is not on the deployment's allow list"),
        (deployed("prod", **open_stage), ADMIN, "is not on the deployment's allow list"),
    ):
        with pytest.raises(PolicyError, match=why) as caught:
            await engine.resolve("plain", change, caller=caller)
        assert "connection.roles.0.arn" in {p.path for p in caught.value.problems}


@pytest.mark.parametrize("external_id", [None, "y", "X", "x "])
async def test_the_external_id_must_be_the_prescribed_one(deployed, external_id):
    role = {"arn": OTHER} if external_id is None else {"arn": OTHER, "external_id": external_id}
    with pytest.raises(PolicyError, match="only with the external_id that the allow list prescribes"):
        await deployed("dev", identities=[LISTED]).resolve("plain", roles(role), caller=ADMIN)


async def test_an_external_id_that_nobody_prescribes_is_refused(deployed):
    listed = {"path": "connection.roles.*.arn", "value": OTHER}
    engine = deployed("dev", identities=[listed])
    await engine.resolve("plain", roles({"arn": OTHER}), caller=ADMIN)
    with pytest.raises(PolicyError, match="external_id"):
        await engine.resolve("plain", roles({"arn": OTHER, "external_id": "x"}), caller=ADMIN)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::333333333333:role/Other",
        "arn:aws:iam::222222222222:role/path/Admin",
        "ARN:aws:iam::222222222222:role/Other",
        "arn:aws:iam::222222222222:role/Other\n",
        "x arn:aws:iam::222222222222:role/Other:more",
    ],
)
async def test_a_star_stands_for_one_name_only(deployed, arn):
    with pytest.raises(PolicyError, match="allow list"):
        await deployed("dev", identities=[LISTED]).resolve(
            "plain", roles({"arn": arn, "external_id": "x"}), caller=ADMIN
        )


async def test_the_adapters_own_role_stays_and_one_more_is_checked(deployed):
    own = {"arn": MINE, "external_id": "mine"}
    engine = deployed("dev")
    await engine.resolve("with-role", {"model": "m-2"}, caller=ADMIN)
    with pytest.raises(PolicyError) as caught:
        await engine.resolve("with-role", roles(own, {"arn": OTHER}), caller=ADMIN)
    assert [p.path for p in caught.value.problems] == ["connection.roles.1.arn"]
    for other in ({"arn": MINE}, {"arn": MINE, "external_id": "mine", "policy": "wide"}):
        with pytest.raises(PolicyError, match=r"connection\.roles\.0\.arn"):
            await engine.resolve("with-role", roles(other), caller=ADMIN)


async def test_every_identity_field_is_checked_also_in_a_document_and_an_upstream(deployed):
    engine = deployed("dev")
    whole = {"provider": "vault", "model": "m", "connection": {"auth": {"kind": "web", "role_arn": OTHER}}}
    with pytest.raises(PolicyError, match=r"connection\.auth\.role_arn"):
        await engine.resolve(whole, caller=ADMIN)
    for upstream in ("one", "two", "three"):
        with pytest.raises(PolicyError, match=r"connection\.roles\.0\.arn"):
            await engine.resolve("balanced", {"upstreams": {upstream: roles({"arn": OTHER})}}, caller=ADMIN)


# --- secrets, ranges, runtime ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["VAULT_KEY", "FILE_KEY", "TWO_KEY"])
async def test_a_secret_that_a_file_or_a_plugin_names_may_be_named(deployed, name):
    resolved = await deployed("dev").resolve("plain", {"credentials": {"key": name}}, caller=ADMIN)
    assert resolved.target.credentials["key"] == name


@pytest.mark.parametrize("name", ["PATH", "AWS_SECRET_ACCESS_KEY", "file_key", "FILE_KEY "])
async def test_no_other_secret_may_be_named(deployed, name):
    engine = deployed("dev")
    for adapter, override in (
        ("plain", {"credentials": {"key": name}}),
        ("balanced", {"upstreams": {"two": {"credentials": {"key": name}}}}),
        ({"provider": "vault", "model": "m", "credentials": {"other": name}}, None),
    ):
        with pytest.raises(PolicyError, match="names a secret that nothing of the deployment names"):
            await engine.resolve(adapter, override, caller=ADMIN)
    await deployed("dev", secrets=[name]).resolve("plain", {"credentials": {"key": name}}, caller=ADMIN)


async def test_a_setting_with_a_range_is_changed_within_it_and_not_removed(deployed):
    engine, caller = deployed(), Caller("somebody")
    assert (
        await engine.resolve("plain", None, {"max_tokens": 200}, caller=caller)
    ).settings.inference.max_tokens == 200
    with pytest.raises(DocumentError, match=r"inference\.max_tokens: is 201"):
        await engine.resolve("plain", None, {"max_tokens": 201}, caller=caller)
    for removal in ({"inference": {"max_tokens": None}}, {"inference": None}):
        with pytest.raises(PolicyError, match=r"inference\.max_tokens: has a range"):
            await engine.resolve("plain", removal, caller=caller)


@pytest.mark.parametrize(
    "kwargs",
    [
        pytest.param({"max_tokens": 201}, id="our own name"),
        pytest.param({"max_completion_tokens": 201}, id="another name"),
        pytest.param({"generationConfig": {"maxOutputTokens": 201}}, id="camel case, further down"),
        pytest.param({"parameters": [{"max-new-tokens": 201}]}, id="in a list"),
        pytest.param({"MAX_TOKENS": 201}, id="upper case, for servers that do not mind"),
        pytest.param({"ma\uff58_tokens": 201}, id="a letter of another width"),
        pytest.param({"max_tokens": "201"}, id="a number as text"),
        pytest.param({"max_tokens": [201]}, id="a number in a list"),
        pytest.param({"options": {"num_predict": -1}}, id="no limit at all"),
        pytest.param({"max_tokens": 200.5}, id="half a token"),
        pytest.param({"temperature": True}, id="a truth value"),
    ],
)
async def test_a_range_holds_in_model_kwargs_under_every_name(deployed, kwargs):
    for role in ("developer", "admin"):
        with pytest.raises(PolicyError, match=r"is another name of inference\.(max_tokens|temperature), which"):
            await deployed("dev").resolve("plain", {"model_kwargs": kwargs}, caller=Caller("x", roles=[role]))


async def test_what_is_within_the_range_or_has_none_goes_into_model_kwargs(deployed):
    kwargs = {"max_completion_tokens": 200, "topP": 5, "tools": {"properties": {"temperature": {"type": "number"}}}}
    developer = Caller("somebody", roles=["developer"])
    resolved = await deployed().resolve("plain", {"model_kwargs": kwargs}, caller=developer)
    assert resolved.settings.model_kwargs == kwargs


async def test_a_limit_that_stands_in_model_kwargs_is_not_removed(deployed):
    document = {"base": "plain", "model_kwargs": {"max_new_tokens": 100}}
    engine = deployed("dev")
    (engine.settings.adapters_folder / "limited.yaml").write_text(json.dumps(document))
    await engine.reload()
    for removal in ({"max_new_tokens": None}, None):
        with pytest.raises(PolicyError, match=r"max_new_tokens: is another name .* not removed"):
            await engine.resolve("limited", {"model_kwargs": removal}, caller=ADMIN)


async def test_langchain_is_refused_to_callers_unless_the_deployment_allows_it(deployed):
    change = {"runtime": "langchain"}
    for adapter, override in (("plain", change), ("balanced", {"upstreams": {"one": change}})):
        with pytest.raises(PolicyError, match="runtime: langchain is refused to callers"):
            await deployed("dev").resolve(adapter, override, caller=ADMIN)
    await deployed("dev", langchain_runtime=True).resolve("plain", change, caller=ADMIN)
