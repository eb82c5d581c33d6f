"""Prompts of Bedrock's prompt management as documents of ours."""

from __future__ import annotations

import pytest
from dragoman.errors import ConflictError, DocumentError, ModelNotFoundError
from dragoman_aws.prompts import plan, push, read_prompt

from .conftest import ARN, HAIKU, prompt
from .test_pushing import TOOL

SONNET = "anthropic.claude-sonnet-4-20250514-v1:0"


def variant(**members):
    """Return a variant as the service has it; ``None`` takes a member out."""
    text = {"text": {"text": "Say {{word}}.", "inputVariables": [{"name": "word"}]}}
    whole = {"name": "v1", "templateType": "TEXT", "templateConfiguration": text, "modelId": ARN, **members}
    return {name: value for name, value in whole.items() if value is not None}


def chat(**members):
    messages = [{"role": "user", "content": [{"text": "Hello"}]}]
    return variant(templateType="CHAT", templateConfiguration={"chat": {"messages": messages, **members}})


@pytest.fixture
def kept(service):
    """Put a prompt into the account and return its id."""

    def keep(name="greeting", **members):
        number = len(service.drafts)
        prompt_id = f"KEPT{number:06d}"
        arn = f"arn:aws:bedrock:us-east-1:111122223333:prompt/{prompt_id}"
        stamp = "2026-11-01T00:00:00+00:00"
        row = {"id": prompt_id, "arn": arn, "name": name, "version": "DRAFT", "createdAt": stamp, "updatedAt": stamp}
        service.drafts[prompt_id] = {**row, **members}
        service.versions[prompt_id] = []
        return prompt_id

    return keep


async def test_what_was_pushed_comes_back_as_it_was(engine, prompts, service):
    variants = {
        "plain": {"adapter": "haiku", "text": "a {{x}}", "inference": {"top_k": 20}},
        "chat": {
            "adapter": "team-a",
            "system": "Be {{mood}}.",
            "messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "{{x}}"}],
            "tools": [TOOL],
            "tool_choice": "search",
            "inference": {
                "temperature": 0.2,
                "stop_sequences": ["END"],
                "top_k": 5,
                "cache_points": ["tools", "system", "messages"],
            },
        },
        "cached": {"adapter": "team-a", "text": "a {{x}}", "inference": {"cache_points": ["messages"]}},
    }
    document = prompt(variants=variants, description="Three ways.")
    await push(prompts, await plan(engine, prompts, document))
    for name, written in variants.items():
        found = await read_prompt(engine, prompts, f"summary-{name}")
        whole = {**found.as_document(), "name": "summary"}
        again = prompt(**{**whole, "variants": {name: dict(found.members)}})
        assert (found.name, found.variant) == (f"summary-{name}", name)
        assert (await plan(engine, prompts, again)).changes == ()
        # What the adapter says is in Bedrock's prompt, and so becomes the variant's own.
        inference = {**({"max_tokens": 500, "temperature": 0.7} if name == "plain" else {}), **written["inference"]}
        assert found.members == {**written, "inference": inference}


async def test_a_version_is_read_by_number_and_by_arn(engine, prompts, service):
    for text in ("a {{x}}", "b {{x}}"):
        await push(prompts, await plan(engine, prompts, prompt(text=text), with_version=True))
    arn = "arn:aws:bedrock:us-east-1:111122223333:prompt/PROMPT0001"
    for reference, version, text in (
        ("summary-plain", "1", "a {{x}}"),
        (f"{arn}:1", None, "a {{x}}"),
        ("PROMPT0001", "2", "b {{x}}"),
        (arn, None, "b {{x}}"),
    ):
        found = await read_prompt(engine, prompts, reference, version=version)
        assert found.members["text"] == text
        assert any("the draft, which may change" in told for told in found.notes) is (found.source.version == "DRAFT")


async def test_the_adapter_that_fits_best_is_taken(engine, prompts, kept, deployment):
    fitting = "provider: bedrock\nmodel: us.anthropic.claude-3-haiku-20240307-v1:0\n"
    (deployment / "adapters" / "bare.yaml").write_text(fitting, encoding="utf-8")
    elsewhere = f"{fitting}connection: {{region: eu-west-1}}\n"
    (deployment / "adapters" / "away.yaml").write_text(elsewhere, encoding="utf-8")
    await engine.reload()
    kept(variants=[variant(modelId=f"arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.{HAIKU}")])
    found = await read_prompt(engine, prompts, "greeting")
    assert found.members["adapter"] == "bare"
    assert "the adapter bare is taken; haiku call the model as well" in found.notes
    assert found.adapter is None


async def test_what_the_adapter_adds_is_told(engine, prompts, kept):
    kept(variants=[variant(modelId=f"us.{HAIKU}", inferenceConfiguration={"text": {"maxTokens": 9}})])
    found = await read_prompt(engine, prompts, "greeting")
    assert found.members == {"adapter": "haiku", "text": "Say {{word}}.", "inference": {"max_tokens": 9}}
    assert "inferenceConfiguration.text.temperature: the adapter haiku says it otherwise than Bedrock's prompt" in (
        found.notes
    )


async def test_an_adapter_is_made_for_the_model(engine, prompts, kept):
    fields = {"top_k": 7, "thinking": {"type": "enabled", "budget_tokens": 2000}, "own": {"member": 1}}
    kept(variants=[variant(modelId=f"us.{SONNET}", additionalModelRequestFields=fields)])
    with pytest.raises(ModelNotFoundError, match=r"no adapter calls us\.anthropic\.claude-sonnet-4") as refused:
        await read_prompt(engine, prompts, "greeting")
    assert "--write-adapter NAME makes one, or --adapter NAME" in str(refused.value.hint)
    found = await read_prompt(engine, prompts, "greeting", new_adapter="sonnet")
    assert found.adapter == {
        "name": "sonnet",
        "provider": "bedrock",
        "model": f"us.{SONNET}",
        "base_model": SONNET,
        "connection": {"region": "us-east-1"},
        "model_kwargs": {"own": {"member": 1}},
    }
    assert found.members == {
        "adapter": "sonnet",
        "text": "Say {{word}}.",
        "inference": {"top_k": 7, "reasoning": {"budget_tokens": 2000}},
    }
    assert [told for told in found.notes if "otherwise" in told] == []


async def test_fields_that_no_setting_is_need_an_adapter_of_their_own(engine, prompts, kept):
    kept(variants=[variant(additionalModelRequestFields={"own": 1})])
    with pytest.raises(DocumentError, match=r"additionalModelRequestFields: would be another one with .* team-a"):
        await read_prompt(engine, prompts, "greeting")


@pytest.mark.parametrize(
    ("wire", "problem"),
    [
        (
            variant(genAiResource={"agent": {"agentIdentifier": "arn:aws:bedrock:us-east-1:1:agent-alias/A/B"}}),
            "genAiResource: it is asked of an agent",
        ),
        (variant(modelId=None), "modelId: is missing"),
        (
            variant(templateConfiguration={"text": {"text": "{{first-name}}"}}),
            r"templateConfiguration\.text\.text: has double braces that are no variable",
        ),
        (variant(templateConfiguration={"text": {"text": "a }} b"}}), "has double braces"),
        (
            variant(templateConfiguration={"text": {"text": "a", "inputVariables": [{"name": "b"}]}}),
            "inputVariables: declares b, which is nowhere in the text",
        ),
        (
            chat(system=[{"cachePoint": {"type": "default"}}, {"text": "a"}]),
            r"chat\.system\.0\.cachePoint: has no place",
        ),
        (
            chat(
                messages=[
                    {"role": "user", "content": [{"text": "a"}, {"cachePoint": {"type": "default"}}]},
                    {"role": "assistant", "content": [{"text": "b"}]},
                ]
            ),
            r"chat\.messages\.0\.content\.1\.cachePoint: has no place",
        ),
        (chat(messages=[]), r"chat\.messages: says nothing"),
    ],
)  # fmt: skip
async def test_what_has_no_place_is_refused_with_its_path(engine, prompts, kept, wire, problem):
    kept(variants=[wire])
    with pytest.raises(DocumentError, match=problem):
        await read_prompt(engine, prompts, "greeting", new_adapter="made")


async def test_texts_are_put_together_where_a_document_has_one(engine, prompts, kept):
    blocks = [{"text": "a"}, {"text": "b"}]
    tool = {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}
    choice = {"tools": [tool], "toolChoice": {"any": {}}}
    kept(
        variants=[
            chat(
                system=blocks,
                messages=[{"role": "user", "content": blocks}, {"role": "user", "content": [{"text": "c"}]}],
                toolConfiguration=choice,
            )
        ]
    )
    found = await read_prompt(engine, prompts, "greeting")
    assert found.members == {
        "adapter": "team-a",
        "system": "a\n\nb",
        "messages": [{"role": "user", "content": "a\n\nb\n\nc"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "tool_choice": "required",
    }
    assert "templateConfiguration.chat.system: its texts are put together here" in found.notes
    prompt(variants={"v": dict(found.members)})  # it holds


async def test_the_model_goes_over_an_adapters_connection_where_none_calls_it(engine, prompts, kept):
    kept(variants=[variant(modelId=f"us.{SONNET}", additionalModelRequestFields={"top_k": 7})])
    found = await read_prompt(engine, prompts, "greeting", over="team-a")
    assert found.members == {
        "adapter": "team-a",
        "model": f"us.{SONNET}",
        "base_model": SONNET,
        "text": "Say {{word}}.",
        "inference": {"top_k": 7},
    }
    again = prompt("greeting", variants={"v1": dict(found.members)})
    planned = await plan(engine, prompts, again)
    assert planned.steps[0].draft.variant["modelId"] == f"us.{SONNET}"
    assert planned.steps[0].draft.variant["additionalModelRequestFields"] == {"top_k": 7}


async def test_what_stays_there_is_told(engine, prompts, kept):
    key = "arn:aws:kms:us-east-1:111122223333:key/12345678-1234-1234-1234-123456789012"
    kept(variants=[variant(metadata=[{"key": "owner", "value": "x"}])], customerEncryptionKeyArn=key)
    found = await read_prompt(engine, prompts, "greeting")
    assert found.notes[:2] == (
        "metadata owner stays in Bedrock",
        f"it is encrypted with {key} there; a document here is not",
    )


async def test_prompts_that_are_not_there(engine, prompts, kept):
    with pytest.raises(ModelNotFoundError, match="there is no prompt 'greeting' in us-east-1"):
        await read_prompt(engine, prompts, "greeting")
    ids = [kept(variants=[]), kept(variants=[])]
    with pytest.raises(ConflictError, match="2 prompts are called greeting") as several:
        await read_prompt(engine, prompts, "greeting")
    assert str(several.value.hint) == f"name one: {', '.join(ids)}"
    with pytest.raises(DocumentError, match="variants: there is none"):
        await read_prompt(engine, prompts, ids[0])
    with pytest.raises(DocumentError, match="it is in eu-west-1, and us-east-1 is asked"):
        await read_prompt(engine, prompts, "arn:aws:bedrock:eu-west-1:111122223333:prompt/KEPT000000")


async def test_all_pages_are_listed_and_a_prompt_is_deleted(prompts, kept):
    names = [f"p{number}" for number in range(5)]
    for name in names:
        kept(name, variants=[variant()])
    told = []
    assert [p.name for p in await prompts.list(told.append)] == names
    assert told == ["2 so far, asking for more", "4 so far, asking for more"]
    await prompts.delete("p3")
    assert "p3" not in [p.name for p in await prompts.list()]
