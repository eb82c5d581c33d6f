"""The LangChain door: AI21's words only, whatever LangChain or the environment says."""

from __future__ import annotations

import sys

import pytest
from dragoman.errors import UnsupportedError
from dragoman.testing.upstream import Reply

pytest.importorskip("langchain_openai", reason="dragoman-ai21[langchain] is not installed")

EVIL = "evil-secret-of-the-environment"


@pytest.fixture
def hostile_environment(monkeypatch, unused_tcp_port):
    """Set every variable that could redirect a call or replace a key."""
    elsewhere = f"http://127.0.0.1:{unused_tcp_port}"
    for name in (
        "OPENAI_API_BASE", "OPENAI_BASE_URL", "AI21_API_HOST", "OPENAI_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
        "http_proxy", "https_proxy", "all_proxy", "LANGSMITH_GATEWAY_URL", "LANGSMITH_ENDPOINT",
    ):  # fmt: skip
        monkeypatch.setenv(name, elsewhere)
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "LANGSMITH_API_KEY"):
        monkeypatch.setenv(name, EVIL)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"Authorization: Bearer {EVIL}\nX-Evil: {EVIL}")
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    monkeypatch.setenv("LC_OUTPUT_VERSION", "v1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def build(engine, adapter):
    """Return the class for the adapter on loopback; its connections are closed when the test is over."""
    built = []

    async def make(**members):
        built.append(await engine.langchain_model({**adapter, **members}))
        return built[-1]

    yield make
    for model in built:
        await model.root_async_client.close()
        model.root_client.close()


@pytest.mark.parametrize("way", ["ainvoke", "invoke", "astream"])
async def test_no_variable_redirects_a_call_or_replaces_a_key(
    hostile_environment, engine, build, upstream, canary, answer, chunk, way
):
    model = await build(inference={"max_tokens": 9})
    upstream.answer(Reply.json(answer()))
    if way == "astream":
        usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
        upstream.answer(Reply.sse([chunk({"content": "hello"}), chunk({}, "stop", usage=usage)], done="[DONE]"))
        pieces = [piece async for piece in model.astream("hi")]
        text = "".join(piece.text for piece in pieces)
        assert [piece.usage_metadata["total_tokens"] for piece in pieces if piece.usage_metadata] == [7]
    elif way == "ainvoke":
        text = (await model.ainvoke("hi")).text
    else:
        text = (await engine.run_blocking(model.invoke, "hi")).text
    assert text == "hello"
    (received,) = upstream.received
    assert received.headers["authorization"] == f"Bearer {canary}"
    assert EVIL not in repr(received)
    assert received.json()["max_tokens"] == 9
    assert not {"max_completion_tokens", "stream_options"} & received.json().keys()


async def test_the_class_holds_no_key_and_says_who_it_is(build, canary):
    model = await build(inference={"max_tokens": 9})
    assert canary not in repr(vars(model))
    facts = model._get_ls_params()
    assert (facts["ls_provider"], facts["ls_model_name"], facts["ls_max_tokens"]) == ("ai21", "jamba-mini", 9)


async def test_json_mode_gives_structured_output_and_the_other_ways_are_refused(build, upstream, answer):
    model = await build()
    upstream.answer(Reply.json(answer(content='{"city": "Paris"}')))
    schema = {"title": "place", "type": "object", "properties": {"city": {"type": "string"}}}
    assert await model.with_structured_output(schema, method="json_mode").ainvoke("JSON") == {"city": "Paris"}
    assert upstream.received[-1].json()["response_format"] == {"type": "json_object"}
    for method, place in (("function_calling", "tool_choice"), ("json_schema", "response_format")):
        with pytest.raises(UnsupportedError, match=place):
            await model.with_structured_output(schema, method=method).ainvoke("hi")
    assert len(upstream.received) == 1


async def test_tools_are_bound_and_called(build, upstream, answer):
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    model = await build()
    upstream.answer(Reply.json(answer(content=None, tool_calls=[call])))
    tool = {"title": "weather", "description": "d", "type": "object", "properties": {"city": {"type": "string"}}}
    message = await model.bind_tools([tool]).ainvoke("hi")
    assert [(c["name"], c["args"]) for c in message.tool_calls] == [("weather", {"city": "Paris"})]


async def test_a_missing_package_says_what_to_install(engine, adapter, monkeypatch):
    from dragoman_ai21 import langchain

    langchain._jamba_class.cache_clear()
    monkeypatch.setitem(sys.modules, "langchain_openai.chat_models.base", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'dragoman-ai21\[langchain\]'"):
        await engine.langchain_model(adapter)
