"""Clients that others wrote use the gateway as they use OpenAI: each script says which of its checks hold."""

from __future__ import annotations

import os
import subprocess

import pytest

from .conftest import Gateway
from .environments import command_for

ALL = {"local", "chat", "stream", "tools", "structured", "embeddings", "errors"}
#: Client -> what it must be able to do. DIAL's client (0.18) has no call for embeddings.
CLIENTS = {
    "openai_python": {*ALL, "models", "broken_stream"},
    "openai_node": {*ALL, "models", "broken_stream"},
    "ai_sdk": ALL,
    "langchain_chat": ALL,
    "litellm_client": ALL,
    "pydantic_agent": ALL,
    "llm_command": ALL,
    "dial_client": {*ALL, "deployments"} - {"embeddings"},
}
PATIENCE_S = 180
#: What a client's process sees of the shell: no proxy, no key, no telemetry.
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR")


@pytest.mark.parametrize("client", CLIENTS)
def test_client(gateway: Gateway, client: str) -> None:
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {"GATEWAY": gateway.url, "GATEWAY_KEY": gateway.key, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        command_for(client), env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    held = {line.removeprefix("ok ") for line in done.stdout.splitlines() if line.startswith("ok ")}
    failed = [line for line in done.stdout.splitlines() if line.startswith("failed ")]
    assert not failed, "\n".join([*failed, done.stderr[-4000:]])
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert held == CLIENTS[client]
