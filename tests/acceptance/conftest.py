"""`dragoman serve` as a process of its own, with the text model of `local` and a scripted upstream behind it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ASKED_FOR = "RUN_ACCEPTANCE"
PROGRAM = str(Path(sys.executable).parent / "dragoman")

ADAPTERS = {
    "scripted": """
        provider: openai-compatible
        model: gpt-scripted
        connection: {{base_url: "{upstream}/v1"}}
        limits: {{max_attempts: 1}}
        """,
    "vectors": """
        provider: openai-compatible
        operation: embed
        model: vectors-scripted
        aliases: [text-embedding-3-small]
        connection: {{base_url: "{upstream}/v1"}}
        """,
}


@dataclass
class Gateway:
    """Where it is, and keys for it."""

    url: str
    key: str
    admin_key: str


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    if not os.environ.get(ASKED_FOR):
        pytest.skip("clients of others are installed from the network: `nox -s acceptance`")
    folder = tmp_path_factory.mktemp("deployment")
    with _upstream() as upstream:
        (folder / "adapters").mkdir()
        (folder / "inference").mkdir()
        (folder / "dragoman.toml").write_text('default_adapter = "local"\n')
        for name, text in ADAPTERS.items():
            (folder / "adapters" / f"{name}.yaml").write_text(text.format(upstream=upstream))
        key, admin_key = _new_key(folder, "user"), _new_key(folder, "admin")
        command = [PROGRAM, "serve", "--port", "0", "--config", str(folder)]
        log = folder / "log"
        with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
            try:
                yield Gateway(_address(process, log), key, admin_key)
            finally:
                process.terminate()
                process.wait(30)
        assert not re.search(r'"code":"internal"|Traceback', log.read_text()), log.read_text()[-3000:]


@contextmanager
def _upstream() -> Iterator[str]:
    command = [sys.executable, str(HERE / "upstream.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def _new_key(folder: Path, role: str) -> str:
    options = ["--name", f"acceptance-{role}", "--project", "acceptance", "--role", role, "--json"]
    command = [PROGRAM, "keys", "create", *options, "--config", str(folder)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    secret: str = json.loads(said)["secret"]
    return secret


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the gateway says where it is."""
    while process.poll() is None:
        if found := re.search(r"listens on (http://\S+)", log.read_text()):
            return found[1]
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail(f"the gateway ended:\n{log.read_text()}")
