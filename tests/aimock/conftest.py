"""aimock, an emulator of providers by others, as a process of its own on loopback."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAM = HERE / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"


@pytest.fixture(scope="session")
def aimock() -> Iterator[str]:
    """Start it and return its address; skip where Node or the package is absent."""
    node = shutil.which("node")
    if node is None or not PROGRAM.is_file():
        pytest.skip("aimock is not installed: `nox -s aimock` does it, with npm")
    command = [node, str(PROGRAM), "-p", "0", "-c", "4", "-f", str(HERE / "fixtures.json"), "--strict"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        said = []
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"listening on (http://127\.0\.0\.1:\d+)", line):
                break
        else:
            pytest.fail(f"aimock did not start: {said}")
        try:
            yield found[1]
        finally:
            process.terminate()
