"""Real answers of AWS, which lie beside the repository and are not part of it."""

from __future__ import annotations

import base64
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

_BESIDE = Path(__file__).resolve().parents[3].parent / "shared" / "recordings"


def recorded(name: str) -> list[dict[str, Any]]:
    """Return the exchanges of one file; skip the test where it is not there."""
    file = Path(os.environ.get("DRAGOMAN_RECORDINGS") or _BESIDE) / f"{name}.jsonl.gz"
    if not file.is_file():
        pytest.skip(f"no recordings: {file.name} is not in the folder that DRAGOMAN_RECORDINGS names")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def recorded_streams(name: str) -> list[bytes]:
    """Return the raw bytes of every streamed answer of one file."""
    exchanges = recorded(name)
    return [base64.b64decode(e["response_b64"]) for e in exchanges if e["response_b64"] and e["status"] == 200]
