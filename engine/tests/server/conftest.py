"""A real PostgreSQL for the tests: Debian's programs, a data folder of its own, loopback only."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import pytest

SUPERUSER = "dragoman"


class Cluster:
    """A PostgreSQL server that belongs to these tests. It can be stopped and started again."""

    def __init__(self, programs, folder):
        self.programs = programs
        self.folder = folder
        self.port = free_port()
        self._server = None
        # PostgreSQL refuses to run as root.
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._user = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)

    def create(self):
        """Make the data folder."""
        command = ["--pgdata", "data", "--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8", "--no-sync"]
        subprocess.run(
            [self.programs / "initdb", *command, "--locale", "C"],
            cwd=self.folder,
            check=True,
            capture_output=True,
            **self._user,
        )

    def start(self):
        """Start the server and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 100,
        }
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self.programs / "postgres", "-D", "data", *(f"--{name}={value}" for name, value in settings.items())],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **self._user,
            )
        self._wait_until_it_answers()

    def stop(self):
        """Stop the server at once, as a crash would: it closes every connection."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(30)
            self._server = None

    def url(self, database):
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def create_database(self):
        """Make an empty database and return its URL."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement, database="postgres"):
        """Run one statement and return what it says."""
        command = [self.programs / "psql", "-X", "-q", "-t", "-d", self.url(database), "-c", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def _wait_until_it_answers(self):
        end = time.monotonic() + 30
        while self._server.poll() is None and time.monotonic() < end:
            with contextlib.suppress(subprocess.CalledProcessError):
                return self.execute("SELECT 1")
        raise RuntimeError((self.folder / "log").read_text())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def postgresql_programs():
    """Return the folder of PostgreSQL's programs; skip where there is none."""
    pytest.importorskip("asyncpg", reason="dragoman[postgresql] is not installed")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    on_path = shutil.which("postgres")
    if not found and not on_path:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    return Path(found[-1] if found else on_path).parent


@pytest.fixture
def new_cluster(postgresql_programs):
    """Make a server for one test alone, which may stop it."""
    with running_cluster(postgresql_programs) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def cluster(postgresql_programs):
    """Return a server that tests share; each takes a database of its own."""
    with running_cluster(postgresql_programs) as cluster:
        yield cluster


@contextlib.contextmanager
def running_cluster(programs):
    folder = Path(tempfile.mkdtemp(prefix="dragoman-postgresql-"))  # below pytest's own folder nobody may look
    cluster = Cluster(programs, folder)
    try:
        cluster.create()
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """Return the URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'dragoman.db'}"
    return request.getfixturevalue("cluster").create_database()
