"""Where settings go: Converse's own members, a family's rows, an adapter's own, the call's arguments."""

from __future__ import annotations

import json

import pytest
from dragoman.errors import UnsupportedError
from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.bedrock.families import FAMILIES, FAMILY_OF, SETTINGS
from pydantic import ValidationError

ARN = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/cew2pa5r8hog"


def test_common_settings(speak):
    body = speak().body(temperature=0.5, top_p=0.25, max_tokens=7, stop_sequences=["X"])
    assert body["inferenceConfig"] == {"temperature": 0.5, "topP": 0.25, "maxTokens": 7, "stopSequences": ["X"]}


def test_nothing_set_writes_nothing(speak):
    assert set(speak().body()) == {"messages"}


@pytest.mark.parametrize(
    ("family", "settings", "fields"),
    [
        ("claude", {"top_k": 3}, {"top_k": 3}),
        ("claude", {"anthropic_version": "v"}, {"anthropic_version": "v"}),
        ("claude", {"anthropic_beta": ["b"]}, {"anthropic_beta": ["b"]}),
        (
            "claude",
            {"reasoning": {"budget_tokens": 1024}},
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        ),
        (
            "claude-adaptive",
            {"reasoning": {"effort": "high"}},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
        ("nova", {"top_k": 20}, {"inferenceConfig": {"topK": 20}}),
        (
            "nova-2",
            {"reasoning": {"effort": "low"}, "top_k": 2},
            {"inferenceConfig": {"topK": 2}, "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
        ),
        ("cohere-command", {"top_k": 3, "seed": 1}, {"k": 3, "seed": 1}),
        ("gpt-oss", {"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ("qwen", {"reasoning": {"effort": "high"}}, {"reasoning_config": "high"}),
    ],
)  # fmt: skip
def test_a_familys_settings_go_where_its_row_says(speak, family, settings, fields):
    body = speak(family=family).body(**settings)
    assert body["additionalModelRequestFields"] == fields
    assert "outputConfig" not in body


def test_the_family_follows_from_the_base_model(speak):
    body = speak(ARN, base_model="amazon.nova-pro-v1:0").body(top_k=20)
    assert body["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 20}}


def test_a_declared_family_counts_more_than_the_base_model(speak):
    body = speak(ARN, base_model="amazon.nova-pro-v1:0", family="claude").body(top_k=20)
    assert body["additionalModelRequestFields"] == {"top_k": 20}


@pytest.mark.parametrize("model", ["anthropic.claude-3-haiku-20240307-v1:0", "us.anthropic.claude-sonnet-4-6", ARN])
def test_the_model_itself_says_nothing_about_its_family(speak, model):
    with pytest.raises(UnsupportedError, match=r"declare connection\.family or base_model") as caught:
        speak(model).body(top_k=3)
    assert caught.value.path == "inference.top_k"


@pytest.mark.parametrize("family", [None, "claude", "a-future-one"])
def test_effort_has_a_member_of_converse(speak, family):
    family = None if family == "a-future-one" else family
    assert speak(family=family).body(reasoning={"effort": "low"})["outputConfig"] == {"effort": "low"}


@pytest.mark.parametrize(
    ("family", "settings", "path"),
    [
        ("nova", {"reasoning": {"effort": "low"}}, "inference.reasoning.effort"),
        ("claude-adaptive", {"reasoning": {"budget_tokens": 1}}, "inference.reasoning.budget_tokens"),
        ("claude", {"seed": 1}, "inference.seed"),
        ("llama", {"top_k": 1}, "inference.top_k"),
        ("claude", {"response_format": {"type": "json_object"}}, "inference.response_format"),
        ("claude", {"response_format": {"type": "json_schema"}}, "inference.response_format.json_schema.schema"),
        ("claude", {"strange": 1}, "inference.strange"),
    ],
)
def test_what_has_no_place_is_refused(speak, family, settings, path):
    with pytest.raises(UnsupportedError) as caught:
        speak(family=family).body(**settings)
    assert caught.value.path == path


def test_an_adapter_may_bring_rows_of_its_own(speak):
    rows = {"top_k": {"sampling": {"k": "$value"}}, "seed": None}
    body = speak(family="cohere-command", request_fields=rows).body(top_k=3, presence_penalty=0.5)
    assert body["additionalModelRequestFields"] == {"sampling": {"k": 3}, "presence_penalty": 0.5}
    with pytest.raises(UnsupportedError):
        speak(family="cohere-command", request_fields=rows).body(seed=1)


def test_structured_output(speak):
    schema = {"type": "object", "properties": {"a": {"type": "null"}}}
    body = speak().body(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
    text_format = body["outputConfig"]["textFormat"]
    assert text_format["type"] == "json_schema"
    assert text_format["structure"]["jsonSchema"]["name"] == "n"
    assert json.loads(text_format["structure"]["jsonSchema"]["schema"]) == schema


def test_latency_and_tier(speak):
    body = speak().body(performance_latency="optimized", service_tier="flex")
    assert (body["performanceConfig"], body["serviceTier"]) == ({"latency": "optimized"}, {"type": "flex"})


def test_guardrail(speak):
    guardrail = {"identifier": "abc", "version": "DRAFT", "trace": "enabled_full", "stream_processing_mode": "async"}
    speaker = speak(guardrail=guardrail)
    whole = {"guardrailIdentifier": "abc", "guardrailVersion": "DRAFT", "trace": "enabled_full"}
    assert speaker.body()["guardrailConfig"] == whole
    assert speaker.body(stream=True)["guardrailConfig"] == {**whole, "streamProcessingMode": "async"}


# --- model_kwargs ------------------------------------------------------------------------------------------------


def test_own_members_go_beside_the_familys(speak):
    body = speak(family="claude-adaptive").body(
        reasoning={"effort": "low"}, model_kwargs={"thinking": {"display": "omitted"}, "odd": None}
    )
    assert body["additionalModelRequestFields"] == {
        "thinking": {"type": "adaptive", "display": "omitted"},
        "output_config": {"effort": "low"},
        "odd": None,
    }


@pytest.mark.parametrize(
    ("family", "kwargs", "path"),
    [
        ("claude", {"top_k": 3}, "model_kwargs.top_k"),
        ("claude", {"thinking": {"type": "enabled"}}, "model_kwargs.thinking.type"),
        ("nova", {"inferenceConfig": {"topK": 3}}, "model_kwargs.inferenceConfig.topK"),
        (None, {"messages": []}, "model_kwargs.messages"),
        (None, {"system": "x"}, "model_kwargs.system"),
        (None, {"max_tokens": 1}, "model_kwargs.max_tokens"),
    ],
)
def test_own_members_replace_nothing_that_a_setting_writes(speak, family, kwargs, path):
    with pytest.raises(UnsupportedError) as caught:
        speak(family=family).body(model_kwargs=kwargs)
    assert caught.value.path == path


@pytest.mark.parametrize("kwargs", [{"thinking": 1}, {"thinking": None}, {"inferenceConfig": []}])
def test_own_members_replace_no_object_that_a_setting_writes_into(speak, kwargs):
    family = "claude" if "thinking" in kwargs else "nova"
    with pytest.raises(UnsupportedError):
        speak(family=family).body(model_kwargs=kwargs)


def test_the_adapters_own_values_are_left_as_they_are(speak):
    kwargs = {"thinking": {"display": "omitted"}}
    speaker = speak(family="claude-adaptive")
    speaker.body(model_kwargs=kwargs)
    speaker.body(reasoning={"effort": "low"}, model_kwargs=kwargs)
    assert kwargs == {"thinking": {"display": "omitted"}}
    assert speaker.body(model_kwargs=kwargs)["additionalModelRequestFields"] == kwargs


# --- endpoint_kwargs ---------------------------------------------------------------------------------------------


def test_arguments_of_the_call(speak):
    wire = speak().wire(
        endpoint_kwargs={
            "requestMetadata": {"team": "a"},
            "promptVariables": {"name": "Ann", "place": {"text": "Rome"}},
            "additionalModelResponseFieldPaths": ["/stop_sequence"],
            "headers": {"X-Team": "a"},
        }
    )
    body = json.loads(wire.body)
    assert body["requestMetadata"] == {"team": "a"}
    assert body["promptVariables"] == {"name": {"text": "Ann"}, "place": {"text": "Rome"}}
    assert body["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    assert wire.headers["X-Team"] == "a"


@pytest.mark.parametrize(
    ("kwargs", "path"),
    [
        ({"modelId": "other"}, "endpoint_kwargs.modelId"),
        ({"guardrailConfig": {}}, "endpoint_kwargs.guardrailConfig"),
        ({"requestMetadata": {}}, "endpoint_kwargs.requestMetadata"),
        ({"requestMetadata": {"a": 1}}, "endpoint_kwargs.requestMetadata"),
        ({"promptVariables": {"a": 1}}, "endpoint_kwargs.promptVariables"),
        ({"additionalModelResponseFieldPaths": ["x"]}, "endpoint_kwargs.additionalModelResponseFieldPaths"),
        ({"headers": {"Authorization": "x"}}, "endpoint_kwargs.headers.Authorization"),
        ({"headers": {"X-Amz-Security-Token": "x"}}, "endpoint_kwargs.headers.X-Amz-Security-Token"),
        ({"headers": {"X-A": "a\r\nb"}}, "endpoint_kwargs.headers.X-A"),
    ],
)
def test_other_arguments_are_refused(speak, kwargs, path):
    with pytest.raises(UnsupportedError) as caught:
        speak().body(endpoint_kwargs=kwargs)
    assert caught.value.path == path


# --- the target --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "segment"),
    [
        ("anthropic.claude-opus-4-7", "anthropic.claude-opus-4-7"),
        ("us-gov.anthropic.claude-3-haiku-20240307-v1:0", "us-gov.anthropic.claude-3-haiku-20240307-v1%3A0"),
        (ARN, ARN.replace(":", "%3A").replace("/", "%2F")),
        ("arn:aws:bedrock:us-east-1:1:prompt/P1:2", "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aprompt%2FP1%3A2"),
        ("arn:aws:sagemaker:us-east-1:1:endpoint/a_b~c", "arn%3Aaws%3Asagemaker%3Aus-east-1%3A1%3Aendpoint%2Fa_b~c"),
    ],
)
def test_the_model_is_one_segment_of_the_path(speak, model, segment):
    wire = speak(model).wire()
    assert wire.url == f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{segment}/converse"
    assert speak(model).wire(stream=True).url.endswith(f"/model/{segment}/converse-stream")


def test_the_address_that_is_written_is_used(speak):
    assert speak(endpoint_url="https://vpce-1.example/").wire().url == "https://vpce-1.example/model/m/converse"


@pytest.mark.parametrize(
    "connection",
    [
        {"family": "claud"},
        {"request_fields": {"temperature": {"t": "$value"}}},
        {"guardrail": {"identifier": "ABC", "version": "1"}},
        {"guardrail": {"identifier": "abc", "version": "latest"}},
        {"modle": "x"},
    ],
)
def test_a_connection_that_does_not_hold_is_refused(connection):
    with pytest.raises(ValidationError):
        BedrockConnection.model_validate(connection)


def test_every_row_speaks_of_known_settings_and_families():
    assert set().union(*FAMILIES.values()) <= set(SETTINGS)
    assert set(FAMILY_OF.values()) <= set(FAMILIES)


def test_the_same_request_is_the_same_bytes(speak):
    said = {"temperature": 0.5, "top_p": 0.5, "max_tokens": 3, "top_k": 2, "service_tier": "flex"}
    backwards = dict(reversed(said.items()))
    assert speak(family="claude").wire(**said).body == speak(family="claude").wire(**backwards).body
