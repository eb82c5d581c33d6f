"""Ways around a check that looks at what is written instead of at what it does."""

import json

import pytest
from dragoman import Caller
from dragoman.errors import AdapterNotFoundError, DocumentError, DragomanError, PolicyError

USER = Caller("somebody")


@pytest.mark.parametrize(
    "override",
    [
        pytest.param({"base": "on-secret"}, id="a base that points at another one"),
        pytest.param({"upstreams": {"one": {"connection": {"region": "evil"}}}}, id="an upstream's patch"),
        pytest.param({"upstreams": {"two": {"tier": 0, "weight": 9}}}, id="another upstream's turn"),
        pytest.param({"upstreams": {"one": None}}, id="an upstream taken out"),
        pytest.param({"upstreams": None}, id="all upstreams taken out"),
        pytest.param({"connection": {"region": "here"}}, id="the value beneath an upstream's patch"),
        pytest.param({"connection": None}, id="a section taken out"),
        pytest.param({"connection": {"region": None}}, id="a field taken out"),
        pytest.param({"provider": "shed"}, id="another provider, which drops the connection"),
        pytest.param({"model_kwargs": {"prompt": "x", "model": "m-2"}}, id="the model in model_kwargs"),
        pytest.param({"endpoint_kwargs": {"EndpointName": "other"}}, id="the endpoint in endpoint_kwargs"),
        pytest.param({"rules": []}, id="the rules taken out"),
        pytest.param({"limits": {"max_attempts": 10}}, id="more attempts"),
    ],
)
async def test_a_user_cannot_change_where_calls_go(deployed, override):
    for stage in ("dev", "prod"):
        with pytest.raises(PolicyError):
            await deployed(stage).resolve("balanced", override, caller=USER)


@pytest.mark.parametrize("upstreams", [{"first": None}, {"third": {}}, {"first": {"connection": {}}}])
async def test_an_upstream_without_a_patch_is_not_taken_out_or_put_in(deployed, upstreams):
    engine = deployed()
    assert (await engine.resolve("plain-first", caller=USER)).target.model == "m-1"
    with pytest.raises(PolicyError) as caught:
        await engine.resolve("plain-first", {"upstreams": upstreams}, caller=USER)
    assert [p.path.split(".")[0] for p in caught.value.problems] == ["upstreams"]


@pytest.mark.parametrize(
    "override",
    [
        pytest.param(json.dumps({"model": "m-2"}), id="JSON text for the override"),
        pytest.param({"connection": json.dumps({"region": "evil"})}, id="JSON text for a section"),
        pytest.param({"inference": json.dumps({"temperature": 0})}, id="JSON text for inference"),
        pytest.param({"Model": "m-2"}, id="upper case"),
        pytest.param({"m\u043edel": "m-2"}, id="a Cyrillic letter"),
        pytest.param({"model\u200b": "m-2"}, id="a zero-width space"),
        pytest.param({"connection.region": "evil"}, id="a dotted name"),
        pytest.param({"__proto__": {"model": "m-2"}}, id="a prototype"),
        pytest.param({"inference": {"Temperature": 0}}, id="upper case in inference"),
        pytest.param({"inference": {"temper\u0430ture": 0}}, id="a Cyrillic letter in inference"),
        pytest.param({"inference": {"connection": {"region": "evil"}}}, id="a section inside inference"),
        pytest.param({"inference": {"configuration": "../adapters/plain"}}, id="a path for a configuration"),
        pytest.param([["model", "m-2"]], id="pairs"),
    ],
)
async def test_what_is_no_layer_of_a_document_is_refused(deployed, override):
    for caller in (USER, Caller("boss", roles=["admin"])):
        with pytest.raises(DragomanError) as caught:
            await deployed("dev").resolve("plain", override, caller=caller)
        assert isinstance(caught.value, DocumentError | PolicyError)


@pytest.mark.parametrize("inference", [{"model": "m-2"}, {"connection": {"region": "evil"}}, {"base": "on-secret"}])
async def test_the_calls_own_parameters_are_inference_and_nothing_else(deployed, inference):
    with pytest.raises(DocumentError, match="is not an inference setting"):
        await deployed("dev").resolve("plain", None, inference, caller=USER)


async def test_of_two_members_of_one_name_the_one_that_counts_is_judged(deployed):
    import orjson

    override = orjson.loads('{"inference": {"seed": 1}, "inference": {"seed": 2}, "model": "m-1", "model": "m-2"}')
    with pytest.raises(PolicyError) as caught:
        await deployed().resolve("plain", override, caller=USER)
    assert [p.path for p in caught.value.problems] == ["model"]


async def test_a_whole_document_is_judged_field_by_field(deployed):
    document = {"provider": "vault", "model": "m-1", "inference": {"seed": 1}}
    with pytest.raises(PolicyError) as caught:
        await deployed("dev").resolve(document, caller=USER)
    assert [p.path for p in caught.value.problems] == ["provider", "model"]
    with pytest.raises(PolicyError) as caught:
        await deployed("dev").resolve({"base": "plain", "inference": {"seed": 1}}, caller=USER)
    assert [p.path for p in caught.value.problems] == ["base"]


async def test_an_allowed_answer_is_not_given_to_a_caller_with_other_rights(deployed):
    engine = deployed("dev")
    change = {"model": "m-2"}
    admin = Caller("boss", roles=["admin"])
    assert (await engine.resolve("plain", change, caller=admin)).target.model == "m-2"
    for caller in (USER, Caller("boss", roles=["admin"], adapters=["balanced"])):
        with pytest.raises((PolicyError, AdapterNotFoundError)):
            await engine.resolve("plain", change, caller=caller)
    assert (await engine.resolve("plain", change, caller=admin)).target.model == "m-2"


async def test_a_base_that_is_not_there_is_refused_as_one_that_is(deployed):
    told = set()
    for base in ("secret-base", "no-such-base"):
        with pytest.raises(PolicyError) as caught:
            await deployed().resolve("plain", {"base": base}, caller=Caller("somebody", adapters=["plain"]))
        told |= {str(problem) for problem in caught.value.problems if problem.path == "base"}
    assert told == {"base: may be changed by role admin in stage dev only"}


async def test_a_change_of_endless_values_is_refused_before_it_costs_anything(deployed):
    engine, developer = deployed("dev"), Caller("somebody", roles=["developer"])
    many = {f"k{number}": number for number in range(100_000)}
    for override in (
        {"model_kwargs": many},
        {"model_kwargs": {"x": [list(range(100_000))]}},
        {"aliases": ["a"] * 9999},
    ):
        with pytest.raises(DocumentError, match="override: holds more than 2000 values"):
            await engine.resolve("plain", override, caller=developer)
    with pytest.raises(DocumentError, match="holds more than 2000 values"):
        await engine.resolve({"base": "plain", "model_kwargs": many}, caller=developer)
    with pytest.raises(DocumentError, match="call: holds more than 2000 values"):
        await engine.resolve("plain", None, {"stop_sequences": ["x"] * 9999}, caller=developer)
    schema = {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": many}}}
    await engine.resolve("plain", None, schema, caller=developer)
    await engine.resolve("plain", {"model_kwargs": many})  # the program's own
