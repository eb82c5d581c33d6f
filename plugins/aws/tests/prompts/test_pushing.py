"""Prompts of ours in Bedrock's prompt management, and what has no place there."""

from __future__ import annotations

import pytest
from dragoman.errors import DocumentError
from dragoman_aws.profiles import Account
from dragoman_aws.prompts import ManagedPrompts, plan, push

from .conftest import ARN, HAIKU, prompt

TOOL = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Searches.",
        "parameters": {"type": "object", "properties": {"Query": {"type": "string"}}},
        "strict": True,
    },
}


async def pushed(engine, prompts, document, **more):
    planned = await plan(engine, prompts, document, **more)
    return [one.step.action for one in await push(prompts, planned)]


async def test_a_text_becomes_a_draft_with_model_settings_and_variables(engine, prompts, service):
    document = prompt(text="Say {{ greeting }} to {{name}}, {{ greeting }}!", description="Greets.")
    assert await pushed(engine, prompts, document) == ["create"]
    [draft] = service.drafts.values()
    assert (draft["name"], draft["description"], draft["defaultVariant"]) == ("summary-plain", "Greets.", "plain")
    [variant] = draft["variants"]
    assert variant["inferenceConfiguration"]["text"].pop("temperature") == pytest.approx(0.7, rel=1e-6)
    assert variant == {
        "name": "plain",
        "templateType": "TEXT",
        "templateConfiguration": {
            "text": {
                "text": "Say {{greeting}} to {{name}}, {{greeting}}!",
                "inputVariables": [{"name": "greeting"}, {"name": "name"}],
            }
        },
        "modelId": f"us.{HAIKU}",
        "inferenceConfiguration": {"text": {"maxTokens": 500}},
    }


async def test_a_conversation_with_tools_goes_as_a_call_would_write_it(engine, prompts, service):
    messages = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "{{ question }}"},
    ]
    inference = {
        "configuration": "precise",
        "top_p": None,
        "top_k": 20,
        "stop_sequences": ["END"],
        "cache_points": ["system"],
    }
    document = prompt(adapter="team-a", system="Be {{ mood }}.", messages=messages, tools=[TOOL], inference=inference)
    await pushed(engine, prompts, document)
    [variant] = next(iter(service.drafts.values()))["variants"]
    assert variant["inferenceConfiguration"]["text"].pop("temperature") == 0
    assert variant == {
        "name": "plain",
        "templateType": "CHAT",
        "templateConfiguration": {
            "chat": {
                "system": [{"text": "Be {{mood}}."}, {"cachePoint": {"type": "default"}}],
                "messages": [
                    {"role": "user", "content": [{"text": "Hello"}]},
                    {"role": "assistant", "content": [{"text": "Hi"}]},
                    {"role": "user", "content": [{"text": "{{question}}"}]},
                ],
                "toolConfiguration": {
                    "tools": [
                        {
                            "toolSpec": {
                                "name": "search",
                                "description": "Searches.",
                                "inputSchema": {"json": TOOL["function"]["parameters"]},
                                "strict": True,
                            }
                        }
                    ]
                },
                "inputVariables": [{"name": "mood"}, {"name": "question"}],
            }
        },
        "modelId": ARN,
        "inferenceConfiguration": {"text": {"stopSequences": ["END"]}},
        "additionalModelRequestFields": {"top_k": 20},
    }


async def test_each_variant_is_a_prompt_and_pushed_again_nothing_changes(engine, prompts, service):
    variants = {"plain": {"adapter": "haiku", "text": "a {{x}}"}, "terse": {"adapter": "team-a", "text": "b {{x}}"}}
    document = prompt(variants=variants, title="Summary", default_variant="terse")
    planned = await plan(engine, prompts, document)
    assert service.drafts == {}
    assert planned.notes == ("title is not kept by Bedrock", "default_variant is not kept by Bedrock")
    for _ in range(2):  # one plan carried out twice makes one of each
        await push(prompts, planned)
    assert sorted(d["name"] for d in service.drafts.values()) == ["summary-plain", "summary-terse"]

    service.calls.clear()
    again = await plan(engine, prompts, document)
    assert again.changes == ()
    assert [one.prompt.name for one in await push(prompts, again)] == ["summary-plain", "summary-terse"]
    assert set(service.calls) == {"ListPrompts", "GetPrompt"}


async def test_only_what_differs_is_written_anew_and_the_plan_says_where(engine, prompts, service):
    variants = {"plain": {"adapter": "haiku", "text": "a {{x}}"}, "terse": {"adapter": "haiku", "text": "b {{x}}"}}
    await pushed(engine, prompts, prompt(variants=variants))
    metadata = [{"key": "owner", "value": "console"}]
    service.drafts["PROMPT0002"]["variants"][0]["metadata"] = metadata
    service.drafts["PROMPT0002"]["customerEncryptionKeyArn"] = KEY
    variants["terse"]["text"] = "c {{y}}"
    planned = await plan(engine, prompts, prompt(variants=variants))
    assert [step.action for step in planned.steps] == ["leave", "update"]
    assert planned.steps[1].reasons == (
        "templateConfiguration.text.text",
        "templateConfiguration.text.inputVariables.0",
    )
    await push(prompts, planned)
    draft = service.drafts["PROMPT0002"]
    assert draft["variants"][0]["templateConfiguration"]["text"]["text"] == "c {{y}}"
    assert (draft["variants"][0]["metadata"], draft["customerEncryptionKeyArn"]) == (metadata, KEY)
    assert service.calls.count("UpdatePrompt") == 1


KEY = "arn:aws:kms:us-east-1:111122223333:key/12345678-1234-1234-1234-123456789012"


async def test_versions_are_made_of_what_is_new(engine, prompts, service):
    document = prompt(text="a {{x}}")
    planned = await plan(engine, prompts, document, with_version=True, version_description="first", tags={"team": "a"})
    [done] = await push(prompts, planned)
    assert done.version.arn == "arn:aws:bedrock:us-east-1:111122223333:prompt/PROMPT0001:1"
    assert service.versions["PROMPT0001"][0]["description"] == "first"
    assert service.tags[done.version.arn] == service.tags[done.prompt.arn] == {"team": "a"}

    again = await plan(engine, prompts, document, with_version=True)
    assert (again.changes, again.steps[0].version) == ((), "1")
    assert [one.version.version for one in await push(prompts, again)] == ["1"]

    for text in ("b {{x}}", "c {{x}}", "d {{x}}"):
        await push(prompts, await plan(engine, prompts, prompt(text=text), with_version=True))
    assert [row["version"] for row in service.versions["PROMPT0001"]] == ["1", "2", "3", "4"]
    assert [p.version for p in await prompts.versions("PROMPT0001")] == ["1", "2", "3", "4"]  # three pages
    back = await plan(engine, prompts, document, with_version=True)
    assert (back.steps[0].action, back.steps[0].new_version) == ("update", True)


async def test_tags_are_set_and_others_stay(engine, prompts, service):
    await pushed(engine, prompts, prompt(text="a"), tags={"team": "a"})
    service.tags["arn:aws:bedrock:us-east-1:111122223333:prompt/PROMPT0001"]["by"] = "hand"
    planned = await plan(engine, prompts, prompt(text="a"), tags={"team": "b"})
    assert (planned.steps[0].action, planned.steps[0].reasons) == ("update", ("tag team=b",))
    await push(prompts, planned)
    assert (await prompts.get("summary-plain", tags=True)).tags == {"team": "b", "by": "hand"}
    assert "UpdatePrompt" not in service.calls
    assert (await plan(engine, prompts, prompt(text="a"), tags={"team": "b"})).changes == ()


@pytest.mark.parametrize(
    ("variant", "problem"),
    [
        ({"adapter": "endpoint"}, "variants.plain.adapter: is one of provider sagemaker"),
        ({"adapter": "missing"}, "variants.plain.adapter: there is no adapter 'missing'"),
        ({"adapter": "embeds"}, "variants.plain.adapter: is one for operation embed"),
        ({"adapter": "guarded"}, "variants.plain.adapter.connection.guardrail: has no place"),
        ({"adapter": "mapped"}, "variants.plain.adapter.mapping: has no place"),
        ({"adapter": "headed"}, "variants.plain.adapter.endpoint_kwargs.requestMetadata: goes with a call"),
        ({"inference": {"seed": 7}}, "variants.plain.inference.seed"),
        ({"inference": {"service_tier": "flex"}}, "variants.plain.inference.service_tier: has no place"),
        ({"inference": {"performance_latency": "optimized"}}, "variants.plain.inference.performance_latency"),
        ({"inference": {"system_tools": ["nova_grounding"]}}, "variants.plain.inference.system_tools"),
        (
            {"inference": {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}}},
            "variants.plain.inference.response_format: has no place",
        ),
        (
            {"inference": {"cache_points": ["messages"], "cache_ttl": "1h"}},
            r"variants.plain.templateConfiguration.text.cachePoint.ttl: is not known to prompt management",
        ),
        ({"text": ""}, "variants.plain.templateConfiguration.text.text: has 0 characters"),
        ({"text": "{{_x}}"}, r"templateConfiguration.text.inputVariables.0.name: has characters"),
        (
            {"text": " ".join(f"{{{{v{n}}}}}" for n in range(21))},
            "variants.plain.templateConfiguration.text.inputVariables: has 21 entries",
        ),
        ({"inference": {"temperature": 1.5}}, "inferenceConfiguration.text.temperature: is 1.5"),
        ({"inference": {"stop_sequences": list("abcde")}}, "text.stopSequences: has 5 entries"),
        (
            {"tools": [{"type": "function", "function": {"name": "a-b"}}]},
            "toolConfiguration.tools.0.toolSpec.name: has characters",
        ),
    ],
)
async def test_what_a_prompt_has_no_place_for_is_refused_before_anything_is_asked(
    engine, prompts, service, variant, problem
):
    with pytest.raises(DocumentError, match=problem):
        await plan(engine, prompts, prompt(variants={"plain": {"adapter": "haiku", "text": "a", **variant}}))
    assert service.calls == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": "a.b"}, r"name a\.b-plain: has characters"),
        ({"description": "x" * 201}, "description: has 201 characters"),
    ],
)
async def test_names_and_descriptions_are_held_to_the_services_model(engine, prompts, service, given, problem):
    with pytest.raises(DocumentError, match=problem):
        await plan(engine, prompts, prompt(text="a", **given))
    with pytest.raises(DocumentError, match="version description: has 0 characters"):
        await plan(engine, prompts, prompt(text="a"), with_version=True, version_description="")
    with pytest.raises(DocumentError, match=r"tags\.team: has 257 characters"):
        await plan(engine, prompts, prompt(text="a"), tags={"team": "a" * 257})
    assert service.calls == []
    planned = await plan(engine, prompts, prompt("a.b", text="a"), stem="a-b")
    assert planned.steps[0].draft.name == "a-b-plain"


async def test_every_problem_of_all_variants_is_told_at_once(engine, prompts):
    variants = {
        "a": {"adapter": "guarded", "text": "x"},
        "b": {"adapter": "haiku", "text": "x", "inference": {"seed": 1}},
    }
    with pytest.raises(DocumentError) as refused:
        await plan(engine, prompts, prompt(variants=variants))
    paths = [problem.path for problem in refused.value.problems]
    assert paths == ["variants.a.adapter.connection.guardrail", "variants.b.inference.seed"]


async def test_a_model_that_is_called_elsewhere_is_told(engine, service):
    override = {"connection": {"region": "eu-west-1"}}
    document = prompt(variants={"plain": {"adapter": "haiku", "text": "a"}})
    async with await Account.of(engine, None, override) as account:
        planned = await plan(engine, ManagedPrompts(account), document)
    assert "haiku is called in us-east-1, and the prompt is kept in eu-west-1" in planned.notes[0]


async def test_an_api_key_is_refused(engine):
    target = (await engine.resolve({"provider": "bedrock", "model": "m", "connection": {"auth": KEY_AUTH}})).target
    with pytest.raises(DocumentError, match="a Bedrock API key cannot call prompt management"):
        ManagedPrompts(Account(engine, target))


KEY_AUTH = {"kind": "bedrock_api_key"}
