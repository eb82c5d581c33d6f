"""What an OpenTelemetry collector receives from a real process: OTLP over HTTP, decoded as a collector decodes it."""

import gzip
import signal

import pytest
from dragoman.testing.upstream import HOLD, Reply, Upstream

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="dragoman[telemetry] is not installed")
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
USAGE = {
    "prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}  # fmt: skip
ANSWER = {
    "id": "resp-1", "object": "chat.completion", "created": 1, "model": "gpt-behind", "usage": USAGE,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
}  # fmt: skip
PIECE = {**ANSWER, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hel"}}]}
ASK = {"model": "mine", "stream": True, "messages": [{"role": "user", "content": "say nothing of this"}]}


class Collector(Upstream):
    """Takes what is exported."""

    def told(self, path, message):
        """Return what was sent to a path, decoded."""
        found = []
        for request in self.received:
            if request.target == path:
                assert request.headers["content-type"] == "application/x-protobuf"
                packed = request.headers.get("content-encoding") == "gzip"
                found.append(message.FromString(gzip.decompress(request.body) if packed else request.body))
        return found

    def spans(self):
        exported = self.told("/v1/traces", ExportTraceServiceRequest)
        return [s for e in exported for r in e.resource_spans for scope in r.scope_spans for s in scope.spans]

    def services(self):
        exported = self.told("/v1/traces", ExportTraceServiceRequest)
        return {attributes(r.resource)["service.name"] for e in exported for r in e.resource_spans}

    def metrics(self):
        exported = self.told("/v1/metrics", ExportMetricsServiceRequest)
        return [m for e in exported for r in e.resource_metrics for scope in r.scope_metrics for m in scope.metrics]


def attributes(of):
    """Return attributes as plain values; lists as lists."""
    found = {}
    for one in of.attributes:
        kind = one.value.WhichOneof("value")
        value = getattr(one.value, kind)
        found[one.key] = [item.string_value for item in value.values] if kind == "array_value" else value
    return found


def names(module):
    """Return the names of the conventions that a module of OpenTelemetry's own package defines."""
    return {value for name, value in vars(module).items() if name.startswith("GEN_AI_") and isinstance(value, str)}


@pytest.fixture
def collected(tmp_path, upstream, serve_process, until):
    """Make a call that holds, one that fails, one whose client leaves and one that is refused; then stop."""
    pytest.importorskip("dragoman_openai")
    host = upstream.url.removeprefix("http://")
    (tmp_path / "adapters").mkdir()
    adapter = f"{{provider: openai-compatible, model: gpt-x, connection: {{base_url: '{upstream.url}/v1'}}}}"
    (tmp_path / "adapters" / "mine.yaml").write_text(adapter.replace("}}", "}, limits: {max_attempts: 1}}"))
    (tmp_path / "dragoman.toml").write_text(f'[telemetry]\nenabled = true\npropagate_to = ["{host}"]\n')
    holding = Reply.sse([PIECE]).cut(1, HOLD)
    upstream.answer(Reply.json(ANSWER), Reply.json({"error": {"message": "no"}}, 500), holding)
    with Collector() as collector:
        collector.answer(Reply(status=200, headers={"content-type": "application/x-protobuf"}))
        process = serve_process(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url).ready()
        assert process.ask(traceparent=f"00-{TRACE}-{PARENT}-01") == 200
        assert process.ask() == 502
        with process.api.stream("POST", "/v1/chat/completions", json=ASK) as answer:
            next(answer.iter_lines())
        assert upstream.wait_until_left()
        assert process.ask(model="nosuch") == 404
        until(lambda: process.api.get("/api/usage").json()["total"]["requests"] == 4)
        process.process.send_signal(signal.SIGTERM)
        process.process.wait(30)
        yield collector, upstream.received


def test_each_call_is_one_span_and_counts_in_the_metrics_however_it_ended(collected):
    collector, received = collected
    assert collector.services() == {"dragoman"}
    held, failed, left = collector.spans()
    assert {(span.name, span.kind) for span in (held, failed, left)} == {("chat gpt-x", Span.SPAN_KIND_CLIENT)}

    assert (held.trace_id.hex(), held.parent_span_id.hex()) == (TRACE, PARENT)
    assert (
        attributes(held).items()
        >= {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai-compatible",
            "gen_ai.request.model": "gpt-x",
            "gen_ai.response.model": "gpt-behind",
            "gen_ai.response.id": "resp-1",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.cache_read.input_tokens": 3,
            "gen_ai.usage.reasoning.output_tokens": 2,
        }.items()
    )
    assert (failed.status.code, attributes(failed)["error.type"]) == (Status.STATUS_CODE_ERROR, "server")
    assert (left.status.code, attributes(left)["error.type"]) == (Status.STATUS_CODE_UNSET, "cancelled")
    assert attributes(left)["gen_ai.response.time_to_first_chunk"] > 0
    assert all(span.end_time_unix_nano > span.start_time_unix_nano for span in (held, failed, left))

    known = names(gen_ai_attributes)
    assert {key for span in collector.spans() for key in attributes(span) if key.startswith("gen_ai.")} <= known
    assert not any(b"say nothing" in request.body for request in collector.received)
    # The model server that the settings name is told of each call's own span.
    told = [request.headers["traceparent"].split("-")[1:3] for request in received]
    assert told == [[span.trace_id.hex(), span.span_id.hex()] for span in (held, failed, left)]

    metrics = {metric.name: metric.histogram.data_points for metric in collector.metrics()}
    assert set(metrics) <= names(gen_ai_metrics)
    assert sum(point.count for point in metrics["gen_ai.client.operation.duration"]) == 3
    errors = {attributes(point).get("error.type") for point in metrics["gen_ai.client.operation.duration"]}
    assert errors == {None, "server", "cancelled"}
    kinds = {attributes(point)["gen_ai.token.type"] for point in metrics["gen_ai.client.token.usage"]}
    assert kinds == {"input", "output"}
    assert "gen_ai.client.operation.time_to_first_chunk" in metrics
