"""A declared set: the plan, carrying it out, and that a second time changes nothing."""

from __future__ import annotations

import pytest
from dragoman.errors import ConflictError, DocumentError, ModelNotFoundError
from dragoman_aws.profiles.declared import DeclaredProfile, apply, plan, read_declaration

HAIKU, SONNET = "anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-5-sonnet-20240620-v1:0"


@pytest.fixture
async def clean(profiles):
    for profile in await profiles.list():
        await profiles.delete(profile.arn)
    return profiles


def actions(planned):
    return {step.declared.name: step.action for step in planned.steps}


async def test_a_set_is_created_and_then_left_alone(clean, tell, told):
    declared = [
        DeclaredProfile("team-a", HAIKU, "cost of a", {"team": "a"}),
        DeclaredProfile("team-b", f"us.{HAIKU}", None, {"team": "b"}),
    ]
    planned = await plan(clean, declared, tell)
    assert actions(planned) == {"team-a": "create", "team-b": "create"}
    assert [p.name for p in await clean.list()] == []
    made = await apply(clean, planned, tell)
    assert [p.name for p in made] == ["team-a", "team-b"]
    assert "create team-a" in told

    again = await plan(clean, declared)
    assert actions(again) == {"team-a": "leave", "team-b": "leave"}
    assert again.changes == ()
    assert [p.arn for p in await apply(clean, again)] == [p.arn for p in made]


async def test_tags_are_changed_in_place_and_other_changes_replace(clean):
    await apply(
        clean,
        await plan(
            clean,
            [
                DeclaredProfile("tagged", HAIKU, None, {"team": "a", "old": "1"}),
                DeclaredProfile("moved", HAIKU, None, {"team": "a"}),
                DeclaredProfile("described", HAIKU),
                DeclaredProfile("forgotten", HAIKU),
            ],
        ),
    )
    before = {p.name: p.arn for p in await clean.list()}
    planned = await plan(
        clean,
        [
            DeclaredProfile("tagged", HAIKU, None, {"team": "b"}),
            DeclaredProfile("moved", SONNET),
            DeclaredProfile("described", HAIKU, "now with words"),
        ],
    )
    assert actions(planned) == {"tagged": "tag", "moved": "replace", "described": "replace"}
    assert planned.steps[0].reasons == ("tag team=b", "no tag old")
    assert planned.steps[1].reasons == (f"its source is not {SONNET}",)
    assert [p.name for p in planned.undeclared] == ["forgotten"]

    done = {p.name: p for p in await apply(clean, planned)}
    after = {p.name: p.arn for p in await clean.list()}
    assert done["tagged"].tags == {"team": "b"}
    assert after["tagged"] == before["tagged"]
    assert after["moved"] not in before.values()
    assert (done["moved"].base_model, done["moved"].tags) == (SONNET, {"team": "a"})
    assert done["described"].description == "now with words"
    assert sorted(after) == ["described", "forgotten", "moved", "tagged"]


async def test_a_source_that_is_not_there_stops_before_anything_is_done(clean):
    declared = [DeclaredProfile("good", HAIKU), DeclaredProfile("bad", "us.nobody.knows-this")]
    with pytest.raises(ModelNotFoundError):
        await plan(clean, declared)
    assert await clean.list() == []


async def test_a_name_that_several_have_is_refused(clean):
    for _ in range(2):
        await clean.create("twins", HAIKU)
    with pytest.raises(ConflictError, match="2 profiles are called twins"):
        await plan(clean, [DeclaredProfile("twins", HAIKU)])


def test_a_declaration_is_read():
    rows = [{"name": "a", "source": HAIKU, "tags": {"team": "a"}}, {"name": "b", "source": f"us.{HAIKU}"}]
    assert read_declaration({"profiles": rows}, "profiles.yaml") == [
        DeclaredProfile("a", HAIKU, None, {"team": "a"}),
        DeclaredProfile("b", f"us.{HAIKU}"),
    ]


def test_every_problem_of_a_declaration_is_told_with_its_path():
    rows = [
        {"name": "a?", "source": HAIKU},
        {"name": "b", "sauce": 1},
        3,
        {"name": "c", "source": "x", "tags": {"n": 1}},
    ]
    with pytest.raises(DocumentError) as refused:
        read_declaration({"profiles": rows, "more": 1}, "profiles.yaml")
    paths = [problem.path for problem in refused.value.problems]
    assert paths == [
        "more",
        "profiles.0.name",
        "profiles.1.sauce",
        "profiles.1.source",
        "profiles.2",
        "profiles.3.tags",
    ]
    with pytest.raises(DocumentError, match="'a' is declared twice"):
        read_declaration({"profiles": [{"name": "a", "source": HAIKU}] * 2}, "profiles.yaml")
