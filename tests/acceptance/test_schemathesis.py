"""schemathesis makes up requests from a document; whatever it sends, the gateway answers, and never with its own fault.

502 to 504 are about the upstream, and not meant: the scripted upstream is asked for whatever schemathesis thinks of.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from .conftest import Gateway
from .environments import schemathesis

ROOT = Path(__file__).parents[2]
PUBLIC = ROOT.parent / "shared" / "openapi" / "openai-chat-embeddings-models.json"
TIME_S = 25
PATIENCE_S = 150
SEED = "20261128"
#: The status of a call that the upstream failed is its own; the others of that class are ours.
CONFIG = '[checks]\nnot_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 502, 503, 504]\n'


def run_schemathesis(folder: Path, document: Any, url: str, key: str) -> None:
    (folder / "document.json").write_text(json.dumps(document))
    (folder / "schemathesis.toml").write_text(CONFIG)
    command = [
        schemathesis(), "--config-file", str(folder / "schemathesis.toml"), "run", str(folder / "document.json"),
        "--url", url, "--header", f"Authorization: Bearer {key}", "--max-time", str(TIME_S), "--seed", SEED,
        "--checks", "not_a_server_error", "--no-color", "--phases", "examples,coverage,fuzzing",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "generated" in done.stdout


def test_the_public_document(gateway: Gateway, tmp_path: Path) -> None:
    if not PUBLIC.is_file():
        pytest.skip(f"the cut of the public document is not at {PUBLIC}")
    document = json.loads(PUBLIC.read_text())
    run_schemathesis(tmp_path, document, f"{gateway.url}/v1", gateway.key)


def test_the_control_apis_own_document(gateway: Gateway, tmp_path: Path) -> None:
    request = urllib.request.Request(  # noqa: S310  (our own address)
        f"{gateway.url}/api/openapi.json", headers={"Authorization": f"Bearer {gateway.admin_key}"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310  (our own address)
        document = json.load(answer)
    run_schemathesis(tmp_path, document, gateway.url, gateway.admin_key)
