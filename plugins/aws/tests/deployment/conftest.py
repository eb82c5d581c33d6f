"""SageMaker's control plane twice: moto in a process of its own, and an edge of ours for what moto lacks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.testing.upstream import Received, Reply
from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.deployment.document import Deployment, read_deployment

from ..edge import Admitted, Caller, Edge  # noqa: TID252  (the tests are no package to install)

CANARY = "canary-7f3a9b2c4d5e6f708192"
#: Stands for a Hugging Face token; no text that leaves the process may hold it.
TOKEN = "hf_canaryCANARYcanaryCANARY0123456789"
REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/SageMakerExecution"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-tgi-inference:2.7.0-tgi3.3.6"
PATIENCE_S = 60.0

Json = dict[str, Any]


def declaration(**members: Any) -> Json:
    """Return a document; ``None`` takes a member out."""
    whole: Json = {
        "name": "mistral-7b",
        "model": "mistralai/Mistral-7B-Instruct-v0.3",
        "image": IMAGE,
        "instance": {"type": "ml.g4dn.xlarge", "count": 1},
        "role": ROLE,
        "connection": {"region": REGION, "auth": {"kind": "aws_keys"}},
        **members,
    }
    return {name: value for name, value in whole.items() if value is not None}


def declared(**members: Any) -> Deployment:
    """Return what such a document declares."""
    return read_deployment(declaration(**members), "test.yaml")


class Control:
    """The control planes of one region, in memory: SageMaker, Service Quotas and Secrets Manager.

    Args:
        edge: The server.
    """

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.models: dict[str, Json] = {}
        self.configs: dict[str, Json] = {}
        self.endpoints: dict[str, Json] = {}
        self.components: dict[str, Json] = {}
        self.quotas: dict[str, tuple[str, float]] = {}
        self.secrets: dict[str, str] = {}
        self.calls: list[str] = []
        self.refuse: dict[str, tuple[str, str]] = {}
        #: The states that an endpoint goes through after it was made or changed; the last one stays.
        self.course = ["Creating", "InService"]
        self.component_course = ["Creating", "InService"]
        self.failure: str | None = None
        self.rows_a_page = 1
        edge.admit(Admitted("AKIDEXAMPLE", CANARY, who="alice"))
        edge.route("POST", "/", self._answer)

    def changes(self) -> list[str]:
        """Return the operations that changed something."""
        return [c for c in self.calls if not c.startswith(("Describe", "List", "Get"))]

    def _answer(self, request: Received, _caller: Caller) -> Reply:
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        self.calls.append(operation)
        if operation in self.refuse:
            code, message = self.refuse[operation]
            return self._error(code, message)
        answer = getattr(self, operation)(request.json())
        return answer if isinstance(answer, Reply) else Reply.json(answer)

    @staticmethod
    def _error(code: str, message: str) -> Reply:
        return Reply.json({"__type": code, "message": message}, 400)

    def _page(self, member: str, key: str, rows: list[Json], asked: Json) -> Json:
        wanted = [row for row in rows if asked.get("NameContains", "") in row[key]]
        first = int(asked.get("NextToken", 0))
        page: Json = {member: wanted[first : first + self.rows_a_page]}
        if first + self.rows_a_page < len(wanted):
            page["NextToken"] = str(first + self.rows_a_page)
        return page

    # --- SageMaker: operations under AWS's names -----------------------------------------------------------------

    def ListEndpoints(self, asked: Json) -> Json:
        rows = [{"EndpointName": name, "EndpointStatus": e["course"][0]} for name, e in self.endpoints.items()]
        return self._page("Endpoints", "EndpointName", rows, asked)

    def ListModels(self, asked: Json) -> Json:
        return self._page("Models", "ModelName", [{"ModelName": n} for n in self.models], asked)

    def ListEndpointConfigs(self, asked: Json) -> Json:
        rows = [{"EndpointConfigName": n} for n in self.configs]
        return self._page("EndpointConfigs", "EndpointConfigName", rows, asked)

    def CreateModel(self, asked: Json) -> Json:
        self.models[asked["ModelName"]] = asked
        return {"ModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m"}

    def DeleteModel(self, asked: Json) -> Json:
        del self.models[asked["ModelName"]]
        return {}

    def CreateEndpointConfig(self, asked: Json) -> Json:
        self.configs[asked["EndpointConfigName"]] = asked
        return {"EndpointConfigArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/c"}

    def DescribeEndpointConfig(self, asked: Json) -> Json:
        held = self.configs[asked["EndpointConfigName"]]
        return {**held, "EndpointConfigArn": "arn:aws:sagemaker:us-east-1:1:endpoint-config/c", "CreationTime": 1}

    def DeleteEndpointConfig(self, asked: Json) -> Json:
        del self.configs[asked["EndpointConfigName"]]
        return {}

    def CreateEndpoint(self, asked: Json) -> Json:
        held = {"config": asked["EndpointConfigName"], "course": list(self.course), "tags": asked.get("Tags", [])}
        self.endpoints[asked["EndpointName"]] = held
        return {"EndpointArn": self._arn(asked)}

    def UpdateEndpoint(self, asked: Json) -> Json:
        held = self.endpoints[asked["EndpointName"]]
        held["course"] = ["Updating", *self.course[1:]]
        if self.failure is None:
            held["config"] = asked["EndpointConfigName"]
        return {"EndpointArn": self._arn(asked)}

    def DescribeEndpoint(self, asked: Json) -> Json:
        held = self.endpoints[asked["EndpointName"]]
        status = held["course"].pop(0) if len(held["course"]) > 1 else held["course"][0]
        variants = self.configs[held["config"]]["ProductionVariants"] if held["config"] in self.configs else []
        return {
            "EndpointName": asked["EndpointName"],
            "EndpointArn": self._arn(asked),
            "EndpointConfigName": held["config"],
            "EndpointStatus": status,
            "CreationTime": 1,
            "LastModifiedTime": 1,
            **({"FailureReason": self.failure} if self.failure else {}),
            "ProductionVariants": [
                {
                    "VariantName": v["VariantName"],
                    "CurrentInstanceCount": v.get("InitialInstanceCount", 0),
                    "DesiredInstanceCount": v.get("InitialInstanceCount", 0),
                    "VariantStatus": [{"Status": "Creating", "StatusMessage": "pulling the image"}],
                }
                for v in variants
            ],
        }

    def DeleteEndpoint(self, asked: Json) -> Json:
        del self.endpoints[asked["EndpointName"]]
        return {}

    def ListTags(self, asked: Json) -> Json:
        return {"Tags": self.endpoints[asked["ResourceArn"].rpartition("/")[2]]["tags"]}

    def AddTags(self, asked: Json) -> Json:
        held = self.endpoints[asked["ResourceArn"].rpartition("/")[2]]
        keys = {tag["Key"] for tag in asked["Tags"]}
        held["tags"] = [*(tag for tag in held["tags"] if tag["Key"] not in keys), *asked["Tags"]]
        return {"Tags": held["tags"]}

    def CreateInferenceComponent(self, asked: Json) -> Json:
        self.components[asked["InferenceComponentName"]] = {**asked, "course": list(self.component_course)}
        return {"InferenceComponentArn": "arn:aws:sagemaker:us-east-1:123456789012:inference-component/c"}

    def UpdateInferenceComponent(self, asked: Json) -> Json:
        held = self.components[asked["InferenceComponentName"]]
        held |= {**asked, "course": ["Updating", "InService"]}
        return {"InferenceComponentArn": "arn:aws:sagemaker:us-east-1:123456789012:inference-component/c"}

    def DeleteInferenceComponent(self, asked: Json) -> Json:
        del self.components[asked["InferenceComponentName"]]
        return {}

    def ListInferenceComponents(self, asked: Json) -> Json:
        rows = [
            {"InferenceComponentName": name, "InferenceComponentStatus": c["course"][0]}
            for name, c in self.components.items()
            if c["EndpointName"] == asked["EndpointNameEquals"]
        ]
        return self._page("InferenceComponents", "InferenceComponentName", rows, asked)

    def DescribeInferenceComponent(self, asked: Json) -> Json:
        held = self.components[asked["InferenceComponentName"]]
        status = held["course"].pop(0) if len(held["course"]) > 1 else held["course"][0]
        return {
            "InferenceComponentName": asked["InferenceComponentName"],
            "InferenceComponentStatus": status,
            "Specification": held["Specification"],
            "RuntimeConfig": {"DesiredCopyCount": held["RuntimeConfig"]["CopyCount"]},
            **({"FailureReason": self.failure} if self.failure else {}),
        }

    @staticmethod
    def _arn(asked: Json) -> str:
        return f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{asked['EndpointName']}"

    # --- the others ----------------------------------------------------------------------------------------------

    def GetServiceQuota(self, asked: Json) -> Json | Reply:
        if asked["QuotaCode"] not in self.quotas:
            return self._error("NoSuchResourceException", "The request failed because the quota does not exist.")
        name, value = self.quotas[asked["QuotaCode"]]
        return {"Quota": {"QuotaCode": asked["QuotaCode"], "QuotaName": name, "Value": value}}

    def GetAWSDefaultServiceQuota(self, asked: Json) -> Json:
        return {
            "Quota": {
                "QuotaCode": asked["QuotaCode"],
                "QuotaName": "ml.g4dn.xlarge for endpoint usage",
                "Value": 2.0,
            }
        }

    def ListServiceQuotas(self, asked: Json) -> Json:
        rows = [{"QuotaCode": c, "QuotaName": n, "Value": v} for c, (n, v) in self.quotas.items()]
        return self._page("Quotas", "QuotaName", rows, asked)

    def ListAWSDefaultServiceQuotas(self, asked: Json) -> Json:
        return {"Quotas": []}

    def GetSecretValue(self, asked: Json) -> Json | Reply:
        if asked["SecretId"] not in self.secrets:
            return self._error("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return {"Name": asked["SecretId"], "SecretString": self.secrets[asked["SecretId"]]}


@pytest.fixture
def control(edge: Edge) -> Control:
    return Control(edge)


@pytest.fixture
def at(control: Control) -> Json:
    """Members of a document whose control planes are the edge's."""
    url = control.edge.url
    return {"endpoints": {"sagemaker": url, "service-quotas": url, "secretsmanager": url}}


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    """An engine with the keys that the edge knows, and the token as a secret."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    monkeypatch.setenv("MY_HF_TOKEN", TOKEN)
    async with Engine(Settings(plugins={"allow": ["aws"]})) as engine:
        yield engine


@pytest.fixture
def nobody() -> str:
    """Return an address on loopback where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}"


Opened = Callable[[Deployment], Any]


@pytest.fixture
async def plane(engine: Engine, at: Json) -> AsyncIterator[ControlPlane]:
    """The edge's control planes, for the plain document's identity."""
    async with await ControlPlane.declared(engine, declared(**at)) as plane:
        yield plane


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """Let commands be interrupted even where the tests run in the background of a shell, which ignores Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Return the address of moto's server, a process of its own."""
    pytest.importorskip("moto", reason="moto[server] is not installed")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DRAGOMAN_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_open(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait_until_open(process: subprocess.Popen[bytes], port: int) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.05)):
        if process.poll() is not None:
            pytest.fail(f"moto ended with exit status {process.returncode}")
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause.wait(0.05)
    pytest.fail(f"moto did not start within {PATIENCE_S:g} s")


def text_of(value: Any) -> str:
    """Return a value as JSON, to be searched."""
    return json.dumps(value, default=str)
