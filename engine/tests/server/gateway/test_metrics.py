"""What Prometheus reads at /metrics, and what the log says of a request."""

import json
import logging
import socket

import pytest
from dragoman.server.logs import JsonFormatter
from prometheus_client.parser import text_string_to_metric_families


def scrape(served):
    """Return every sample: (name, labels) -> value."""
    with served.client(served.key("prometheus", "admin")) as client:
        answer = client.get("/metrics").raise_for_status()
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def value(samples, name, **labels):
    return samples[name, frozenset(labels.items())]


def ask(served, key, text, **rest):
    with served.client(key) as client:
        body = {"model": "model", "messages": [{"role": "user", "content": text}], **rest}
        return client.post("/v1/chat/completions", json=body)


CHAT = {"adapter": "model", "provider": "scripted", "operation": "chat"}


def test_calls_are_counted_by_adapter_and_provider(serve):
    served = serve(adapters={"model": "{provider: scripted, model: m, limits: {max_attempts: 1}}"})
    key = served.key()
    ask(served, key, "hello").raise_for_status()
    ask(served, key, "hello", stream=True).raise_for_status()
    ask(served, key, "!error:limited")
    samples = scrape(served)
    assert value(samples, "dragoman_calls_total", **CHAT, status="200") == 2
    assert value(samples, "dragoman_calls_total", **CHAT, status="429") == 1
    assert value(samples, "dragoman_errors_total", **CHAT, code="rate_limit_exceeded") == 1
    assert value(samples, "dragoman_call_seconds_count", **CHAT) == 3
    assert value(samples, "dragoman_first_token_seconds_count", **CHAT) == 1
    assert value(samples, "dragoman_tokens_total", **CHAT, kind="input") == 14
    assert value(samples, "dragoman_tokens_total", **CHAT, kind="output") == 10
    assert value(samples, "dragoman_calls_in_flight", **CHAT) == 0
    assert value(samples, "dragoman_secret_refreshes_total") >= 1
    assert value(samples, "dragoman_credential_refreshes_total", outcome="failed") == 0


def test_calls_under_way_and_waiting_are_shown(serve, until):
    served = serve(adapters={"model": "{provider: scripted, model: m, limits: {max_concurrency: 1}}"})
    key = served.key()
    body = {"model": "model", "stream": True, "messages": [{"role": "user", "content": "one !hang"}]}
    with served.client(key) as first, first.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.status_code == 200
        with served.client(key) as second:
            request = second.build_request("POST", "/v1/chat/completions", json=body)
            with socket.create_connection((request.url.host, request.url.port)) as waiting:
                head = "".join(f"{name}: {text}\r\n" for name, text in request.headers.items())
                waiting.sendall(f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n".encode() + request.content)
                until(lambda: value(scrape(served), "dragoman_queue", provider="scripted") == 1)
                assert value(scrape(served), "dragoman_calls_in_flight", **CHAT) == 2
    until(lambda: value(scrape(served), "dragoman_calls_in_flight", **CHAT) == 0)
    assert value(scrape(served), "dragoman_queue", provider="scripted") == 0


def test_a_name_that_a_caller_made_up_is_no_label(serve):
    served = serve(stage="dev")
    document = {"name": "made-up", "provider": "scripted", "model": "m"}
    ask(served, served.key("boss", "admin"), "hi", model="made-up", dragoman={"adapter": document}).raise_for_status()
    assert "made-up" not in str(scrape(served).keys())


def test_figures_are_for_administrators(serve):
    served = serve()
    with served.client(served.key()) as client:
        assert client.get("/metrics").status_code == 403
    with served.client() as client:
        assert client.get("/metrics").status_code == 401


# --- logs --------------------------------------------------------------------------------------------------------


def test_a_request_and_its_line_have_one_id_and_no_body(serve):
    served = serve()
    answer = ask(served, served.key(), "a-word-of-the-prompt")
    (line,) = served.logged()
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["status"], line["adapter"], line["principal"]) == (200, "model", "somebody")
    assert "a-word-of-the-prompt" not in json.dumps(line)


def test_every_line_names_the_request_that_it_is_about(serve):
    served = serve()
    written = []
    handler = logging.Handler()
    handler.emit = lambda record: written.append(json.loads(JsonFormatter(str).format(record)))
    logger = logging.getLogger("dragoman.server")
    logger.addHandler(handler)
    try:
        answer = ask(served, served.key(), "!error:key")
    finally:
        logger.removeHandler(handler)
    assert [line["request_id"] for line in written] == [answer.headers["x-request-id"]]


@pytest.mark.parametrize("stream", [False, True])
def test_bodies_are_logged_where_the_deployment_asks(serve, stream):
    served = serve(server={"log_bodies": True})
    ask(served, served.key(), "a-word-of-the-prompt", stream=stream)
    (line,) = served.logged()
    assert "a-word-of-the-prompt" in line["request_body"]
    assert "a-word-of-the-prompt" in line["answer_body"]
