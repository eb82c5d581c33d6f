"""Calls of an endpoint with JSON of its own: what is sent, what comes back, in every framing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from dragoman import Engine
from dragoman.errors import (
    ContextOverflowError,
    DocumentError,
    ModelNotFoundError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    ServerError,
    UnsupportedError,
)
from dragoman.messages import Tool
from dragoman.testing.upstream import Reply, Upstream

from .conftest import ANSWER, MAPPING

Document = Callable[..., dict[str, Any]]

FRAMINGS = {
    "sse": Reply.sse([{"piece": "Hel"}, {"piece": "lo", "why": "done", "cost": {"written": 1}}]),
    "jsonl": Reply.jsonl([{"piece": "Hel"}, {"piece": "lo", "why": "done", "cost": {"written": 1}}]),
    "json": ANSWER,
    "raw": Reply((b"Hel", b"lo"), 200, {"content-type": "text/plain"}),
}


async def streamed(engine: Engine, document: dict[str, Any]) -> Any:
    async with engine.stream(document, "Hi") as stream:
        pieces = [piece async for piece in stream.text()]
        return pieces, stream.response


# --- what is sent ------------------------------------------------------------------------------------------------


async def test_a_call_sends_what_the_document_says(engine: Engine, endpoint: Upstream, document: Document) -> None:
    adapter = document(
        {"model": "org/model 1", "endpoint_kwargs": {"headers": {"X-Trace": "t"}, "query": {"debug": True}}},
        url=f"{endpoint.url}/{{project}}/models/{{model}}:ask",
        variables={"project": "p-1"},
        method="PUT",
        headers={"X-Team": "search", "X-Model": "{model}"},
        query={"version": 2, "tag": ["a b", "{project}"]},
    )
    response = await engine.chat(adapter, "Hi", temperature=0.5)
    (sent,) = endpoint.received
    assert sent.method == "PUT"
    assert sent.target == "/p-1/models/org%2Fmodel%201:ask?version=2&tag=a%20b&tag=p-1&debug=true"
    assert sent.json() == {"question": "Hi", "heat": 0.5, "live": False}
    assert {"x-team": "search", "x-model": "org/model 1", "x-trace": "t"}.items() <= sent.headers.items()
    assert {"content-type": "application/json", "accept": "application/json"}.items() <= sent.headers.items()
    assert "authorization" not in sent.headers
    assert (response.text, response.finish_reason, response.request_id) == ("Hello", "stop", "r-1")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (3, 1)


async def test_a_dry_run_is_what_is_sent(engine: Engine, endpoint: Upstream, document: Document) -> None:
    adapter = document({"endpoint_kwargs": {"query": {"a": "b"}}}, headers={"X-Team": "search"}, query={"v": 1})
    shown = await engine.dry_run(adapter, "Hi")
    assert not endpoint.received
    await engine.chat(adapter, "Hi")
    (sent,) = endpoint.received
    assert f"{endpoint.url}{sent.target}" == shown.url
    assert sent.json() == shown.body
    assert {name.lower(): value for name, value in shown.headers.items()}.items() <= sent.headers.items()


async def test_a_stream_may_have_an_address_of_its_own(engine: Engine, endpoint: Upstream, document: Document) -> None:
    adapter = document(stream_url=f"{endpoint.url}/ask-live")
    endpoint.answer(ANSWER, FRAMINGS["sse"])
    await engine.chat(adapter, "Hi")
    await streamed(engine, adapter)
    assert [sent.target for sent in endpoint.received] == ["/ask", "/ask-live"]


KWARGS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown member": ({"timeout": 3}, "endpoint_kwargs.timeout"),
    "no object": ({"headers": "X: y"}, "endpoint_kwargs.headers"),
    "a key": ({"headers": {"X-Api-Key": "k"}}, "endpoint_kwargs.headers.X-Api-Key"),
    "authorization": ({"headers": {"authorization": "Bearer k"}}, "endpoint_kwargs.headers.authorization"),
    "a host": ({"headers": {"Host": "other"}}, "endpoint_kwargs.headers.Host"),
    "a length": ({"headers": {"Content-Length": 3}}, "endpoint_kwargs.headers.Content-Length"),
    "a type": ({"headers": {"content-type": "text/plain"}}, "endpoint_kwargs.headers.content-type"),
    "two lines": ({"headers": {"X-A": "b\r\nX-C: d"}}, "endpoint_kwargs.headers.X-A"),
    "no name": ({"headers": {"X A": "b"}}, "endpoint_kwargs.headers.X A"),
    "an object": ({"headers": {"X-A": {"b": 1}}}, "endpoint_kwargs.headers.X-A"),
    "the adapter's own header": ({"headers": {"x-TEAM": "mine"}}, "endpoint_kwargs.headers.x-TEAM"),
    "the adapter's own query": ({"query": {"version": 3}}, "endpoint_kwargs.query.version"),
    "a key in the query": ({"query": {"api_key": "k"}}, "endpoint_kwargs.query.api_key"),
    "an object in the query": ({"query": {"a": {"b": 1}}}, "endpoint_kwargs.query.a"),
}


@pytest.mark.parametrize("case", KWARGS)
async def test_a_call_cannot_sign_or_redirect_itself(
    engine: Engine, endpoint: Upstream, document: Document, case: str
) -> None:
    kwargs, path = KWARGS[case]
    adapter = document({"endpoint_kwargs": kwargs}, headers={"X-Team": "search"}, query={"version": 2})
    with pytest.raises(UnsupportedError) as caught:
        await engine.chat(adapter, "Hi")
    assert caught.value.path == path
    assert not endpoint.received


async def test_the_header_of_the_key_is_taken(engine: Engine, endpoint: Upstream, document: Document) -> None:
    members = {"credentials": {"api_key": "THE_SECRET"}, "endpoint_kwargs": {"headers": {"x-who": "me"}}}
    with pytest.raises(UnsupportedError, match="said twice"):
        await engine.chat(document(members, auth={"kind": "header", "name": "X-Who"}), "Hi")


# --- what comes back ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_every_framing_streams(engine: Engine, endpoint: Upstream, document: Document, framing: str) -> None:
    mapping = {**MAPPING, "framing": framing}
    endpoint.answer(FRAMINGS[framing])
    pieces, response = await streamed(engine, document({"mapping": mapping}))
    asked_for = endpoint.received[0].headers["accept"].partition(",")[0]
    assert asked_for == ("text/event-stream" if framing == "sse" else "application/json")
    assert "".join(pieces) == "Hello"
    assert (response.text, response.finish_reason) == ("Hello", "unknown" if framing == "raw" else "stop")
    assert endpoint.received[0].json()["live"] is (framing != "json")


async def test_a_stream_is_identified(engine: Engine, endpoint: Upstream, document: Document) -> None:
    reply = FRAMINGS["sse"]
    endpoint.answer(Reply(reply.body, 200, {**reply.headers, "x-call": "c-7"}))
    _, response = await streamed(engine, document(request_id_header="X-Call"))
    assert response.request_id == "c-7"


async def test_an_error_in_the_middle_of_a_stream(engine: Engine, endpoint: Upstream, document: Document) -> None:
    reply = Reply.sse([{"piece": "Hel"}, {"fault": {"text": "no room", "code": "busy"}}], x_request_id="r-2")
    endpoint.answer(reply)
    with pytest.raises(RateLimitedError) as caught:
        await streamed(engine, document())
    assert (caught.value.provider_code, caught.value.request_id) == ("busy", "r-2")


REFUSALS: dict[str, tuple[Reply, type[ProviderError], str, str | None]] = {
    "by the mapping": (
        Reply.json({"fault": {"text": "wait", "code": "busy"}}, 400), RateLimitedError, "400: wait", "busy",
    ),
    "by the status": (
        Reply.json({"fault": {"text": "which?", "code": "new"}}, 404), ModelNotFoundError, "404: which?", "new",
    ),
    "by another word": (
        Reply.json({"fault": {"text": "shorter", "code": "too-long"}}, 500), ContextOverflowError, "shorter",
        "too-long",
    ),
    "other JSON": (Reply.json({"detail": "gone"}, 500), ServerError, '{"detail": "gone"}', None),
    "text": (Reply.text("no\n  capacity", 503), ServerError, "503: no capacity", None),
    "a page": (Reply.text("<h1>Bad gateway</h1>", 502, "text/html"), ServerError, "it gave no reason", None),
    "nothing": (Reply((b"",), 500), ServerError, "it gave no reason", None),
    "a redirect": (
        Reply((b"",), 302, {"location": "https://elsewhere.example/?token=t"}), ProtocolError, "not followed", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_refusals(engine: Engine, endpoint: Upstream, document: Document, case: str, is_streamed: bool) -> None:
    reply, kind, words, code = REFUSALS[case]
    endpoint.answer(Reply(reply.body, reply.status, {**reply.headers, "x-request-id": "r-9"}))
    with pytest.raises(kind) as caught:
        await (streamed(engine, document()) if is_streamed else engine.chat(document(), "Hi"))
    assert words in caught.value.message
    assert (caught.value.status, caught.value.provider_code, caught.value.request_id) == (reply.status, code, "r-9")
    assert "elsewhere.example" not in str(caught.value)


async def test_retry_after_is_kept_and_a_retry_is_made(engine: Engine, endpoint: Upstream, document: Document) -> None:
    busy = Reply.json({"fault": {"text": "wait", "code": "busy"}}, 429, retry_after="0")
    endpoint.answer(busy, ANSWER)
    response = await engine.chat(document({"limits": {"max_attempts": 2}}), "Hi")
    assert (response.text, len(endpoint.received)) == ("Hello", 2)


async def test_a_setting_that_the_mapping_does_not_read_is_refused(engine: Engine, document: Document) -> None:
    with pytest.raises(UnsupportedError, match=r"inference\.seed"):
        await engine.chat(document(), "Hi", seed=1)
    with pytest.raises(UnsupportedError, match="tools"):
        await engine.chat(document(), "Hi", tools=[Tool("look", parameters={"type": "object"})])


async def test_a_document_without_a_mapping_says_so(engine: Engine, document: Document) -> None:
    adapter = document()
    del adapter["mapping"]
    with pytest.raises(DocumentError, match="mapping: is missing"):
        await engine.chat(adapter, "Hi")


async def test_langchain_is_refused(engine: Engine, document: Document) -> None:
    for act in (
        engine.langchain_model(document()),
        engine.chat(document({"runtime": "langchain"}), "Hi"),
    ):
        with pytest.raises(UnsupportedError, match="no LangChain class"):
            await act


# --- texts -------------------------------------------------------------------------------------------------------


async def test_embeddings_by_mapping(engine: Engine, endpoint: Upstream, document: Document) -> None:
    mapping = {
        "request": {"input": {"$": "texts"}, "for": {"$": "purpose"}},
        "response": {"embeddings": "vectors", "tokens_in": "read", "error": "fault"},
    }
    members = {"operation": "embed", "mapping": mapping, "endpoint_kwargs": {"headers": {"X-Trace": "t"}}}
    endpoint.answer(Reply.json({"vectors": [[1.0, 0.0], [0.0, 1.0]], "read": 4}, x_request_id="r-3"))
    response = await engine.embed(document(members), ["a", "b"], purpose="query")
    assert [list(vector or ()) for vector in response.vectors] == [[1.0, 0.0], [0.0, 1.0]]
    assert (response.usage.input_tokens, response.request_id) == (4, "r-3")
    (sent,) = endpoint.received
    assert sent.json() == {"input": ["a", "b"], "for": "query"}
    assert sent.headers["x-trace"] == "t"


async def test_a_ranking_by_mapping(engine: Engine, endpoint: Upstream, document: Document) -> None:
    members = {"operation": "rerank", "mapping": {"preset": "tei-rerank"}}
    endpoint.answer(Reply.json([{"index": 1, "score": 0.9}, {"index": 0, "score": 0.1}]))
    response = await engine.rerank(document(members), "q", ["a", "b"], top_n=1)
    assert [(ranked.index, ranked.score) for ranked in response.results] == [(1, 0.9)]
    assert json.loads(endpoint.received[0].body) == {"query": "q", "texts": ["a", "b"]}


async def test_a_refusal_of_texts_is_read_by_the_mapping(
    engine: Engine, endpoint: Upstream, document: Document
) -> None:
    members = {"operation": "rerank", "mapping": {"preset": "tei-rerank"}}
    endpoint.answer(Reply.json({"error": "full", "error_type": "Overloaded"}, 424))
    with pytest.raises(RateLimitedError, match="424: full"):
        await engine.rerank(document(members), "q", ["a", "b"])
