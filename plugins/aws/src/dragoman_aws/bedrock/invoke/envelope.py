"""What InvokeModel carries around a model's own body: settings and figures in headers, and members of its own.

Names: service model of bedrock-runtime, botocore 1.44.5, and recorded answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
from dragoman.events import Response, Usage
from dragoman.plugin import ChatRequest, WireReply

from dragoman_aws.bedrock.connection import Guardrail
from dragoman_aws.bedrock.converse.call import checked_headers, checked_metadata, refuse_argument
from dragoman_aws.bedrock.errors import REQUEST_ID_HEADER

#: Setting -> the header that carries it; the mapping never sees it.
_SETTINGS: Mapping[str, str] = {
    "performance_latency": "X-Amzn-Bedrock-PerformanceConfig-Latency",
    "service_tier": "X-Amzn-Bedrock-Service-Tier",
}
#: Figure -> the header that brings it with a whole answer, the member that brings it with the last piece of a stream.
_INPUT = ("x-amzn-bedrock-input-token-count", "inputTokenCount")
_OUTPUT = ("x-amzn-bedrock-output-token-count", "outputTokenCount")
_CACHE_READ = ("x-amzn-bedrock-cache-read-input-token-count", "cacheReadInputTokenCount")
_CACHE_WRITE = ("x-amzn-bedrock-cache-write-input-token-count", "cacheWriteInputTokenCount")
_LATENCY = ("x-amzn-bedrock-invocation-latency", "invocationLatency")
_FIRST_BYTE = ("", "firstByteLatency")

#: Members that Bedrock adds to a model's own JSON.
_METRICS = "amazon-bedrock-invocationMetrics"
_ACTION = "amazon-bedrock-guardrailAction"
_TRACE = "amazon-bedrock-trace"
#: What all of them begin with: a piece without it holds none.
MARK = b'"amazon-bedrock-'
INTERVENED = "INTERVENED"


def without_own_settings(request: ChatRequest, headers: dict[str, str]) -> ChatRequest:
    """Move the settings that go as headers out of the request, so that the mapping is asked for the others only."""
    settings = request.settings
    inference = settings.inference
    said = {name: value for name in _SETTINGS if (value := getattr(inference, name, None)) is not None}
    if not said:
        return request
    headers.update((_SETTINGS[name], value) for name, value in said.items())
    rest = inference.model_copy(update=dict.fromkeys(said))
    return replace(request, settings=replace(settings, inference=rest))


def add_endpoint_kwargs(headers: dict[str, str], endpoint_kwargs: Mapping[str, Any]) -> None:
    """Write the call's own arguments as headers; refuse unknown ones."""
    for name, value in endpoint_kwargs.items():
        if name == "headers":
            headers.update(checked_headers(value))
        elif name == "requestMetadata":
            metadata = checked_metadata(value, name)
            headers["X-Amzn-Bedrock-Request-Metadata"] = orjson.dumps(dict(metadata)).decode("utf-8")
        else:
            refuse_argument("is not known", name, "there are headers, requestMetadata")


def guardrail_headers(guardrail: Guardrail) -> dict[str, str]:
    """Return the headers that name a guardrail."""
    headers = {
        "X-Amzn-Bedrock-GuardrailIdentifier": guardrail.identifier,
        "X-Amzn-Bedrock-GuardrailVersion": guardrail.version,
    }
    if guardrail.trace is not None:
        headers["X-Amzn-Bedrock-Trace"] = guardrail.trace.upper()
    return headers


class Envelope(NamedTuple):
    """What came around an answer, or around one piece of it: Bedrock's own members, and its figures."""

    metrics: Mapping[str, Any] | None = None
    action: str | None = None
    trace: Any = None


def envelope_of(body: bytes) -> Envelope:
    """Return Bedrock's own members of a model's JSON."""
    if MARK not in body:
        return Envelope()
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Envelope()
    if not isinstance(value, dict):
        return Envelope()
    return Envelope(value.get(_METRICS), value.get(_ACTION), value.get(_TRACE))


def usage_of_headers(headers: Mapping[str, str]) -> Usage | None:
    """Return the figures of a whole answer; ``None`` where it brings none."""
    found = {names: headers.get(names[0]) for names in (_INPUT, _OUTPUT, _CACHE_READ, _CACHE_WRITE)}
    return _usage({names: int(text) for names, text in found.items() if text is not None and text.isdecimal()})


def usage_of_metrics(metrics: Mapping[str, Any]) -> Usage | None:
    """Return the figures that come with the last piece of a stream."""
    found = {names: metrics.get(names[1]) for names in (_INPUT, _OUTPUT, _CACHE_READ, _CACHE_WRITE)}
    return _usage({names: value for names, value in found.items() if isinstance(value, int)})


def _usage(figures: Mapping[tuple[str, str], int]) -> Usage | None:
    if _INPUT not in figures:
        return None
    cached, written = figures.get(_CACHE_READ), figures.get(_CACHE_WRITE)
    read, output = figures[_INPUT] + (cached or 0) + (written or 0), figures.get(_OUTPUT)
    total = None if output is None else read + output
    detail = {names[1]: value for names, value in figures.items()}
    return Usage(read, output, total, cached, written, None, "provider", detail)


def latency_of(reply: WireReply, metrics: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return ``{"metrics": {"latencyMs": …}}`` as Converse has it; empty where Bedrock does not say."""
    text = reply.headers.get(_LATENCY[0], "")
    found = {"latencyMs": int(text) if text.isdecimal() else (metrics or {}).get(_LATENCY[1])}
    found["firstByteLatencyMs"] = (metrics or {}).get(_FIRST_BYTE[1])
    said = {name: value for name, value in found.items() if value is not None}
    return {"metrics": said} if said else {}


def enclosed(response: Response, reply: WireReply, envelope: Envelope) -> Response:
    """Return a whole answer with what came around it."""
    extra = {**response.extra, **latency_of(reply)}
    if envelope.trace is not None:
        extra["trace"] = envelope.trace
    if envelope.action is not None:
        extra["guardrailAction"] = envelope.action
    intervened = envelope.action == INTERVENED
    usage = usage_of_headers(reply.headers)
    return replace(
        response,
        finish_reason="content_filter" if intervened else response.finish_reason,
        provider_finish_reason=INTERVENED if intervened else response.provider_finish_reason,
        usage=response.usage if usage is None else usage._replace(reasoning_tokens=response.usage.reasoning_tokens),
        request_id=reply.headers.get(REQUEST_ID_HEADER) or response.request_id,
        extra=extra,
    )
