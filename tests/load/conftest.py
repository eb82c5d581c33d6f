"""`dragoman serve` as a process whose memory and sockets can be counted."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

HERE = Path(__file__).parent
ASKED_FOR = "RUN_LOAD"
PROGRAM = str(Path(sys.executable).parent / "dragoman")
FILES_NEEDED = 8192

ADAPTER = """
provider: openai-compatible
model: m
connection: {{base_url: "{upstream}/v1"}}
limits: {{max_attempts: 1, timeout_s: 300}}
"""


class Deployment:
    """A folder with one adapter and two keys, and the process that serves it."""

    def __init__(self, folder: Path, upstream: str, settings: str) -> None:
        self.folder = folder
        (folder / "adapters").mkdir(parents=True)
        (folder / "inference").mkdir()
        (folder / "dragoman.toml").write_text(settings)
        (folder / "adapters" / "model.yaml").write_text(ADAPTER.format(upstream=upstream))
        self.key, self.admin_key = self._new_key("user"), self._new_key("admin")
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and wait until it listens."""
        log = self.folder / "log"
        with log.open("wb") as output:
            command = [PROGRAM, "serve", "--port", "0", "--config", str(self.folder)]
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        while self.process.poll() is None:
            if found := re.search(r"listens on (http://\S+)", log.read_text()):
                self.url = found[1]
                return
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        pytest.fail(f"the gateway ended:\n{log.read_text()}")

    def kill(self) -> None:
        """End the process as `kill -9` does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def run(self, *arguments: str) -> str:
        """Run a command of `dragoman` on this deployment and return what it writes."""
        command = [PROGRAM, *arguments, "--config", str(self.folder)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def sockets(self) -> int:
        """Return how many sockets the process holds."""
        assert self.process is not None
        names = []
        for path in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                names.append(str(path.readlink()))
        return sum(name.startswith("socket:") for name in names)

    def rss_mib(self) -> float:
        """Return the memory that the process holds."""
        assert self.process is not None
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def session(self) -> aiohttp.ClientSession:
        """Return a client with the user's key; it opens as many connections as are asked for."""
        return aiohttp.ClientSession(
            self.url, connector=aiohttp.TCPConnector(limit=0), headers={"authorization": f"Bearer {self.key}"}
        )

    async def figures(self) -> dict[str, float]:
        """Return what /metrics says of requests under way, the asking one included."""
        headers = {"authorization": f"Bearer {self.admin_key}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{self.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    def _new_key(self, role: str) -> str:
        options = ["--name", f"load-{role}", "--project", "load", "--role", role, "--json"]
        secret: str = json.loads(self.run("keys", "create", *options))["secret"]
        return secret


@pytest.fixture
def deploy(tmp_path: Path) -> Iterator[Callable[..., Deployment]]:
    """Make deployments: ``deploy("[server]…")``."""
    if not os.environ.get(ASKED_FOR):
        pytest.skip("minutes of load: `nox -s load`")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < FILES_NEEDED:
        pytest.skip(f"{FILES_NEEDED} open files are needed, {most} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_NEEDED, most))
    made: list[Deployment] = []
    command = [sys.executable, str(HERE / "upstream.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as upstream:
        assert upstream.stdin
        assert upstream.stdout
        address = upstream.stdout.readline().strip()

        def make(settings: str = "") -> Deployment:
            made.append(Deployment(tmp_path / f"deployment-{len(made)}", address, settings))
            made[-1].start()
            return made[-1]

        yield make
        for deployment in made:
            deployment.stop()
        upstream.stdin.close()
