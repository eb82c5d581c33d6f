"""Documents of Galileo as adapters: the same endpoint gets the same bytes.

What Galileo sends is worked out here once more, from its own rules and lodash's, so that nothing is held to itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.adapter import Adapter
from dragoman.errors import DocumentError
from dragoman.mapping.paths import shorthand_mapping
from dragoman.plugin import Imported
from dragoman.testing.upstream import Reply
from dragoman_aws.galileo import import_galileo

from .edge import Admitted, Edge

CANARY = "canary-7f3a9b2c4d5e6f708192"
ROLE = "arn:aws:iam::111122223333:role/XAcctInvoke"


class Tools:
    def shorthand_mapping(self, prompt_path: str, kwargs_path: str | None, output_path: str) -> dict[str, Any]:
        return shorthand_mapping(prompt_path, kwargs_path, output_path)


def imported(document: Any) -> Imported:
    return import_galileo(document if isinstance(document, str) else json.dumps(document), Tools())


def only(document: Any) -> dict[str, Any]:
    (adapter,) = imported(document).documents
    Adapter.model_validate(adapter)
    return dict(adapter)


def noted(document: Any) -> dict[str, str]:
    return {note.path: note.message for note in imported(document).notes}


def endpoint(**members: Any) -> dict[str, Any]:
    framework = {"type": "SageMakerEndpoint", "endpointName": "my-endpoint", "endpointRegion": "us-west-2"}
    return {
        "modelId": "org/Some-Model",
        "framework": {**framework, **members.pop("framework", {})},
        **members,
    }


def handler(prompt_key: str | None = None, kwargs_key: str | None = None, output: str | None = None) -> dict[str, Any]:
    given = {"promptKey": prompt_key, "modelKwargsKey": kwargs_key}
    given = {name: value for name, value in given.items() if value is not None}
    return {"contentHandler": {"input": given, **({"output": {"jsonpath": output}} if output else {})}}


# --- what Galileo sends ------------------------------------------------------------------------------------------


def lodash_keys(path: str) -> list[str]:
    """For the paths below: names and indexes between dots and brackets."""
    return [quoted or key for quoted, key in re.findall(r"""\[["']([^"']*)["']\]|([^.\[\]]+)""", path)]


def lodash_set(target: dict[str, Any], path: str, value: Any) -> None:
    keys = [path] if path in target else lodash_keys(path)
    here: Any = target
    for key, following in pairwise(keys):
        below = here[int(key)] if isinstance(here, list) and int(key) < len(here) else None
        below = here.get(key) if isinstance(here, dict) else below
        if not isinstance(below, dict | list):
            below = [] if following.isdecimal() else {}
        lodash_put(here, key, below)
        here = below
    lodash_put(here, keys[-1], value)


def lodash_put(target: Any, key: str, value: Any) -> None:
    if isinstance(target, dict):
        target[key] = value
        return
    target.extend([None] * (int(key) + 1 - len(target)))
    target[int(key)] = value


def galileo_body(model: dict[str, Any], prompt: str) -> bytes:
    """Return what Galileo's content handler makes: the prompt first, then the kwargs."""
    given = model.get("adapter", {}).get("contentHandler", {}).get("input", {})
    kwargs = model["framework"].get("modelKwargs") or {}
    body: dict[str, Any] = {}
    lodash_set(body, given.get("promptKey", "text_inputs"), prompt)
    if "modelKwargsKey" in given:
        lodash_set(body, given["modelKwargsKey"], kwargs)
    else:
        body = {**body, **kwargs}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch, edge: Edge) -> AsyncIterator[Engine]:
    edge.admit(Admitted("AKIDEXAMPLE", CANARY))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    async with Engine(Settings(plugins={"allow": ["aws"]})) as engine:
        yield engine


@pytest.fixture
def at_edge(edge: Edge) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return an adapter addressed to the edge, without the role, which the tests of identities assume."""

    def address(adapter: dict[str, Any]) -> dict[str, Any]:
        connection = {**adapter["connection"], "endpoint_url": edge.url, "auth": {"kind": "aws_keys"}}
        connection.pop("roles", None)
        return {**adapter, "connection": connection, "limits": {"max_attempts": 1}}

    return address


KWARGS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.6, "top_p": 0.9, "max_new_tokens": 500},
    {"do_sample": True, "stop": ["###", "</s>"], "nested": {"a": {"b": [1, "ü"]}}, "seed": 1},
    {"temperature": 1.0, "a.b": 2},
]


@pytest.mark.parametrize("kwargs", KWARGS)
@pytest.mark.parametrize(
    ("prompt_key", "kwargs_key"),
    [
        (None, None),
        ("inputs", "parameters"),
        ("inputs", None),
        ("inputs[0][0].content", "parameters"),
        ("inputs.0.text", "a.b.c"),
        ('body["x.y"]', "body.parameters"),
        ("a[2]", "args.x"),
        ("prompt", "prompt_options['max']"),
    ],
)
async def test_the_same_endpoint_gets_the_same_bytes(
    engine: Engine,
    at_edge: Any,
    edge: Edge,
    prompt_key: str | None,
    kwargs_key: str | None,
    kwargs: dict[str, Any],
) -> None:
    model = endpoint(framework={"modelKwargs": kwargs}, adapter=handler(prompt_key, kwargs_key))
    edge.route("POST", "/endpoints/my-endpoint/invocations", Reply.json([{"generated_text": "Yes"}]))
    response = await engine.chat(at_edge(only(model)), "Grüße?")
    assert response.text == "Yes"
    expected = galileo_body(json.loads(json.dumps(model), parse_float=javascript_number), "Grüße?")
    assert edge.received[-1].body == expected
    assert edge.received[-1].headers["content-type"] == "application/json"
    assert edge.received[-1].headers["accept"] == "application/json"


def javascript_number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (None, [{"generated_text": "Yes"}]),
        ("[0].generation", [{"generation": "Yes"}]),
        ("[0].generation.content", [{"generation": {"role": "assistant", "content": "Yes"}}]),
        ("generated_texts.0", {"generated_texts": ["Yes"]}),
        ('outputs["the text"]', {"outputs": {"the text": "Yes"}}),
        ("a.b", {"a.b": "Yes", "a": {"b": "No"}}),
        ("a.b", {"a": {"b": "Yes"}}),
        ("completion", {"completion": "Yes"}),
    ],
)
async def test_the_answer_is_found_where_lodash_finds_it(
    engine: Engine, at_edge: Any, edge: Edge, path: str | None, answer: Any
) -> None:
    edge.route("POST", "/endpoints/my-endpoint/invocations", Reply.json(answer))
    response = await engine.chat(at_edge(only(endpoint(adapter=handler(output=path)))), "hi")
    assert response.text == "Yes"


async def test_arguments_of_the_call_travel_as_they_did(engine: Engine, at_edge: Any, edge: Edge) -> None:
    kwargs = {
        "CustomAttributes": "accept_eula=true",
        "InferenceComponentName": "ic-llama-1",
        "TargetVariant": "blue",
        "EndpointName": "the-real-one",
    }
    edge.route("POST", "/endpoints/the-real-one/invocations", Reply.json([{"generated_text": "Yes"}]))
    document = endpoint(framework={"endpointKwargs": kwargs})
    assert (await engine.chat(at_edge(only(document)), "hi")).text == "Yes"
    sent = edge.received[-1].headers
    assert sent["x-amzn-sagemaker-custom-attributes"] == "accept_eula=true"
    assert sent["x-amzn-sagemaker-inference-component"] == "ic-llama-1"
    assert sent["x-amzn-sagemaker-target-variant"] == "blue"
    assert "the-real-one is called" in noted(document)["framework.endpointKwargs.EndpointName"]


async def test_partials_become_role_markers(engine: Engine, at_edge: Any, edge: Edge) -> None:
    partials = {"HumanMessage": "<|user|>{{content}}<|end|>", "AIMessage": "<|bot|>{{{ content }}}", "Layout": "x"}
    document = endpoint(adapter={**handler("inputs"), "prompt": {"chat": {"base": partials, "QA": {"template": "q"}}}})
    edge.route("POST", "/endpoints/my-endpoint/invocations", Reply.json([{"generated_text": "Yes"}]))
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    await engine.chat(at_edge(only(document)), messages)
    assert edge.received[-1].json() == {"inputs": "<|user|>a<|end|><|bot|>b<|user|>c<|end|>"}
    notes = noted(document)
    assert "application's prompt" in notes["adapter.prompt.chat.QA"]
    assert "left out" in notes["adapter.prompt.chat.base.Layout"]


@pytest.mark.parametrize(
    "partial",
    ["{{#if x}}{{content}}{{/if}}", "{{~content~}}", "no place", "{{content}} {{content}}", "{{upper content}}"],
)
def test_partials_that_are_more_than_text_are_noted(partial: str) -> None:
    document = endpoint(adapter={"prompt": {"chat": {"base": {"HumanMessage": partial}}}})
    assert "prompt" not in only(document)
    assert "write it as prompt" in noted(document)["adapter.prompt.chat.base.HumanMessage"]


# --- documents ---------------------------------------------------------------------------------------------------


def test_a_custom_model_becomes_a_whole_adapter() -> None:
    document = endpoint(
        name="custom:Llama Chat",
        framework={"role": ROLE, "modelKwargs": {"top_p": 0.9}},
        constraints={"maxTotalTokens": 4096, "maxInputLength": 4095},
        isCustom=True,
    )
    assert only(document) == {
        "version": 1,
        "name": "custom-llama-chat",
        "title": "custom:Llama Chat",
        "aliases": ["custom:Llama Chat"],
        "provider": "sagemaker",
        "model": "my-endpoint",
        "base_model": "org/Some-Model",
        "connection": {"region": "us-west-2", "roles": [{"arn": ROLE}]},
        "model_kwargs": {"top_p": 0.9},
        "mapping": shorthand_mapping(),
        "constraints": {"max_total_tokens": 4096, "max_input_tokens": 4095},
    }


def test_an_inventory_becomes_adapters_under_the_names_that_others_refer_to() -> None:
    models = {
        "bedrock::anthropic.claude-v2": {
            "modelId": "anthropic.claude-v2",
            "name": "Claude",
            "framework": {"type": "Bedrock", "modelId": "anthropic.claude-v2", "region": "us-east-1"},
        },
        "falcon-lite": endpoint(name="Falcon"),
    }
    document = {"defaultModelId": "falcon-lite", "models": models}
    claude, falcon = imported(document).documents
    assert (claude["name"], claude["aliases"]) == (
        "bedrock-anthropic.claude-v2",
        ["bedrock::anthropic.claude-v2"],
    )
    assert claude["title"] == "Claude"
    assert claude["mapping"] == {"preset": "claude-text"}
    assert claude["inference"] == {"max_tokens": 500, "temperature": 0}
    assert (falcon["name"], falcon["title"], falcon["provider"]) == ("falcon-lite", "Falcon", "sagemaker")
    assert "deployment's choice" in noted(document)["defaultModelId"]
    override = only({"uuid": "falcon-lite", "framework": {"role": ROLE, "modelKwargs": {"temperature": 0.9}}})
    assert (override["name"], override["base"]) == ("falcon-lite-custom", falcon["name"])
    assert override["connection"] == {"roles": [{"arn": ROLE}]}
    assert override["model_kwargs"] == {"temperature": 0.9}
    assert not {"provider", "model", "mapping"} & set(override)


def test_names_that_become_alike_stay_apart() -> None:
    documents = imported({"models": {"a::b": endpoint(), "a/b": endpoint()}}).documents
    assert [d["name"] for d in documents] == ["a-b", "a-b-2"]


def test_an_override_takes_away_what_it_sets_to_null() -> None:
    override = only({"uuid": "x", "framework": {"role": None, "modelKwargs": None, "endpointKwargs": None}})
    assert override["connection"] == {"roles": None}
    assert (override["model_kwargs"], override["endpoint_kwargs"]) == (None, None)
    single = {"uuid": "x", "framework": {"modelKwargs": {"top_p": None, "seed": 1}}}
    assert only(single)["model_kwargs"] == {"top_p": None, "seed": 1}
    assert only(endpoint(framework={"modelKwargs": {"top_p": None, "seed": 1}}))["model_kwargs"] == {"seed": 1}
    assert "framework.modelKwargs.top_p" in noted(single)


def test_an_override_of_one_path_leaves_the_others_to_the_base() -> None:
    override = only({"uuid": "x", "adapter": {"contentHandler": {"output": {"jsonpath": "[0].generation"}}}})
    assert override["mapping"] == {"response": {"text": "[0].generation"}, "framing": "json"}


def test_a_requests_model_comes_with_its_own_kwargs() -> None:
    model = endpoint(framework={"modelKwargs": {"temperature": 0.1, "top_p": 0.5}})
    section = {"model": json.dumps(model), "modelKwargs": {"temperature": 0.2}, "endpointKwargs": {"SessionId": "s"}}
    document = {"question": "?", "options": {"llm": section, "memory": {"limit": 3}}}
    adapter = only(document)
    assert adapter["model_kwargs"] == {"temperature": 0.2, "top_p": 0.5}
    assert adapter["endpoint_kwargs"] == {"SessionId": "s"}
    assert "application" in noted(document)["memory"]
    assert only({"llm": {"model": "falcon-lite", "modelKwargs": {"seed": 1}}})["base"] == "falcon-lite"


def test_a_bedrock_model_keeps_host_role_and_typed_kwargs() -> None:
    framework = {
        "type": "Bedrock",
        "modelId": "amazon.titan-text-express-v1",
        "region": "eu-central-1",
        "endpointUrl": "vpce-1.bedrock-runtime.eu-central-1.vpce.amazonaws.com",
        "role": ROLE,
        "modelKwargs": {"maxTokens": 9, "stopSequences": ["x"], "top_p": 0.5},
    }
    adapter = only({"modelId": "titan", "framework": framework})
    assert adapter["connection"] == {
        "region": "eu-central-1",
        "roles": [{"arn": ROLE}],
        "endpoint_url": "https://vpce-1.bedrock-runtime.eu-central-1.vpce.amazonaws.com",
    }
    assert adapter["inference"] == {"max_tokens": 9, "stop_sequences": ["x"], "temperature": 0}
    assert (adapter["model_kwargs"], adapter["mapping"]) == ({"top_p": 0.5}, {"preset": "titan-text"})


def test_a_kwarg_never_takes_the_prompts_place() -> None:
    document = endpoint(framework={"modelKwargs": {"inputs": "x", "seed": 1}}, adapter=handler("inputs"))
    assert only(document)["model_kwargs"] == {"seed": 1}
    assert "over the prompt" in noted(document)["framework.modelKwargs.inputs"]


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"framework": {"modelKwargs": {"a": None}}}, "framework.modelKwargs.a"),
        ({"framework": {"endpointKwargs": {"Flavour": "x"}}}, "framework.endpointKwargs.Flavour"),
        ({"framework": {"endpointKwargs": {"Body": "x"}}}, "framework.endpointKwargs.Body"),
        ({"framework": {"colour": "x"}}, "framework.colour"),
        ({"colour": "x"}, "colour"),
        ({"constraints": {"colour": 1}}, "constraints.colour"),
        ({"adapter": {"contentHandler": {"contentType": "text/plain"}}}, "adapter.contentHandler.contentType"),
        ({"adapter": {"contentHandler": {"input": {"encoding": "latin1"}}}}, "adapter.contentHandler.input.encoding"),
        ({"adapter": {"contentHandler": {"input": {"colour": 1}}}}, "adapter.contentHandler.input.colour"),
    ],
)
def test_what_cannot_be_taken_over_is_noted_with_its_path(members: dict[str, Any], path: str) -> None:
    assert path in noted(endpoint(**members))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no object"),
        ({"modelId": "x"}, "framework: is missing"),
        ({"framework": {"type": "Other"}}, "framework.type: 'Other'"),
        ({"framework": {"type": "SageMakerEndpoint", "endpointName": "x"}}, "framework.endpointRegion: is missing"),
        (endpoint(adapter=handler("a", "a")), "adapter.contentHandler"),
        (endpoint(adapter=handler("__proto__.x")), "adapter.contentHandler"),
        ({"models": {"a": 1}}, "models.a: is no object"),
    ],
)
def test_documents_that_are_none_are_refused_with_their_path(document: Any, said: str) -> None:
    with pytest.raises(DocumentError) as refused:
        imported(document)
    assert said in str(refused.value)


async def test_an_inventory_and_an_override_of_it_can_be_saved_and_called(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, edge: Edge
) -> None:
    edge.admit(Admitted("AKIDEXAMPLE", CANARY))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    edge.route("POST", "/endpoints/.*", Reply.json([{"generated_text": "Yes"}]))
    (tmp_path / "dragoman.toml").write_text(
        f'plugins.allow = ["aws"]\n[connections.sagemaker]\nendpoint_url = "{edge.url}"\nauth.kind = "aws_keys"\n'
    )
    model = endpoint(framework={"modelKwargs": {"temperature": 0.1, "top_p": 0.5}}, adapter=handler("inputs"))
    inventory = imported({"models": {"falcon::lite": model, "falcon/lite": model}})
    override = only({"uuid": "falcon/lite", "name": "Mine", "framework": {"modelKwargs": {"temperature": 0.9}}})
    async with Engine.from_config(tmp_path) as engine:
        for document in (*inventory.documents, override):
            await engine.adapters.save(document)
        assert (await engine.chat("Mine", "hi")).text == "Yes"
        assert (await engine.adapters.get("falcon/lite")).name == "falcon-lite-2"
    assert edge.received[-1].json() == {"inputs": "hi", "temperature": 0.9, "top_p": 0.5}
