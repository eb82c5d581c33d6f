"""Embed and rerank: batches, order, usage, partial failure, retries, dry runs; over loopback, by a small plugin."""

import asyncio
import json

import pytest
from dragoman import Engine, Settings, SyncEngine
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConstraintError,
    DocumentError,
    InvalidRequestError,
    MessageError,
    ProtocolError,
    UnsupportedError,
)
from dragoman.events import Ranked
from dragoman.plugins import load_plugins
from dragoman.testing.upstream import HOLD, Reply, Upstream

VECTORS_PLUGIN = '''
"""A provider of vectors and rankings with JSON of its own."""
import orjson
from dragoman.errors import ProtocolError, error_class_for_status
from dragoman.events import EmbedResponse, Ranked, RerankResponse, Usage
from dragoman.plugin import *

PLUGIN_API = (1, 0)
observed = []

class VectorConnection(Connection):
    base_url: str

class VectorInference(EmbedInference):
    flavour: str | None = None

def failure(reply):
    return error_class_for_status(reply.status)(f"refused: {reply.body.decode()}", status=reply.status)

def usage_of(value):
    tokens = value.get("tokens")
    if tokens is None:
        return Usage()
    return Usage(input_tokens=tokens, total_tokens=tokens, source="provider", detail=value.get("billed"))

class Embeds(EmbedCodec):
    max_texts = 2

    def __init__(self, url):
        self.url = url

    def encode(self, request):
        body = {"texts": list(request.texts), "purpose": request.purpose, **request.settings.model_kwargs}
        if request.settings.inference.dimensions:
            body["dimensions"] = request.settings.inference.dimensions
        return WireRequest("POST", f"{self.url}/embed", {"Content-Type": "application/json"}, orjson.dumps(body))

    def decode(self, request, reply):
        value = orjson.loads(reply.body)
        return EmbedResponse(value["vectors"], usage_of(value), model=value.get("model"))

    def error(self, reply):
        return failure(reply)

class Ranks(RerankCodec):
    max_documents = 2

    def __init__(self, url):
        self.url = url

    def encode(self, request, token=None):
        body = {"query": request.query, "documents": list(request.documents), "top_n": request.top_n, "next": token}
        return WireRequest("POST", f"{self.url}/rank", {"Content-Type": "application/json"}, orjson.dumps(body))

    def decode(self, request, reply):
        value = orjson.loads(reply.body)
        return RerankResponse([Ranked(i, s) for i, s in value["scores"]], usage_of(value))

    def next_page(self, request, reply):
        token = orjson.loads(reply.body).get("next")
        return self.encode(request, token) if token else None

    def error(self, reply):
        return failure(reply)

class VectorProvider(Provider):
    def open(self, target, context):
        authorizer = HeaderKey(context, target.credentials["api_key"])
        url = target.connection.base_url
        if target.operation == "embed":
            return context.embed_session(Embeds(url), authorizer)
        return context.rerank_session(Ranks(url), authorizer)

@hookimpl
def dragoman_providers():
    return [ProviderDescription(
        kind="vectors", title="Vectors", factory=f"{__name__}:VectorProvider", connection=VectorConnection,
        operations=("embed", "rerank"), embedding=VectorInference, credentials={"api_key": "VECTOR_KEY"},
    )]

@hookimpl
def dragoman_observe(call):
    observed.append(call)
'''


@pytest.fixture
def upstream():
    with Upstream() as running:
        yield running


@pytest.fixture
def plugin(plugin_module):
    return plugin_module(VECTORS_PLUGIN, name="vectors")


@pytest.fixture
async def engine(plugin, monkeypatch):
    monkeypatch.setenv("VECTOR_KEY", "a-key-that-stays-secret")
    async with Engine(Settings(), plugins=load_plugins(found=[plugin])) as running:
        yield running


@pytest.fixture
def document(upstream):
    """Make an adapter's document for an operation."""

    def make(operation="embed", **members):
        base = {"provider": "vectors", "model": "v", "connection": {"base_url": upstream.url}}
        return {**base, "operation": operation, "limits": {"max_attempts": 1}, **members}

    return make


def lengths(request):
    """Answer each text with its length, and one token a character."""
    texts = request.json()["texts"]
    vectors = [[float(len(text))] for text in texts]
    return Reply.json({"vectors": vectors, "tokens": sum(map(len, texts)), "billed": {"units": 1}, "model": "v-1"})


def but_for(word, reply):
    """Answer as ``lengths``, and a batch that has the word with the reply."""
    return lambda request: reply if word in request.json()["texts"] else lengths(request)


async def test_texts_go_in_batches_and_come_back_in_order(engine, document, upstream):
    upstream.answer(lengths)
    told = []
    texts = ["a", "bb", "ccc", "dddd", "eeeee"]
    response = await engine.embed(document(), texts, progress=lambda done, of: told.append((done, of)))
    assert response.vectors == [[1.0], [2.0], [3.0], [4.0], [5.0]]
    assert response.complete() == response.vectors
    assert sorted(len(received.json()["texts"]) for received in upstream.received) == [1, 2, 2]
    assert (response.usage.input_tokens, response.usage.source) == (15, "provider")
    assert response.usage.detail == {"units": 3}
    assert (response.provider, response.model) == ("vectors", "v-1")
    assert told[-1] == (5, 5)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


async def test_an_adapter_may_want_smaller_batches_and_never_gets_larger_ones(engine, document, upstream):
    upstream.answer(lengths)
    for size, requests in ((1, 3), (50, 2)):
        upstream.received.clear()
        await engine.embed(document(limits={"max_batch_size": size}), ["a", "b", "c"])
        assert len(upstream.received) == requests


async def test_purpose_and_settings_reach_the_codec(engine, document, upstream):
    upstream.answer(lengths)
    await engine.embed(document(), "one text", purpose="query", dimensions=8, override={"model_kwargs": {"x": 1}})
    assert upstream.received[0].json() == {"texts": ["one text"], "purpose": "query", "x": 1, "dimensions": 8}


async def test_a_failed_batch_names_its_texts_and_leaves_the_others(engine, document, upstream):
    upstream.answer(but_for("bad", Reply.json({}, 400)))
    response = await engine.embed(document(), ["a", "bb", "bad", "dddd", "eeeee"])
    assert response.vectors == [[1.0], [2.0], None, None, [5.0]]
    assert sorted(response.failures) == [2, 3]
    assert type(response.failures[2]) is InvalidRequestError
    with pytest.raises(InvalidRequestError):
        response.complete()


async def test_nothing_but_failures_is_an_error(engine, document, upstream):
    upstream.answer(Reply.json({}, 400))
    with pytest.raises(InvalidRequestError):
        await engine.embed(document(), ["a", "b", "c"])


async def test_each_batch_has_attempts_of_its_own(engine, document, upstream):
    refused = set()

    def once(request):
        first = request.json()["texts"][0]
        if first in refused:
            return lengths(request)
        refused.add(first)
        return Reply.json({}, 429, retry_after="0")

    upstream.answer(once)
    response = await engine.embed(document(limits={"max_attempts": 2}), ["a", "b", "c", "d", "e", "f"])
    assert response.failures == {}
    assert len(upstream.received) == 6


async def test_a_refused_key_is_read_again_by_every_batch(plugin, document, upstream, tmp_path):
    file, rotated = tmp_path / "keys.json", tmp_path / "rotated.json"
    file.write_text(json.dumps({"VECTOR_KEY": "old"}))
    rotated.write_text(json.dumps({"VECTOR_KEY": "new"}))
    settings = Settings(secrets={"sources": [{"kind": "file", "path": str(file)}]})

    def only_new(request):
        if request.headers["authorization"] == "Bearer new":
            return lengths(request)
        if rotated.exists():
            rotated.replace(file)
        return Reply.json({}, 401)

    upstream.answer(only_new)
    async with Engine(settings, plugins=load_plugins(found=[plugin])) as engine:
        response = await engine.embed(document(), ["a", "b", "c", "d", "e"])
    assert response.failures == {}


async def test_a_key_that_stays_refused_is_an_error(engine, document, upstream):
    upstream.answer(Reply.json({}, 401))
    with pytest.raises(AuthenticationError):
        await engine.embed(document(), ["a", "b", "c"])


async def test_what_is_done_before_the_deadline_is_kept(engine, document, upstream):
    upstream.answer(but_for("slow", Reply((HOLD,))))
    limits = {"max_attempts": 1, "timeout_s": 0.5}
    response = await engine.embed(document(limits=limits), ["a", "bb", "slow"])
    assert response.vectors == [[1.0], [2.0], None]
    assert type(response.failures[2]) is CallTimeoutError


async def test_cancelling_closes_every_connection(engine, document, upstream):
    upstream.answer(Reply((HOLD,)))
    call = asyncio.create_task(engine.embed(document(), ["a", "b", "c", "d", "e"]))
    assert await asyncio.to_thread(upstream.wait_until_asked, 3)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(upstream.wait_until_left)


async def test_requests_of_a_call_count_against_the_adapter_s_concurrency(engine, document, upstream):
    upstream.answer(lengths)
    limits = {"max_concurrency": 1}
    await asyncio.gather(*(engine.embed(document(limits=limits), ["a", "b", "c"]) for _ in range(4)))
    assert (len(upstream.received), upstream.connections) == (8, 1), "one at a time, so one connection is enough"


async def test_usage_is_estimated_where_the_provider_reports_none(engine, document, upstream):
    upstream.answer(Reply.json({"vectors": [[1.0]]}))
    response = await engine.embed(document(), "twelve bytes")
    assert (response.usage.source, response.usage.input_tokens) == ("estimated", 3)


async def test_a_missing_vector_is_an_error(engine, document, upstream):
    upstream.answer(Reply.json({"vectors": [[1.0]], "tokens": 1}))
    with pytest.raises(ProtocolError, match="1 vectors for 2 texts"):
        await engine.embed(document(), ["a", "b"])


@pytest.mark.parametrize(
    ("texts", "error"),
    [([], MessageError), ([""], MessageError), (["a", 1], MessageError)],
)
async def test_what_is_no_text_is_refused(engine, document, texts, error):
    with pytest.raises(error):
        await engine.embed(document(), texts)


async def test_an_adapter_for_another_operation_is_refused(engine, document):
    with pytest.raises(UnsupportedError, match="is for rerank, not for embed"):
        await engine.embed(document("rerank"), "a")
    with pytest.raises(UnsupportedError, match="is for embed, not for chat"):
        await engine.chat(document(), "a")


async def test_settings_of_another_operation_are_refused(engine, document):
    for name in ("temperature", "max_tokens_per_document"):
        with pytest.raises(DocumentError, match=f"inference.{name}: is not an inference setting"):
            await engine.embed(document(), "a", **{name: 1})
    assert (await engine.resolve(document(), inference={"flavour": "x"})).settings.inference.flavour == "x"


async def test_too_long_a_text_is_refused_by_its_place(engine, document):
    with pytest.raises(ConstraintError, match=r"text 1 has 5 tokens \(estimated\), the model takes 4"):
        await engine.embed(document(constraints={"max_input_tokens": 4}), ["short", "not short any more."])


async def test_a_dry_run_shows_the_first_request_and_sends_nothing(engine, document, upstream):
    run = await engine.embed_dry_run(document(), ["a", "b", "c"])
    assert run.body == {"texts": ["a", "b"], "purpose": None}
    assert "a-key-that-stays-secret" not in str(run)
    assert [report.message for report in run.reports] == ["this is the first of 2 requests"]
    ranking = await engine.rerank_dry_run(document("rerank"), "q", ["a"], top_n=1)
    assert ranking.body == {"query": "q", "documents": ["a"], "top_n": 1, "next": None}
    assert upstream.received == []


async def test_observers_are_told_of_one_call(engine, document, upstream, plugin):
    observed = plugin.load().observed
    observed.clear()
    upstream.answer(lengths)
    await engine.embed(document(), ["a", "b", "c"])
    assert [call.phase for call in observed] == ["start", "end"]
    assert (observed[1].operation, observed[1].usage.input_tokens, observed[1].attempts) == ("embed", 3, 2)


# --- rerank ------------------------------------------------------------------------------------------------------


def by_length(request):
    documents = request.json()["documents"]
    return Reply.json({"scores": [[i, float(len(text))] for i, text in enumerate(documents)], "tokens": len(documents)})


async def test_documents_of_all_batches_are_put_in_one_order(engine, document, upstream):
    upstream.answer(by_length)
    response = await engine.rerank(document("rerank"), "q", ["a", "dddd", "bb", "cc", "eeeee"])
    assert response.results == [Ranked(4, 5.0), Ranked(1, 4.0), Ranked(2, 2.0), Ranked(3, 2.0), Ranked(0, 1.0)]
    assert response.usage.input_tokens == 5
    best = await engine.rerank(document("rerank"), "q", ["a", "dddd", "bb", "cc", "eeeee"], top_n=2)
    assert [ranked.index for ranked in best.complete()] == [4, 1]


async def test_an_answer_in_pages_is_read_to_its_end(engine, document, upstream):
    pages = {None: {"scores": [[1, 0.5]], "next": "more"}, "more": {"scores": [[0, 0.75]]}}
    upstream.answer(lambda request: Reply.json(pages[request.json()["next"]]))
    response = await engine.rerank(document("rerank"), "q", ["a", "b"])
    assert response.results == [Ranked(0, 0.75), Ranked(1, 0.5)]
    assert response.usage.source == "estimated"


@pytest.mark.parametrize("scores", [[[0, 0.5], [0, 0.25]], [[2, 0.5]], [[-1, 0.5]]], ids=str)
async def test_a_ranking_that_does_not_fit_the_documents_is_an_error(engine, document, upstream, scores):
    upstream.answer(Reply.json({"scores": scores}))
    with pytest.raises(ProtocolError, match="does not fit the 2 documents"):
        await engine.rerank(document("rerank"), "q", ["a", "b"])


async def test_a_failed_batch_of_documents_is_named(engine, document, upstream):
    upstream.answer(lambda r: Reply.json({}, 500) if "bad" in r.json()["documents"] else by_length(r))
    response = await engine.rerank(document("rerank"), "q", ["a", "bb", "bad"])
    assert [ranked.index for ranked in response.results] == [1, 0]
    assert list(response.failures) == [2]


async def test_rerank_refuses_what_means_nothing(engine, document):
    for top_n, query, documents in ((0, "q", ["a"]), (None, "", ["a"]), (None, "q", [])):
        with pytest.raises((UnsupportedError, MessageError)):
            await engine.rerank(document("rerank"), query, documents, top_n=top_n)


# --- the synchronous face, and the schema ------------------------------------------------------------------------


def test_the_synchronous_face_does_both(plugin, document, upstream, monkeypatch):
    monkeypatch.setenv("VECTOR_KEY", "a-key-that-stays-secret")
    upstream.answer(lengths, by_length)
    with SyncEngine(Engine(Settings(), plugins=load_plugins(found=[plugin]))) as engine:
        assert engine.embed(document(), "abc").vectors == [[3.0]]
        assert engine.rerank(document("rerank"), "q", ["a"]).results == [Ranked(0, 1.0)]


async def test_the_schema_knows_the_settings_of_each_operation(engine):
    jsonschema = pytest.importorskip("jsonschema")
    schema = await engine.adapters.schema()
    base = {"provider": "vectors", "model": "v"}
    jsonschema.validate({**base, "operation": "embed", "inference": {"dimensions": 4, "flavour": "x"}}, schema)
    jsonschema.validate({**base, "operation": "rerank", "inference": {"max_tokens_per_document": 9}}, schema)
    for operation, inference in (("rerank", {"dimensions": 4}), ("embed", {"max_tokens_per_document": 9})):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**base, "operation": operation, "inference": inference}, schema)


def test_secrets_stay_out_of_failures(plugin, document, upstream, monkeypatch):
    monkeypatch.setenv("VECTOR_KEY", "a-key-that-stays-secret")
    upstream.answer(but_for("bad", Reply.json({"message": "a-key-that-stays-secret"}, 400)))
    with SyncEngine(Engine(Settings(), plugins=load_plugins(found=[plugin]))) as engine:
        response = engine.embed(document(), ["a", "b", "bad"])
    assert "a-key-that-stays-secret" not in repr(response)
