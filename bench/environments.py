"""Environments of the contenders: one each, because what one of them installs changes how another runs."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE / ".environments"


def python_for(contender: str) -> Path:
    """Return the Python that has what ``contenders/NAME.txt`` asks for, made or brought up to date now."""
    environment = ENVIRONMENTS / f"{contender}-{platform.python_version()}"
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        _uv("venv", "--python", sys.executable, str(environment))
    _uv("pip", "install", "--python", str(python), "-r", f"bench/contenders/{contender}.txt")
    return python


def _uv(*arguments: str) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=Path(sys.executable).parent)
    if uv is None:
        sys.exit("bench: uv makes the contenders' environments; install it with `python -m pip install uv`")
    subprocess.run([uv, *arguments, "--quiet"], cwd=HERE.parent, check=True)
