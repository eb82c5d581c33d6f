"""The same answers, read by AI21's own SDK in an environment of its own. Skipped where that cannot be made."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dragoman.testing.upstream import Reply

REQUIREMENT = "ai21==4.3.0"

#: Asks as an SDK's user does, with the one and with the other way, and prints what the SDK read and sent.
PROGRAM = """
import json, sys
from ai21 import AI21Client
from ai21.models.chat import ChatMessage

client = AI21Client(api_key="k", api_host=sys.argv[1], via=None)
tool = {"type": "function", "function": {"name": "weather", "description": "d",
        "parameters": {"type": "object", "properties": {}, "required": []}}}
ask = dict(model="jamba-mini", messages=[ChatMessage(role="user", content="hi")], max_tokens=9, temperature=0.5,
           top_p=0.9, stop=["END"], tools=[tool], documents=[{"content": "a", "metadata": {"b": "c"}}],
           response_format={"type": "json_object"})
whole = client.chat.completions.create(**ask)
pieces, last = [], None
for piece in client.chat.completions.create(**ask, stream=True):
    pieces.append(piece.choices[0].delta.content or "")
    last = piece
message = whole.choices[0].message
print(json.dumps({
    "whole": [whole.id, message.content, whole.choices[0].finish_reason, whole.usage.total_tokens],
    "calls": [[c.id, c.function.name, c.function.arguments] for c in message.tool_calls],
    "stream": ["".join(pieces), last.choices[0].finish_reason, last.usage.total_tokens],
}))
"""

ASK = {
    "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "stop_sequences": ["END"],
    "documents": [{"content": "a", "metadata": {"b": "c"}}], "response_format": {"type": "json_object"},
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "d",
                "parameters": {"type": "object", "properties": {}, "required": []},
            },
        }
    ],
}  # fmt: skip


@pytest.fixture(scope="session")
def sdk(tmp_path_factory) -> Path:
    """Return a Python that has the SDK; it needs httpx and pins that the engine's environment need not share."""
    uv = _uv()
    folder = tmp_path_factory.mktemp("sdk") / "environment"
    for command in (
        (uv, "venv", "--quiet", "--python", sys.executable, str(folder)),
        (uv, "pip", "install", "--quiet", "--python", str(folder), REQUIREMENT),
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"AI21's SDK cannot be installed: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def _uv() -> str:
    try:
        from uv import find_uv_bin

        return os.fspath(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return shutil.which("uv") or pytest.skip("AI21's SDK gets its environment from uv: python -m pip install uv")


async def test_the_sdk_reads_and_sends_the_same(sdk, engine, upstream, adapter, answer, chunk):
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    chunks = [chunk({"role": "assistant"}), chunk({"content": "hel"}), chunk({"content": "lo"}, "stop", usage=usage)]
    replies = [Reply.json(answer(tool_calls=[call])), Reply.sse(chunks, done="[DONE]")]

    upstream.answer(*replies)
    done = await asyncio.to_thread(
        subprocess.run,
        [str(sdk), "-c", PROGRAM, f"{upstream.url}/studio/v1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    theirs = json.loads(done.stdout)

    upstream.answer(*replies)
    whole = await engine.chat(adapter, "hi", **ASK)
    async with engine.stream(adapter, "hi", **ASK) as stream:
        async for _ in stream:
            pass
        last = stream.response
    assert theirs == {
        # The SDK keeps the word; a call of a tool is one for us, whatever the word is.
        "whole": [whole.response_id, whole.text, whole.provider_finish_reason, whole.usage.total_tokens],
        "calls": [[c.id, c.name, c.arguments] for c in whole.tool_calls],
        "stream": [last.text, last.provider_finish_reason, last.usage.total_tokens],
    }
    sent = [{k: v for k, v in request.json().items() if v is not False} for request in upstream.received]
    assert sent[:2] == sent[2:]
    assert [request.target for request in upstream.received] == ["/studio/v1/chat/completions"] * 4
