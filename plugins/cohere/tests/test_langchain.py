"""The LangChain door: explicit in everything, whatever the environment says."""

from __future__ import annotations

import sys

import pytest
from dragoman.errors import AuthenticationError, UnsupportedError
from dragoman.testing.upstream import Reply

pytest.importorskip("langchain_cohere", reason="dragoman-cohere[langchain] is not installed")

from langchain_cohere import ChatCohere, CohereEmbeddings, CohereRerank
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool

EVIL = "evil-secret-of-the-environment"
INFERENCE = {
    "temperature": 0.5, "top_p": 0.75, "top_k": 3, "max_tokens": 9, "seed": 7, "stop_sequences": ["X"],
    "presence_penalty": 0.25, "frequency_penalty": 0.5, "safety_mode": "OFF", "reasoning": {"budget_tokens": 64},
    "documents": ["a text"], "citation_options": {"mode": "FAST"}, "priority": 1, "strict_tools": True,
    "response_format": {"type": "json_object"},
}  # fmt: skip


@pytest.fixture
def hostile_environment(monkeypatch, unused_tcp_port):
    """Set every variable that could redirect a call or replace a key."""
    for name in ("CO_API_KEY", "LANGSMITH_API_KEY", "LANGSMITH_GATEWAY_API_KEY"):
        monkeypatch.setenv(name, EVIL)
    nowhere = f"http://127.0.0.1:{unused_tcp_port}"
    for name in (
        "CO_API_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy",
        "LANGSMITH_GATEWAY_URL", "LANGSMITH_ENDPOINT",
    ):  # fmt: skip
        monkeypatch.setenv(name, nowhere)
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def build(engine):
    """Return what builds a class of an adapter; its clients are closed when the test is over."""
    built = []

    async def model(document):
        built.append(await engine.langchain_model(document))
        return built[-1]

    yield model
    for each in built:
        each.client._client_wrapper.httpx_client.httpx_client.close()
        if asynchronous := getattr(each, "async_client", None):
            await asynchronous._client_wrapper.httpx_client.httpx_client.aclose()


async def call(engine, model, way, *given):
    if way == "astream":
        return "".join([piece.text async for piece in model.astream(*given)])
    if way == "stream":
        return await engine.run_blocking(lambda: "".join(piece.text for piece in model.stream(*given)))
    if way == "ainvoke":
        return (await model.ainvoke(*given)).text
    return (await engine.run_blocking(model.invoke, *given)).text


@pytest.mark.parametrize("way", ["ainvoke", "astream", "invoke", "stream"])
@pytest.mark.usefixtures("hostile_environment")
async def test_no_variable_redirects_a_call_or_replaces_a_key(
    build, engine, adapter, upstream, canary, stream_events, sse, way
):
    connection = {**adapter["connection"], "client_name": "my project"}
    kwargs = {"headers": {"X-Team": "a"}, "query": {"trace": "1"}}
    model = await build({**adapter, "connection": connection, "endpoint_kwargs": kwargs})
    assert isinstance(model, ChatCohere)
    assert not upstream.received, "nothing is asked while the class is built"
    if way in ("astream", "stream"):
        delta = {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "hello"}}}}
        upstream.answer(sse(stream_events(delta)))
    assert await call(engine, model, way, "hi") == "hello"
    (sent,) = upstream.received
    assert sent.target == "/v2/chat?trace=1"
    assert EVIL not in repr(sent)
    assert sent.headers["authorization"] == f"Bearer {canary}"
    assert (sent.headers["x-client-name"], sent.headers["x-team"]) == ("my project", "a")
    assert canary not in repr(model)


async def test_a_server_that_wants_no_key_gets_none(build, hostile_environment, adapter, upstream):
    connection = {**adapter["connection"], "auth": {"kind": "none"}}
    model = await build({**adapter, "connection": connection})
    await model.ainvoke("hi")
    assert "authorization" not in upstream.received[0].headers


async def test_every_setting_reaches_the_request(build, engine, adapter, upstream):
    document = {**adapter, "inference": INFERENCE, "model_kwargs": {"logprobs": True, "raw_prompting": False}}
    await engine.chat(document, "hi")
    await (await build(document)).ainvoke("hi")
    ours, theirs = (request.json() for request in upstream.received)
    assert theirs.pop("stream") is False
    assert theirs == ours


async def test_a_calls_own_settings_win(build, adapter, upstream):
    model = await build({**adapter, "inference": {"temperature": 0.3, "stop_sequences": ["X"]}})
    await model.ainvoke("hi", temperature=1, stop=["Y"], max_tokens=3, odd=True)
    sent = upstream.received[0].json()
    assert (sent["temperature"], sent["stop_sequences"], sent["max_tokens"], sent["odd"]) == (1, ["Y"], 3, True)


@tool
def weather(city: str) -> str:
    """Say what the weather is."""
    return city


WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Say what the weather is.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.mark.parametrize(
    ("choice", "word"),
    [("any", "REQUIRED"), (True, "REQUIRED"), ("weather", "REQUIRED"), ("none", "NONE"), ("auto", None), (None, None)],
)
async def test_tools_are_bound(build, adapter, upstream, choice, word):
    model = (await build(adapter)).bind_tools([weather], tool_choice=choice, strict=True)
    await model.ainvoke("hi")
    sent = upstream.received[0].json()
    assert sent["tools"] == [WEATHER]
    assert (sent.get("tool_choice"), sent["strict_tools"]) == (word, True)


async def test_one_tool_of_several_cannot_be_required(build, adapter):
    model = await build(adapter)
    with pytest.raises(UnsupportedError, match="alone"):
        model.bind_tools([weather, {**WEATHER, "function": {**WEATHER["function"], "name": "b"}}], tool_choice="b")


async def test_structured_output_sends_the_schema_by_its_name(build, adapter, upstream, chat_answer):
    upstream.answer(Reply.json(chat_answer(text='{"a": 1}')))
    schema = {"title": "A", "type": "object", "properties": {"a": {"type": "integer"}}}
    model = (await build(adapter)).with_structured_output(schema)
    assert await model.ainvoke("hi") == {"a": 1}
    shape = upstream.received[0].json()["response_format"]
    assert shape == {"type": "json_object", "json_schema": schema}


async def test_structured_output_gives_the_raw_answer_beside(build, adapter, upstream, chat_answer):
    upstream.answer(Reply.json(chat_answer(text='{"a": 1}')), Reply.json(chat_answer(text="no JSON")))
    model = (await build(adapter)).with_structured_output({"title": "A", "type": "object"}, include_raw=True)
    found, broken = await model.ainvoke("hi"), await model.ainvoke("hi")
    assert (found["raw"].text, found["parsed"], found["parsing_error"]) == ('{"a": 1}', {"a": 1}, None)
    assert (broken["raw"].text, broken["parsed"]) == ("no JSON", None)
    assert broken["parsing_error"] is not None


async def test_structured_output_by_a_tool_requires_it(build, adapter, upstream, chat_answer):
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    upstream.answer(Reply.json(chat_answer("TOOL_CALL", None, tool_calls=[call])))
    model = (await build(adapter)).with_structured_output(WEATHER, method="function_calling")
    assert await model.ainvoke("hi") == {"city": "Paris"}
    sent = upstream.received[0].json()
    assert (sent["tools"], sent["tool_choice"]) == ([WEATHER], "REQUIRED")


IMAGE = {"type": "image", "base64": "eA==", "mime_type": "image/png"}
CALL = {"id": "c1", "name": "weather", "args": {"city": "Paris"}, "type": "tool_call"}


async def test_nothing_of_a_conversation_is_dropped(build, adapter, upstream):
    model = await build(adapter)
    plan = {"type": "reasoning", "reasoning": "I will look", "extras": {"signature": "tool_plan"}}
    await model.ainvoke(
        [
            SystemMessage("be brief"),
            HumanMessage(
                [{"type": "text", "text": "a"}, {"type": "image", "base64": "eA==", "mime_type": "image/png"}]
            ),
            AIMessage([plan, {"type": "text", "text": "wait"}], tool_calls=[CALL]),
            ToolMessage("rain", tool_call_id="c1"),
            AIMessage("It rains.", additional_kwargs={"citations": [{"start": 0}]}),
            HumanMessage("why"),
        ]
    )
    function = {"name": "weather", "arguments": '{"city": "Paris"}'}
    assert upstream.received[0].json()["messages"] == [
        {"role": "system", "content": "be brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}},
            ],
        },
        {
            "role": "assistant",
            "content": "wait",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
            "tool_plan": "I will look",
        },
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        {"role": "assistant", "content": "It rains.", "citations": [{"start": 0}]},
        {"role": "user", "content": "why"},
    ]


async def test_a_block_without_a_place_is_refused(build, adapter, upstream):
    model = await build(adapter)
    with pytest.raises(UnsupportedError, match=r"messages\[0\]\.content\[0\]"):
        await model.ainvoke([HumanMessage([{"type": "audio", "base64": "eA==", "mime_type": "audio/wav"}])])
    assert not upstream.received


async def test_an_answer_says_what_it_cost(build, adapter, upstream, chat_answer):
    usage = {"tokens": {"input_tokens": 5, "output_tokens": 3}, "cached_tokens": 4, "billed_units": {"input_tokens": 2}}
    upstream.answer(Reply.json(chat_answer(usage=usage, citations=[{"start": 0}])))
    message = await (await build(adapter)).ainvoke("hi")
    assert message.usage_metadata == {
        "input_tokens": 5, "output_tokens": 3, "total_tokens": 8, "input_token_details": {"cache_read": 4},
    }  # fmt: skip
    assert message.response_metadata == {
        "model_name": "m", "model_provider": "cohere", "finish_reason": "COMPLETE", "id": "a-1", "usage": usage,
    }  # fmt: skip
    assert message.additional_kwargs == {"citations": [{"start": 0}]}


async def test_a_failure_is_not_tried_again_by_the_class(build, adapter, upstream):
    upstream.answer(Reply.json({"message": "m"}, 500))
    model = await build(adapter)
    with pytest.raises(Exception, match="500"):
        await model.ainvoke("hi")
    assert len(upstream.received) == 1


async def test_a_redirect_is_not_followed(build, adapter, upstream):
    upstream.answer(Reply((b"",), 307, {"location": f"{upstream.url}/elsewhere"}))
    model = await build(adapter)
    with pytest.raises(Exception, match="307"):
        await model.ainvoke("hi")
    assert len(upstream.received) == 1


async def test_an_invalid_token_has_our_error_for_a_cause(build, adapter, upstream):
    upstream.answer(Reply.json({"message": "invalid api token"}, 498))
    model = await build(adapter)
    with pytest.raises(Exception, match="498") as caught:
        await model.ainvoke("hi")
    assert type(caught.value).__module__.startswith("cohere.")
    assert isinstance(caught.value.__cause__, AuthenticationError)


async def test_a_missing_package_says_what_to_install(build, adapter, monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain_cohere", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'dragoman-cohere\[langchain\]'"):
        await build(adapter)


# --- embeddings and rerank -------------------------------------------------------------------------------------------


def vectors(request):
    texts = request.json()["texts"]
    return Reply.json({"id": "e", "embeddings": {"float": [[float(len(text))] for text in texts]}, "texts": texts})


@pytest.mark.parametrize("blocking", [False, True])
async def test_embeddings_send_what_the_codec_sends(
    build, hostile_environment, engine, adapter, upstream, canary, blocking
):
    upstream.answer(vectors)
    document = {
        **adapter, "operation": "embed", "inference": {"dimensions": 256, "truncate": "END", "max_tokens": 7},
        "model_kwargs": {"odd": True},
    }  # fmt: skip
    await engine.embed(document, ["a", "bc"], purpose="document")
    await engine.embed(document, "abc", purpose="query")
    model = await build(document)
    assert isinstance(model, CohereEmbeddings)
    if blocking:
        found = await engine.run_blocking(model.embed_documents, ["a", "bc"])
        found.append(await engine.run_blocking(model.embed_query, "abc"))
    else:
        found = [*await model.aembed_documents(["a", "bc"]), await model.aembed_query("abc")]
    assert found == [[1.0], [2.0], [3.0]]
    sent = [(request.target, request.headers["authorization"], request.json()) for request in upstream.received]
    assert sent[:2] == sent[2:]
    assert EVIL not in repr(upstream.received)


async def test_many_texts_are_embedded_in_several_requests(build, adapter, upstream):
    upstream.answer(vectors)
    model = await build({**adapter, "operation": "embed"})
    found = await model.aembed_documents(["x" * n for n in range(1, 201)])
    assert [vector[0] for vector in found] == [float(n) for n in range(1, 201)]
    assert [len(request.json()["texts"]) for request in upstream.received] == [96, 96, 8]


async def test_the_adapters_input_type_wins(build, adapter, upstream):
    upstream.answer(vectors)
    document = {**adapter, "operation": "embed", "inference": {"input_type": "clustering"}}
    await (await build(document)).aembed_query("a")
    assert upstream.received[0].json()["input_type"] == "clustering"


async def test_rerank_sends_what_the_codec_sends(build, hostile_environment, engine, adapter, upstream, canary):
    results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
    upstream.answer(Reply.json({"id": "r", "results": results}))
    document = {
        **adapter, "operation": "rerank", "inference": {"max_tokens_per_document": 100, "priority": 2},
        "model_kwargs": {"odd": True},
    }  # fmt: skip
    await engine.rerank(document, "q", ["a", "b"])
    model = await build(document)
    assert isinstance(model, CohereRerank)
    ranked = await model.acompress_documents([Document("a", metadata={"n": 1}), Document("b")], "q")
    assert [(d.page_content, d.metadata["relevance_score"]) for d in ranked] == [("b", 0.9), ("a", 0.1)]
    ours, theirs = upstream.received
    assert (theirs.target, theirs.headers["authorization"]) == ("/v2/rerank", f"Bearer {canary}")
    assert theirs.json() == ours.json()
    assert EVIL not in repr(upstream.received)


async def test_rerank_of_nothing_asks_nobody(build, adapter, upstream):
    model = await build({**adapter, "operation": "rerank"})
    assert await model.acompress_documents([], "q") == []
    assert not upstream.received
