"""Embeddings: what is asked for, what is read, and every recorded answer as OpenAI's own SDK reads it."""

from __future__ import annotations

import base64
import gzip
import json
import os
import struct
from pathlib import Path

import pytest
from dragoman.errors import (
    AuthenticationError,
    ModelNotFoundError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    UnsupportedError,
)

HERE = Path(os.environ.get("DRAGOMAN_RECORDINGS") or Path(__file__).parents[3] / "../shared/recordings")


def recordings():
    names = ("openai-embeddings", "azure-embeddings")
    if absent := [name for name in names if not (HERE / f"{name}.jsonl.gz").is_file()]:
        skip = pytest.mark.skip(reason=f"recordings absent: {', '.join(absent)}; set DRAGOMAN_RECORDINGS")
        return [pytest.param(None, marks=skip, id="absent")]
    lines = []
    for name in names:
        with gzip.open(HERE / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            lines += [pytest.param(line, id=line["id"]) for line in map(json.loads, file)]
    return lines


def packed(values):
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def answer_of(*vectors, **members):
    data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 3 * len(vectors), "total_tokens": 3 * len(vectors)}
    return {"object": "list", "data": data, "model": "m-1", "usage": usage, **members}


@pytest.fixture(name="adapter")
def embedding_adapter(adapter):
    return {**adapter, "operation": "embed"}


@pytest.fixture
def compatible(adapter):
    return {**adapter, "provider": "openai-compatible"}


# --- what is asked for -------------------------------------------------------------------------------------------


async def test_openai_is_asked_for_base64_and_answers_in_order(engine, upstream, adapter, answers, canary):
    said = answer_of(packed([0.5, -0.25]), packed([1.0, 2.0]))
    said["data"].reverse()
    upstream.script = [answers.of(said, **{"x-request-id": "r-1"})]
    response = await engine.embed(adapter, ["one", "two"], dimensions=2, user="u")
    assert upstream.last.path == "/v1/embeddings"
    assert upstream.last.headers["authorization"] == f"Bearer {canary}"
    assert upstream.last.json == {
        "model": "m", "input": ["one", "two"], "dimensions": 2, "user": "u", "encoding_format": "base64",
    }  # fmt: skip
    assert response.vectors == [[0.5, -0.25], [1.0, 2.0]]
    assert (response.model, response.request_id, response.provider) == ("m-1", "r-1", "openai")
    assert (response.usage.input_tokens, response.usage.total_tokens, response.usage.source) == (6, 6, "provider")


async def test_a_compatible_server_is_asked_for_no_form_and_either_is_read(engine, upstream, compatible, answers):
    upstream.script = [answers.of(answer_of([0.5, 1], packed([2.0, 3.0]), id="e-1", created=7))]
    response = await engine.embed(compatible, ["one", "two"])
    assert upstream.last.json == {"model": "m", "input": ["one", "two"]}
    assert response.vectors == [[0.5, 1], [2.0, 3.0]]
    assert (response.response_id, response.extra) == ("e-1", {"created": 7})


@pytest.mark.parametrize("form", ["float", "base64"])
@pytest.mark.parametrize("provider", ["openai", "openai-compatible"])
async def test_the_form_can_be_chosen(engine, upstream, adapter, answers, provider, form):
    upstream.script = [answers.of(answer_of([0.5]))]
    connection = {**adapter["connection"], "encoding_format": form}
    await engine.embed({**adapter, "provider": provider, "connection": connection}, "one")
    assert upstream.last.json["encoding_format"] == form


@pytest.mark.parametrize(
    ("connection", "path", "query", "model"),
    [
        ({}, "/openai/v1/embeddings", {}, "dep 1"),
        (
            {"api_version": "2024-10-21"},
            "/openai/deployments/dep%201/embeddings",
            {"api-version": "2024-10-21"},
            None,
        ),
    ],
)
async def test_azure_names_the_deployment_where_its_api_wants_it(
    engine, upstream, adapter, answers, canary, connection, path, query, model
):
    upstream.script = [answers.of(answer_of(packed([0.5])))]
    document = {
        **adapter, "provider": "azure-openai", "model": "dep 1",
        "connection": {"endpoint": upstream.origin, **connection},
    }  # fmt: skip
    response = await engine.embed(document, "one")
    assert response.vectors == [[0.5]]
    assert (upstream.last.path, upstream.last.query) == (path, query)
    assert upstream.last.headers["api-key"] == canary
    assert upstream.last.json.get("model") == model


async def test_many_texts_go_in_several_requests_of_at_most_2048(engine, upstream, adapter, answers):
    texts = [f"text {number}" for number in range(2050)]
    upstream.script = [answers.of(answer_of(*[[1.0]] * 2048)), answers.of(answer_of([2.0], [3.0]))]
    response = await engine.embed({**adapter, "limits": {"max_attempts": 1, "max_concurrency": 1}}, texts)
    assert [request.json["input"] for request in upstream.requests] == [texts[:2048], texts[2048:]]
    assert response.vectors == [[1.0]] * 2048 + [[2.0], [3.0]]
    assert response.usage.input_tokens == 3 * 2050


async def test_the_adapters_own_members_headers_and_query_go_along(engine, upstream, compatible, answers):
    upstream.script = [answers.of(answer_of([0.5]))]
    document = {
        **compatible,
        "model_kwargs": {"truncate_prompt_tokens": 512},
        "endpoint_kwargs": {"headers": {"X-Team": "a"}, "query": {"q": "1"}},
    }
    await engine.embed(document, "one")
    assert upstream.last.json["truncate_prompt_tokens"] == 512
    assert (upstream.last.headers["x-team"], upstream.last.query) == ("a", {"q": "1"})


async def test_openrouter_takes_an_input_type(engine, upstream, compatible, answers):
    upstream.script = [answers.of(answer_of([0.5]))]
    connection = {**compatible["connection"], "server": "openrouter"}
    await engine.embed({**compatible, "connection": connection}, "one", input_type="search_query")
    assert upstream.last.json["input_type"] == "search_query"


@pytest.mark.parametrize(
    ("provider", "rest", "path"),
    [
        ("openai", {"input_type": "query"}, "inference.input_type"),
        ("openai", {"truncate": "END"}, "inference.truncate"),
        ("openai", {"normalize": False}, "inference.normalize"),
        ("openai-compatible", {"normalize": True}, "inference.normalize"),
        ("openai", {"encodings": ["int8"]}, "inference.encodings"),
        ("openai", {"override": {"model_kwargs": {"dimensions": 1}}}, "model_kwargs.dimensions"),
        ("openai", {"override": {"model_kwargs": {"encoding_format": "float"}}}, "model_kwargs.encoding_format"),
        ("openai", {"override": {"endpoint_kwargs": {"headers": {"Authorization": "x"}}}}, "endpoint_kwargs.headers"),
    ],
)
async def test_what_has_no_place_is_refused_before_anything_is_sent(engine, upstream, adapter, provider, rest, path):
    with pytest.raises(UnsupportedError, match=path):
        await engine.embed({**adapter, "provider": provider}, "one", **rest)
    assert not upstream.requests


async def test_what_is_so_anyway_needs_no_member(engine, upstream, adapter, answers):
    upstream.script = [answers.of(answer_of([0.5]))]
    await engine.embed(adapter, "one", normalize=True, encodings=["float"], purpose="query")
    assert set(upstream.last.json) == {"model", "input", "encoding_format"}


# --- what is read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"data": []},
        {"data": "x"},
        {"data": [{"index": 0, "embedding": [0.5]}, {"index": 0, "embedding": [0.5]}]},
        {"data": [{"index": 0, "embedding": [0.5]}, {"index": 2, "embedding": [0.5]}]},
        {"data": [{"index": 0, "embedding": [0.5]}, {"index": 1, "embedding": []}]},
        {"data": [{"index": 0, "embedding": [0.5]}, {"index": 1, "embedding": None}]},
        {"data": [{"index": 0, "embedding": [0.5]}, {"index": 1, "embedding": [[0.5]]}]},
        {"data": [{"index": 0, "embedding": [0.5]}, {"index": 1, "embedding": "AAA"}]},
        {"data": [{"index": 0, "embedding": [0.5]}, {"index": 1, "embedding": "????"}]},
        {"data": [{"index": 0, "embedding": [0.5]}, {"index": 1, "embedding": ""}]},
    ],
)
async def test_an_answer_that_does_not_fit_is_a_protocol_error(engine, upstream, adapter, answers, said):
    upstream.script = [answers.of(said)]
    with pytest.raises(ProtocolError):
        await engine.embed(adapter, ["one", "two"])


async def test_vectors_without_an_index_are_in_the_texts_order(engine, upstream, compatible, answers):
    upstream.script = [answers.of({"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]})]
    response = await engine.embed(compatible, ["one", "two"])
    assert response.vectors == [[1.0], [2.0]]
    assert response.usage.source == "estimated"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "invalid_api_key", AuthenticationError),
        (404, "model_not_found", ModelNotFoundError),
        (429, "x", RateLimitedError),
    ],
)
async def test_errors_are_those_of_the_chat(engine, upstream, adapter, answers, status, code, kind):
    upstream.script = [answers.of({"error": {"message": "so it is", "type": "t", "code": code}}, status)]
    with pytest.raises(kind, match="so it is"):
        await engine.embed(adapter, "one")


async def test_an_error_inside_an_answer_is_one(engine, upstream, adapter, answers):
    upstream.script = [answers.of({"error": {"message": "so it is", "code": 503}})]
    with pytest.raises(ProviderError, match="so it is"):
        await engine.embed(adapter, "one")


# --- as OpenAI's SDK reads it ------------------------------------------------------------------------------------


def document_for(recording, origin):
    common = {"operation": "embed", "model": recording["model"], "limits": {"max_attempts": 1}}
    if recording["provider"] == "openai":
        return {**common, "provider": "openai", "connection": {"base_url": f"{origin}/v1"}}
    version = recording["query"].removeprefix("api-version=")
    connection = {"endpoint": origin, "api_version": version}
    return {**common, "provider": "azure-openai", "connection": connection}


@pytest.mark.parametrize("recording", recordings())
async def test_a_recorded_answer_is_read_as_openais_sdk_reads_it(engine, upstream, answers, recording):
    openai = pytest.importorskip("openai", reason="dragoman-openai[langchain] is not installed")
    upstream.script = [answers.of(recording["response"], recording["status"])]
    asked = dict(recording["request"])
    document, dimensions = document_for(recording, upstream.origin), asked.get("dimensions")
    rest = {} if dimensions is None else {"dimensions": dimensions}
    if recording["provider"] == "azure":
        version = document["connection"]["api_version"]
        client = openai.AsyncAzureOpenAI(
            api_key="k", azure_endpoint=upstream.origin, api_version=version, max_retries=0,
            azure_deployment=recording["model"],
        )  # fmt: skip
    else:
        client = openai.AsyncOpenAI(api_key="k", base_url=f"{upstream.origin}/v1", max_retries=0)
    async with client:
        if recording["status"] != 200:
            with pytest.raises(openai.NotFoundError) as theirs:
                await client.embeddings.create(model="m", input=asked["input"])
            with pytest.raises(ModelNotFoundError) as ours:
                await engine.embed(document, asked["input"])
            assert ours.value.provider_code == theirs.value.code
            return
        theirs = await client.embeddings.create(model=recording["model"], input=asked["input"], **rest)
        ours = await engine.embed(document, asked["input"], **rest)
    assert ours.vectors == [list(item.embedding) for item in theirs.data]
    assert ours.model == theirs.model
    assert (ours.usage.input_tokens, ours.usage.total_tokens) == (
        theirs.usage.prompt_tokens,
        theirs.usage.total_tokens,
    )
    sent, by_us = (request.json for request in upstream.requests[-2:])
    assert as_list(by_us) == {k: v for k, v in as_list(sent).items() if k in by_us}
    assert (
        upstream.requests[-1].path
        == upstream.requests[-2].path
        == recording["path"].replace("test-deployment", recording["model"])
    )


def as_list(body):
    return {**body, "input": body["input"] if isinstance(body["input"], list) else [body["input"]]}
