"""Answers that real endpoints gave, read through the presets for their families."""

from __future__ import annotations

import base64
import gzip
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from dragoman.adapter import PayloadMapping
from dragoman.events import collect
from dragoman.mapping import compile_payload, payload_preset
from dragoman.mapping.resemblance import resemblance
from dragoman.provider import Frame

ROOT = Path(__file__).parents[3]
RECORDINGS = Path(os.environ.get("DRAGOMAN_RECORDINGS", ROOT.parent / "shared" / "recordings"))

FAMILIES = {
    "anthropic": "claude-messages",
    "nova": "nova",
    "titan": "titan-text",
    "cohere": "cohere-command",
    "llama": "llama-bedrock",
}


def recorded(name: str) -> list[dict[str, Any]]:
    file = RECORDINGS / f"{name}.jsonl.gz"
    if not file.is_file():
        return []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [exchange for exchange in map(json.loads, lines) if exchange["status"] == 200]


def preset_for(model: str) -> str:
    return next(preset for word, preset in FAMILIES.items() if word in model)


def values(stream: bytes) -> Iterator[dict[str, Any]]:
    """Yield the JSON inside each frame of a recorded event stream."""
    while stream:
        total, headers = struct.unpack(">II", stream[:8])
        yield json.loads(base64.b64decode(json.loads(stream[12 + headers : total - 4])["bytes"]))
        stream = stream[total:]


STREAMS = recorded("bedrock-invoke-stream")
ANSWERS = [exchange for exchange in recorded("bedrock-invoke") if "anthropic" in exchange["model"]]
absent = pytest.mark.skipif(not STREAMS, reason=f"recordings absent: {RECORDINGS}")


@absent
@pytest.mark.parametrize("exchange", STREAMS, ids=lambda exchange: exchange["id"])
def test_recorded_stream_is_read(exchange, ask) -> None:
    decoder = compile_payload(PayloadMapping(preset=preset_for(exchange["model"]))).decoder(ask(stream=True))
    frames = list(values(base64.b64decode(exchange["response_b64"])))
    events = [event for frame in frames for event in decoder.feed(Frame(orjson.dumps(frame)))]
    answer = collect([*events, *decoder.end()])
    metrics = frames[-1]["amazon-bedrock-invocationMetrics"]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (
        metrics["inputTokenCount"],
        metrics["outputTokenCount"],
    )
    assert answer.text
    assert answer.finish_reason in ("stop", "length")


@absent
@pytest.mark.parametrize("exchange", ANSWERS, ids=lambda exchange: exchange["id"])
def test_recorded_answer_is_read(exchange, ask) -> None:
    payload = compile_payload(PayloadMapping(preset="claude-messages"))
    answer = payload.decode(json.dumps(exchange["response"]).encode(), ask())
    content, usage = exchange["response"]["content"], exchange["response"]["usage"]
    assert answer.text == "".join(block["text"] for block in content)
    assert (answer.response_id, answer.finish_reason) == (exchange["response"]["id"], "stop")
    read = usage["input_tokens"] + usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (read, usage["output_tokens"])


@absent
@pytest.mark.parametrize("exchange", STREAMS, ids=lambda exchange: exchange["id"])
def test_recorded_request_has_the_preset_s_shape(exchange) -> None:
    preset = payload_preset(preset_for(exchange["model"]))
    found = resemblance(preset.mapping["request"], exchange["request"])
    assert found is not None
    beside_messages = {path for path in found.strange if not path.startswith(".messages")}
    assert beside_messages <= {".inferenceConfig.max_new_tokens"}, "the old name, which is taken as well"
