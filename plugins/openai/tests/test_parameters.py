from __future__ import annotations

import pytest
from dragoman.errors import UnsupportedError


def test_only_what_is_set_is_sent(speak):
    assert speak().body("hi") == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("inference", "members"),
    [
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 0.5, "seed": 0}, {"top_p": 0.5, "seed": 0}),
        ({"presence_penalty": -1, "frequency_penalty": 1}, {"presence_penalty": -1, "frequency_penalty": 1}),
        ({"max_tokens": 9}, {"max_completion_tokens": 9}),
        ({"stop_sequences": ["A", "B"]}, {"stop": ["A", "B"]}),
        ({"stop_sequences": []}, {}),
        ({"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ({"reasoning": {}}, {}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"response_format": {"type": "json_object"}}),
        ({"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"logit_bias": {"50256": -100}}, {"logit_bias": {"50256": -100}}),
        ({"store": False, "metadata": {"a": "b"}}, {"store": False, "metadata": {"a": "b"}}),
        ({"verbosity": "low", "service_tier": "flex"}, {"verbosity": "low", "service_tier": "flex"}),
        ({"prompt_cache_key": "k", "safety_identifier": "s"}, {"prompt_cache_key": "k", "safety_identifier": "s"}),
        ({"modalities": ["text"], "user": "u"}, {"modalities": ["text"], "user": "u"}),
    ],
)
def test_inference_settings(speak, inference, members):
    body = speak().body(**inference)
    assert {k: v for k, v in body.items() if k not in ("model", "messages")} == members


def test_a_json_schema_is_sent_as_it_was_written(speak):
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"], "default": None}}}
    body = speak().body(response_format={"type": "json_schema", "json_schema": {"schema": schema, "strict": True}})
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }


@pytest.mark.parametrize(
    ("provider", "connection", "inference", "path"),
    [
        ("openai", {}, {"top_k": 5}, "inference.top_k"),
        ("azure-openai", {"endpoint": "https://r.openai.azure.com"}, {"top_k": 5}, "inference.top_k"),
        ("openai-compatible", {"server": "ollama"}, {"top_k": 5}, "inference.top_k"),
        ("openai", {}, {"reasoning": {"budget_tokens": 5}}, "inference.reasoning.budget_tokens"),
        ("openai", {}, {"response_format": {"type": "json_schema"}}, "inference.response_format.json_schema"),
        ("openai", {}, {"invented": 1}, "inference.invented"),
    ],
)
def test_what_the_server_does_not_take_is_refused(speak, provider, connection, inference, path):
    with pytest.raises(UnsupportedError) as refused:
        speak(provider, **connection).wire(**inference)
    assert refused.value.path == path


@pytest.mark.parametrize("connection", [{"server": "vllm"}, {"base_url": "http://h/v1", "top_k": True}])
def test_top_k_is_sent_where_the_server_takes_it(speak, connection):
    assert speak("openai-compatible", **connection).body(top_k=5)["top_k"] == 5


@pytest.mark.parametrize(
    ("provider", "connection", "member"),
    [
        ("openai", {}, "max_completion_tokens"),
        ("openai", {"max_tokens_field": "max_tokens"}, "max_tokens"),
        ("openai-compatible", {"server": "llama-cpp"}, "max_tokens"),
        (
            "openai-compatible",
            {"server": "vllm", "max_tokens_field": "max_completion_tokens"},
            "max_completion_tokens",
        ),
        ("azure-openai", {"endpoint": "https://r.openai.azure.com"}, "max_completion_tokens"),
        ("azure-openai", {"endpoint": "https://r.openai.azure.com", "api_version": "2023-05-15"}, "max_tokens"),
        (
            "azure-openai",
            {"endpoint": "https://r.openai.azure.com", "api_version": "2024-09-01-preview"},
            "max_completion_tokens",
        ),
    ],
)
def test_the_member_for_max_tokens_is_declared(speak, provider, connection, member):
    body = speak(provider, **connection).body(max_tokens=7)
    assert body[member] == 7
    assert len(body) == 2 + ("model" in body)


@pytest.mark.parametrize(
    ("provider", "connection", "asked"),
    [
        ("openai", {}, True),
        ("openai", {"stream_usage": False}, False),
        ("openai-compatible", {"server": "vllm"}, True),
        ("openai-compatible", {"server": "cohere"}, False),
        ("azure-openai", {"endpoint": "https://r.openai.azure.com"}, True),
        ("azure-openai", {"endpoint": "https://r.openai.azure.com", "api_version": "2024-02-01"}, False),
        ("azure-openai", {"endpoint": "https://r.openai.azure.com", "api_version": "2024-10-21"}, True),
    ],
)
def test_a_stream_asks_for_its_usage_where_the_server_takes_the_question(speak, provider, connection, asked):
    body = speak(provider, **connection).body(stream=True)
    assert body["stream"] is True
    assert body.get("stream_options") == ({"include_usage": True} if asked else None)
    assert "stream_options" not in speak(provider, **connection).body()


def test_model_kwargs_are_merged(speak):
    body = speak("openai-compatible", server="vllm").body(model_kwargs={"min_p": 0.1, "n": 1})
    assert (body["min_p"], body["n"]) == (0.1, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "other"), ("messages", []), ("stream", True), ("stream_options", {}), ("tools", []),
        ("tool_choice", "auto"), ("temperature", 1), ("max_tokens", 1), ("max_completion_tokens", 1), ("stop", "x"),
        ("response_format", {}), ("reasoning_effort", "low"), ("parallel_tool_calls", False), ("store", True), ("n", 2),
    ],
)  # fmt: skip
def test_model_kwargs_cannot_set_what_the_codec_writes(speak, name, value):
    with pytest.raises(UnsupportedError) as refused:
        speak().wire(model_kwargs={name: value})
    assert refused.value.path == f"model_kwargs.{name}"


def test_endpoint_kwargs_are_headers_and_query(speak):
    wire = speak(base_url="https://h/v1").wire(endpoint_kwargs={"headers": {"X-Team": "a"}, "query": {"q": "1 2"}})
    assert wire.headers["X-Team"] == "a"
    assert wire.url == "https://h/v1/chat/completions?q=1+2"


def test_a_query_is_added_to_the_one_that_is_there(speak):
    azure = speak("azure-openai", endpoint="https://r", api_version="2024-10-21", model="d")
    wire = azure.wire(endpoint_kwargs={"query": {"q": "1"}})
    assert wire.url == "https://r/openai/deployments/d/chat/completions?api-version=2024-10-21&q=1"


@pytest.mark.parametrize(
    ("endpoint_kwargs", "path"),
    [
        *(
            ({"headers": {name: "x"}}, f"endpoint_kwargs.headers.{name}")
            for name in (
                "Authorization",
                "api-key",
                "Host",
                "COOKIE",
                "X-Forwarded-Host",
                "Content-Length",
                "x-api-key",
            )
        ),
        ({"headers": {"X-A": "two\r\nX-B: lines"}}, "endpoint_kwargs.headers.X-A"),
        ({"headers": {"X-A": 1}}, "endpoint_kwargs.headers.X-A"),
        ({"headers": {"X A": "x"}}, "endpoint_kwargs.headers.'X A'"),
        ({"headers": ["X-A"]}, "endpoint_kwargs.headers"),
        ({"query": {"api-version": "x"}}, "endpoint_kwargs.query.api-version"),
        ({"query": {"api-key": "x"}}, "endpoint_kwargs.query.api-key"),
        ({"host": "x"}, "endpoint_kwargs.host"),
    ],
)
def test_endpoint_kwargs_hold_no_authentication_host_or_address(speak, endpoint_kwargs, path):
    with pytest.raises(UnsupportedError) as refused:
        speak().wire(endpoint_kwargs=endpoint_kwargs)
    assert refused.value.path == path
