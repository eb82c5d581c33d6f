"""The `llm` command, which is told of the gateway in a file of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from check import CHAT, FAILS, GATEWAY, GREETING, KEY, VECTOR, WEATHER, WEATHER_SCHEMA, run

PROGRAM = str(Path(sys.executable).parent / "llm")
FOLDER = Path(tempfile.mkdtemp(prefix="llm-"))
TOOL = 'def get_weather(city: str, days: int) -> str:\n    "Weather of a city"\n    return f"sunny in {city}"\n'
ENTRY = """\
- model_id: {name}
  model_name: {name}
  api_base: {gateway}/v1
  api_key_name: gateway
  supports_tools: true
  supports_schema: true
"""


def llm(*arguments, expected=0):
    environment = {**os.environ, "LLM_USER_PATH": str(FOLDER), "OPENAI_BASE_URL": f"{GATEWAY}/v1"}
    done = subprocess.run(
        [PROGRAM, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout.strip() if not expected else done.stderr


def local():
    assert llm("-m", "local", "--no-stream", "Tell me about iterators")


def chat():
    assert llm("-m", "scripted", "--no-stream", CHAT) == GREETING


def stream():
    assert llm("-m", "scripted", CHAT) == GREETING


def tools():
    assert GREETING in llm("-m", "scripted", "--functions", TOOL, "--chain-limit", "3", WEATHER)


def structured():
    answer = llm("-m", "scripted", "--schema", json.dumps(WEATHER_SCHEMA), "'Paris', 3")
    assert json.loads(answer) == {"city": "Paris", "days": 3}


def embeddings():
    """It embeds with models whose names are its own, at the address that OpenAI's library is told."""
    assert json.loads(llm("embed", "-m", "text-embedding-3-small", "--key", KEY, "-c", "a text")) == VECTOR


def errors():
    assert "no-such-model" in llm("-m", "no-such-model", CHAT, expected=1)
    assert "400" in llm("-m", "scripted", "--no-stream", FAILS[400], expected=1)


if __name__ == "__main__":
    models = ("local", "scripted", "no-such-model")
    entries = [ENTRY.format(name=name, gateway=GATEWAY) for name in models]
    (FOLDER / "extra-openai-models.yaml").write_text("".join(entries))
    (FOLDER / "keys.json").write_text(json.dumps({"gateway": KEY}))
    run(local, chat, stream, tools, structured, embeddings, errors)
