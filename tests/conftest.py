"""What the tests of the whole repository share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Variables that change what a deployment does; a test starts without them.
OURS = ("DRAGOMAN_", "OPENAI_", "AZURE_", "COHERE_", "CO_API_", "MODEL_SECRETS")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(OURS) and name != "DRAGOMAN_RECORDINGS":
            monkeypatch.delenv(name)


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder that holds a copy of the example deployment, and return the folder."""
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("secrets.json"))
    monkeypatch.chdir(tmp_path)
    return tmp_path
