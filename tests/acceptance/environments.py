"""An environment for each client: what one of them needs must not change how another runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CLIENTS = HERE / "clients"
ENVIRONMENTS = HERE / ".environments"


def command_for(client: str) -> list[str]:
    """Return how a client's script is started; its packages are installed now where they are not yet."""
    if (CLIENTS / f"{client}.mjs").is_file():
        return _node(client)
    python = ENVIRONMENTS / client / "bin" / "python"
    if not python.exists():
        _uv("venv", "--python", sys.executable, str(ENVIRONMENTS / client))
    _uv("pip", "install", "--python", str(python), "-r", str(CLIENTS / f"{client}.txt"))
    return [str(python), str(CLIENTS / f"{client}.py")]


def schemathesis() -> str:
    """Return the program, installed now where it is not yet."""
    return str(Path(command_for("schemathesis_runner")[0]).parent / "schemathesis")


def _uv(*arguments: str) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        pytest.skip("uv makes the clients' environments: python -m pip install uv")
    subprocess.run([uv, *arguments, "--quiet"], check=True)


def _node(client: str) -> list[str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("clients in JavaScript need Node and npm")
    folder = ENVIRONMENTS / client
    folder.mkdir(parents=True, exist_ok=True)
    for name in (f"{client}.mjs", "check.mjs"):
        shutil.copy(CLIENTS / name, folder / name)
    shutil.copy(CLIENTS / f"{client}.json", folder / "package.json")
    quiet = ["--no-package-lock", "--no-fund", "--no-audit", "--loglevel", "error"]
    subprocess.run([npm, "install", *quiet], cwd=folder, check=True)
    return [node, str(folder / f"{client}.mjs")]
