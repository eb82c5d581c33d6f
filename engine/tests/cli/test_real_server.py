"""The command against a real server that speaks OpenAI's protocol, with a key that must never be seen."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.skipif(find_spec("dragoman_openai") is None, reason="the plugin openai is not installed")

CANARY = "sk-canary-4f0b7a2e91c35d86"
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((self.headers["authorization"], body))
        if body["messages"][-1]["content"] == "refuse my key":
            self._send(401, json.dumps({"error": {"message": f"bad key {CANARY}", "code": "invalid_api_key"}}))
        elif body.get("stream"):
            chunks = [
                {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]},
                {"choices": [{"index": 0, "delta": {"content": "lo"}}]},
                {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
                {"choices": [], "usage": USAGE},
            ]
            lines = [json.dumps({"id": "c-1", "model": "real-1", **chunk}) for chunk in chunks]
            self._send(200, "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]), "text/event-stream")
        else:
            choice = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
            self._send(200, json.dumps({"id": "c-1", "model": "real-1", "choices": [choice], "usage": USAGE}))

    def _send(self, status, text, content_type="application/json"):
        raw = text.encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(raw)))
        self.send_header("x-request-id", "req-1")
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(deployment):
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.seen = []
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    (deployment / "adapters" / "real.yaml").write_text(
        f"provider: openai-compatible\nmodel: real\nconnection: {{base_url: 'http://127.0.0.1:{running.server_port}/v1'}}\n"
        "credentials: {api_key: REAL_KEY}\nlimits: {max_attempts: 1}\n"
    )
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.mark.parametrize(("how", "streams"), [([], True), (["--no-stream"], False)])
def test_an_answer_comes_over_the_wire(command, server, how, streams):
    done = command("chat", "-a", "real", *how, "Hi", REAL_KEY=CANARY)
    assert (done.code, done.out, done.err) == (0, "Hello\n", "")
    [(authorization, body)] = server.seen
    assert authorization == f"Bearer {CANARY}"
    assert bool(body.get("stream")) is streams


def test_the_object_has_the_providers_own_facts(command, server):
    answer = command("chat", "-a", "real", "--json", "Hi", REAL_KEY=CANARY).json
    assert (answer["text"], answer["model"], answer["request_id"]) == ("Hello", "real-1", "req-1")
    assert (answer["usage"]["input_tokens"], answer["usage"]["source"]) == (9, "provider")


def test_a_dry_run_needs_no_key_masks_it_and_sends_nothing(command, server):
    bare = command("chat", "-a", "real", "--dry-run", "--json", "Hi")
    keyed = command("chat", "-a", "real", "--dry-run", "--json", "Hi", REAL_KEY=CANARY)
    assert bare.code == keyed.code == 0
    assert bare.json == keyed.json
    assert CANARY not in keyed.out
    assert bare.json["method"] == "POST"
    assert bare.json["url"] == f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
    assert server.seen == []


def test_a_dry_run_shows_the_body_that_is_sent(command, server):
    shown = command("chat", "-a", "real", "--dry-run", "--json", "--stream", "Hi").json
    command("chat", "-a", "real", "Hi", REAL_KEY=CANARY)
    assert server.seen[0][1] == shown["body"]


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_a_refused_key_is_told_and_not_shown(command, server, debug):
    failed = command("chat", "-a", "real", *debug, "refuse my key", REAL_KEY=CANARY)
    assert (failed.code, failed.out) == (1, "")
    assert "error: " in failed.err
    assert "req-1" in failed.err
    assert CANARY not in failed.err


def test_a_missing_key_is_told_by_its_name(command, server):
    failed = command("chat", "-a", "real", "Hi")
    assert failed.code == 1
    assert "REAL_KEY" in failed.err
    assert server.seen == []
