"""An emulator of AWS (ministack) on loopback, which checks signatures, policies and trust policies across accounts.

It lives in an environment of its own, made once by uv and kept in pytest's cache. Where that cannot be made, the tests
that need it are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

VERSION = "1.5.33"
#: botocore lets it match more calls to the actions that a policy names.
REQUIREMENTS = (f"ministack=={VERSION}", "botocore")
REGION = "us-east-1"
PATIENCE_S = 60.0


@dataclass(frozen=True)
class User:
    """An IAM user's keys."""

    arn: str
    access_key_id: str
    secret_access_key: str


@dataclass
class Cloud:
    """The emulator. What is made in it stays until the end of the test run; names are the caller's to keep apart."""

    url: str
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def as_root(self, account: str, service: str) -> Any:
        """Return a client of an account's root; there is no other way to begin."""
        if (account, service) not in self._clients:
            self._clients[account, service] = self.client(service, account, "root")
        return self._clients[account, service]

    def client(self, service: str, access_key_id: str, secret_access_key: str, session_token: str | None = None) -> Any:
        """Return a client that calls the emulator and tries once."""
        return botocore.session.Session().create_client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            aws_session_token=session_token,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def close(self) -> None:
        """Close the clients that were made for roots."""
        for client in self._clients.values():
            client.close()

    def user(self, account: str, name: str, *may: Mapping[str, Any]) -> User:
        """Make a user whose policy has these statements."""
        iam = self.as_root(account, "iam")
        arn = iam.create_user(UserName=name)["User"]["Arn"]
        if may:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*may))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return User(arn, made["AccessKeyId"], made["SecretAccessKey"])

    def role(self, account: str, name: str, trust: Mapping[str, Any], *may: Mapping[str, Any]) -> str:
        """Make a role whose trust policy has this statement and whose policy has those; return its ARN."""
        iam = self.as_root(account, "iam")
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        if may:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*may))
        return arn

    def secret(self, account: str, name: str, value: str | bytes) -> str:
        """Make a secret and return its ARN."""
        given = {"SecretString": value} if isinstance(value, str) else {"SecretBinary": value}
        arn: str = self.as_root(account, "secretsmanager").create_secret(Name=name, **given)["ARN"]
        return arn


def policy(*statements: Mapping[str, Any]) -> str:
    """Return a policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: str | list[str], resources: str | list[str] = "*") -> dict[str, Any]:
    """Return a statement of an identity's policy."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def trust(
    principal: str, external_id: str | None = None, actions: str | list[str] = "sts:AssumeRole"
) -> dict[str, Any]:
    """Return the statement of a trust policy; with an external id, only who brings it may assume the role."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Principal": {"AWS": principal}}
    if external_id is not None:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    return statement


# --- starting it -------------------------------------------------------------------------------------------------


@contextmanager
def start_cloud(folder: Path) -> Iterator[Cloud]:
    """Start the emulator; skip the test where its environment cannot be made."""
    program = _program(folder / VERSION)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    state = folder / f"state-{os.getpid()}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DRAGOMAN_"))}
    environment = {
        **kept,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "STATE_DIR": str(state),
        "S3_DATA_DIR": str(state / "s3"),
    }
    process = subprocess.Popen(
        [program], env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_open(process, port)
        with closing(Cloud(f"http://127.0.0.1:{port}")) as cloud:
            yield cloud
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        shutil.rmtree(state, ignore_errors=True)


def _program(environment: Path) -> Path:
    program = environment / ("Scripts" if os.name == "nt" else "bin") / "ministack"
    if not (environment / "complete").exists():
        uv = _uv()
        shutil.rmtree(environment, ignore_errors=True)
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(environment))
        _run(uv, "pip", "install", "--quiet", "--python", str(environment), *REQUIREMENTS)
        (environment / "complete").touch()
    return program


def _uv() -> str:
    try:
        from uv import find_uv_bin

        return os.fspath(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return shutil.which("uv") or pytest.skip("the emulator needs uv: python -m pip install uv")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the emulator cannot be installed: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")


def _wait_until_open(process: subprocess.Popen[bytes], port: int) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.05)):
        if process.poll() is not None:
            pytest.fail(f"the emulator ended with exit status {process.returncode}")
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause.wait(0.05)
    pytest.fail(f"the emulator did not start within {PATIENCE_S:g} s")
