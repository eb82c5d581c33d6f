"""The LangChain door: explicit in everything, whatever the environment says."""

from __future__ import annotations

import pytest
from botocore.exceptions import InvalidEndpointConfigurationError
from dragoman.errors import UnsupportedError
from dragoman.testing.upstream import Reply

from ..edge import Admitted, event, event_stream  # noqa: TID252  (the tests are no package that could be installed)

pytest.importorskip("langchain_aws", reason="dragoman-aws[langchain] is not installed")

EVIL = "evil-secret-of-the-environment"
PROFILE = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/cew2pa5r8hog"
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
    "metrics": {"latencyMs": 1},
}
STREAM = [
    event("messageStart", {"role": "assistant"}),
    event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hel"}}),
    event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lo"}}),
    event("contentBlockStop", {"contentBlockIndex": 0}),
    event("messageStop", {"stopReason": "end_turn"}),
    event("metadata", {"usage": ANSWER["usage"], "metrics": ANSWER["metrics"]}),
]


@pytest.fixture
def hostile_environment(monkeypatch):
    """Set every variable that could redirect a call or replace a key."""
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_SESSION_TOKEN", "LANGSMITH_API_KEY", "LANGSMITH_GATEWAY_API_KEY"):
        monkeypatch.setenv(name, EVIL)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "LANGSMITH_GATEWAY_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@pytest.fixture
def bedrock(edge, keys):
    edge.admit(Admitted("AKIDEXAMPLE", keys, who="the adapter's user"))
    edge.admit_bearer("bedrock-key", who="the API key")
    edge.route("POST", r"/model/[^/]+/converse", Reply.json(ANSWER))
    edge.route("POST", r"/model/[^/]+/converse-stream", event_stream(STREAM))
    return edge


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream"])
async def test_no_variable_redirects_a_call_or_replaces_a_key(hostile_environment, engine, bedrock, document, way):
    model = await engine.langchain_model(document(bedrock.url, model=PROFILE))
    if way == "ainvoke":
        text = (await model.ainvoke("hi")).text
    elif way == "invoke":
        text = (await engine.run_blocking(model.invoke, "hi")).text
    else:
        pieces = await engine.run_blocking(lambda: [piece.text for piece in model.stream("hi")])
        assert {"hel", "lo"} <= set(pieces)
        text = "".join(pieces)
    assert text == "hello"
    assert [caller.who for caller in bedrock.callers] == ["the adapter's user"]
    assert bedrock.callers[0].region == "us-east-1"
    assert EVIL not in repr(bedrock.received)
    assert PROFILE.replace(":", "%3A").replace("/", "%2F") in bedrock.received[0].target


async def test_an_api_key_is_sent_over_tls_only(hostile_environment, engine, bedrock, document, monkeypatch):
    monkeypatch.setenv("MY_KEY", "bedrock-key")
    auth = {"auth": {"kind": "bedrock_api_key"}}
    model = await engine.langchain_model(document(bedrock.url, connection=auth, credentials={"api_key": "MY_KEY"}))
    with pytest.raises(InvalidEndpointConfigurationError, match="Bearer authorization requires an HTTPS endpoint"):
        await model.ainvoke("hi")
    assert not bedrock.received


async def test_the_class_holds_no_key(engine, bedrock, document, keys):
    from langchain_core.load import dumps

    model = await engine.langchain_model(document(bedrock.url))
    assert keys not in dumps(model)
    assert keys not in repr(model)
    assert keys not in repr(vars(model))


async def test_what_the_adapter_says_is_sent(engine, bedrock, document):
    adapter = document(
        bedrock.url,
        model="us.anthropic.claude-opus-4-7",  # for this one the class would drop the temperature
        connection={"family": "claude", "guardrail": {"identifier": "abc", "version": "1", "trace": "enabled"}},
        inference={
            "temperature": 0.25, "top_p": 0.5, "top_k": 3, "max_tokens": 9, "stop_sequences": ["X"],
            "performance_latency": "optimized", "service_tier": "flex", "reasoning": {"effort": "low"},
        },
        model_kwargs={"odd": {"a_b": 1}},
        endpoint_kwargs={"requestMetadata": {"team": "a"}, "additionalModelResponseFieldPaths": ["/x"]},
    )  # fmt: skip
    model = await engine.langchain_model(adapter)
    await model.ainvoke("hi")
    ours = (await engine.dry_run(adapter, "hi")).body
    assert bedrock.received[0].json() == {**ours, "system": []}


@pytest.mark.parametrize(
    ("member", "path"),
    [
        ({"inference": {"cache_points": ["system"]}}, "inference.cache_points"),
        ({"inference": {"system_tools": ["nova_grounding"]}}, "inference.system_tools"),
        ({"endpoint_kwargs": {"promptVariables": {"a": "b"}}}, "endpoint_kwargs.promptVariables"),
    ],
)
async def test_what_the_class_cannot_say_is_refused(engine, bedrock, document, member, path):
    with pytest.raises(UnsupportedError, match=path):
        await engine.langchain_model(document(bedrock.url, **member))
