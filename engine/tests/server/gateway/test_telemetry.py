"""What a tracing backend is told of a call: one span each, by the conventions for generative AI, and no text."""

from importlib.metadata import EntryPoint

import httpx
import openai
import pytest
from dragoman.testing.upstream import Reply
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
PROMPT = "say nothing of this"
ENABLED = {"enabled": True}


@pytest.fixture(scope="module")
def providers():
    """Set up OpenTelemetry's SDK for the process, as a program does that embeds the gateway. It can be done once."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(MeterProvider([reader]))
    return exporter, reader


@pytest.fixture
def spans(providers):
    """Return the function that reads the spans that ended in this test."""
    exporter, _ = providers
    exporter.clear()
    return exporter.get_finished_spans


def chat(served, key, text=PROMPT, *, model="model", **rest):
    with served.openai(key) as client:
        return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **rest)


def read_stream(served, key, text=PROMPT, *, until_it_begins=False):
    """Read a streamed answer to its end, or leave once it has begun."""
    with served.openai(key) as client:
        asked = [{"role": "user", "content": text}]
        with client.chat.completions.create(model="model", messages=asked, stream=True) as stream:
            for chunk in stream:
                if until_it_begins and chunk.choices[0].delta.content:
                    return


def test_a_call_has_one_span_by_the_conventions(serve, spans):
    served = serve(telemetry=ENABLED)
    chat(served, served.key(), extra_headers={"traceparent": PARENT})
    (span,) = spans()
    assert span.name == "chat secret-endpoint"
    assert trace.format_trace_id(span.context.trace_id) == TRACE_ID
    assert trace.format_span_id(span.parent.span_id) == "00f067aa0ba902b7"
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "secret-endpoint",
        "gen_ai.response.model": "the-provider's-name",
        "gen_ai.response.id": "resp-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 5,
        "dragoman.adapter": "model",
        "dragoman.project": "shop",
    }
    assert expected.items() <= dict(span.attributes).items()
    assert PROMPT not in str(span.to_json())


def test_spans_stand_alone_without_a_parent(serve, spans):
    served = serve(telemetry=ENABLED)
    key = served.key()
    chat(served, key)
    read_stream(served, key)
    first, second = spans()
    assert first.parent is None
    assert first.context.trace_id != second.context.trace_id


def test_a_failed_call_says_what_failed(serve, spans):
    served = serve(telemetry=ENABLED)
    key = served.key()
    with pytest.raises(openai.InternalServerError):
        chat(served, key, "!error:key")
    (span,) = spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "authentication"


def test_the_span_of_a_client_that_leaves_is_closed(serve, spans, until):
    served = serve(telemetry=ENABLED)
    read_stream(served, served.key(), "hello !hang", until_it_begins=True)
    until(spans)
    (span,) = spans()
    assert span.attributes["error.type"] == "cancelled"
    assert span.status.status_code is StatusCode.UNSET


def test_embeddings_and_rankings_are_named_as_such(serve, spans):
    served = serve(telemetry=ENABLED)
    key = served.key()
    with served.openai(key) as client:
        client.embeddings.create(model="vectors", input="a text")
    with served.client(key) as client:
        client.post("/v1/rerank", json={"model": "ranks", "query": "q", "documents": ["a", "b"]}).raise_for_status()
    assert [span.attributes["gen_ai.operation.name"] for span in spans()] == ["embeddings", "rerank"]


def test_durations_and_tokens_are_metrics(serve, spans, providers):
    served = serve(telemetry=ENABLED)
    read_stream(served, served.key())
    _, reader = providers
    found = {
        metric.name: metric
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert found["gen_ai.client.operation.duration"].unit == "s"
    assert found["gen_ai.client.operation.time_to_first_chunk"].data.data_points
    points = found["gen_ai.client.token.usage"].data.data_points
    kinds = {point.attributes["gen_ai.token.type"] for point in points}
    assert kinds == {"input", "output"}
    assert all(PROMPT not in str(metric) for metric in found.values())


@pytest.mark.parametrize("is_told", [True, False], ids=["named host", "other host"])
def test_only_named_hosts_are_told_of_the_trace(serve, spans, upstream, is_told):
    openai_plugin = pytest.importorskip("dragoman_openai")
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    upstream.answer(Reply.json({"id": "x", "model": "m", "choices": [choice]}))
    adapter = f"{{provider: openai-compatible, model: m, connection: {{base_url: '{upstream.url}/v1'}}}}"
    host = httpx.URL(upstream.url)
    named = f"{host.host}:{host.port}" if is_told else "llm.internal"
    served = serve(
        adapters={"away": adapter},
        found=[EntryPoint("openai", openai_plugin.__name__, "dragoman.plugins")],
        telemetry={**ENABLED, "propagate_to": [named]},
    )
    chat(served, served.key(), model="away", extra_headers={"traceparent": PARENT})
    (span,) = spans()
    sent = upstream.received[0].headers
    expected = f"00-{TRACE_ID}-{trace.format_span_id(span.context.span_id)}-01" if is_told else None
    assert sent.get("traceparent") == expected


def test_without_the_setting_there_is_no_span(serve, spans):
    served = serve()
    chat(served, served.key())
    assert spans() == ()


def test_the_line_of_a_request_names_its_trace(serve, spans):
    served = serve(telemetry=ENABLED)
    answer = chat(served, served.key(), extra_headers={"traceparent": PARENT})
    (line,) = served.logged()
    assert (line["path"], line["trace_id"]) == ("/v1/chat/completions", TRACE_ID)
    assert answer.choices[0].message.content
