"""The processes of a run: the upstream on one core, the contenders on another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from environments import ENVIRONMENTS

#: A contender's whole environment: no proxy, no key and no telemetry that the shell may have set.
_ENVIRONMENT = {
    "PATH": os.defpath,
    "HOME": str(ENVIRONMENTS),
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LANGSMITH_TRACING": "false",
    "OPENAI_API_KEY": "sk-bench",
    "COHERE_API_KEY": "co-bench",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "bench-secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def child_environment() -> dict[str, str]:
    """Return the whole environment of a contender."""
    return dict(_ENVIRONMENT)


def cores() -> tuple[int, int] | None:
    """Return the contenders' core and the upstream's; ``None`` where the system cannot pin a process."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def load() -> str:
    """Say how busy the machine is: a run by itself keeps it at about 1, anything above is other work."""
    return f"load average {os.getloadavg()[1]:.1f} over the last five minutes" if hasattr(os, "getloadavg") else ""


class Child(AbstractContextManager["Child"]):
    """A process that writes lines, the first when it is ready, and ends when its standard input does."""

    def __init__(self, command: Sequence[str | Path], core: int | None) -> None:
        self._name = Path(command[1]).name
        self._process = subprocess.Popen(
            command, env=_ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})
        self.first_line = self._read()

    def ask(self, command: str) -> dict[str, Any]:
        """Send one command and return its JSON answer."""
        assert self._process.stdin
        self._process.stdin.write(f"{command}\n")
        answer: dict[str, Any] = json.loads(self._read())
        return answer

    def _read(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"bench: {self._name} ended with code {self._process.wait()}; its error is above")
        return line

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()
