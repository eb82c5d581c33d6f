"""``dragoman sagemaker``, against moto's control plane and an edge of ours."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import pytest
import yaml
from dragoman.cli.main import main

from .conftest import CANARY, REGION, TOKEN, Control, declaration


class Done(NamedTuple):
    """How a run of the command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nobody: str
) -> Callable[..., Done]:
    """Run the command in this process, in a folder with settings; no run may show the token."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    monkeypatch.setenv("MY_HF_TOKEN", TOKEN)
    (tmp_path / "adapters").mkdir()
    (tmp_path / "dragoman.toml").write_text("")

    def call(command: str, *arguments: str) -> Done:
        if command == "deploy":
            arguments = (*arguments, "--hugging-face-url", nobody)
        code = main(["sagemaker", command, *arguments, "--config", str(tmp_path)])
        done = Done(code, *capsys.readouterr())
        assert TOKEN not in done.out + done.err
        return done

    return call


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    """Write a document and return its path."""

    def write(**members: Any) -> str:
        path = tmp_path / "mistral.yaml"
        path.write_text(yaml.safe_dump(declaration(**members)))
        return str(path)

    return write


def at_moto(url: str, name: str) -> dict[str, Any]:
    """Return members of a document of its own name, at moto."""
    return {"name": name, "endpoints": {"sagemaker": url, "service-quotas": url, "secretsmanager": url}}


def client(url: str, service: str) -> Any:
    return botocore.session.Session().create_client(
        service, region_name=REGION, endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b"
    )


def test_moto_sees_it_made_kept_and_deleted(run: Any, file: Any, moto: str, tmp_path: Path) -> None:
    path = file(hugging_face_token="MY_HF_TOKEN", tags={"team": "a"}, **at_moto(moto, "whole"))
    made = run("deploy", path, "--yes", "--save", "whole", "--debug")
    assert made.code == 0, made.err
    assert "create  endpoint " in made.out
    assert "endpoint whole: InService" in made.err
    assert "not checked" in made.err  # moto's Service Quotas knows nothing of SageMaker
    saved = yaml.safe_load((tmp_path / "adapters" / "whole.yaml").read_text())
    assert saved["mapping"] == {"preset": "tgi"}
    assert saved["connection"]["region"] == REGION

    sagemaker = client(moto, "sagemaker")
    config = sagemaker.describe_endpoint_config(
        EndpointConfigName=sagemaker.describe_endpoint(EndpointName="whole")["EndpointConfigName"]
    )
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    assert model["PrimaryContainer"]["Environment"]["HF_TOKEN"] == TOKEN

    again = run("deploy", path, "--yes")
    assert again.code == 0
    assert "create" not in again.out
    assert "keep" in again.out

    shown = run("status", path, "--json")
    assert json.loads(shown.out)["status"] == "InService"

    gone = run("delete", path, "--yes")
    assert gone.code == 0, gone.err
    assert [e["EndpointName"] for e in sagemaker.list_endpoints()["Endpoints"]] == []
    assert sagemaker.list_models()["Models"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    sagemaker.close()


def test_moto_keeps_the_token_as_a_secret(run: Any, file: Any, moto: str) -> None:
    secrets = client(moto, "secretsmanager")
    arn = secrets.create_secret(Name="prod/hf", SecretString=TOKEN)["ARN"]
    secrets.close()
    path = file(hugging_face_token=arn, **at_moto(moto, "by-arn"))
    assert run("deploy", path, "--yes", "--debug").code == 0
    assert run("delete", path, "--yes").code == 0


def test_a_refusal_of_moto_takes_back_what_was_made(run: Any, file: Any, moto: str) -> None:
    path = file(instance={"type": "ml.none.xlarge"}, **at_moto(moto, "refused"))
    failed = run("deploy", path, "--yes")
    assert failed.code != 0
    assert "what was made is deleted again" in failed.err
    sagemaker = client(moto, "sagemaker")
    assert [m for m in sagemaker.list_models()["Models"] if m["ModelName"].startswith("refused")] == []
    sagemaker.close()


def test_a_dry_run_and_a_no_change_nothing(
    run: Any, file: Any, control: Control, at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(hugging_face_token="MY_HF_TOKEN", **at)
    planned = run("deploy", path, "--dry-run", "--json")
    assert planned.code == 0, planned.err
    assert [step["action"] for step in json.loads(planned.out)["steps"]] == ["create"] * 3
    assert run("deploy", path).code != 0  # nobody answers the question
    assert control.changes() == []


def test_deleting_asks_first(run: Any, file: Any, control: Control, at: Any) -> None:
    control.course = ["InService"]
    path = file(**at)
    assert run("deploy", path, "--yes").code == 0
    asked = run("delete", path)
    assert asked.code != 0
    assert "delete  endpoint " in asked.out
    assert "mistral-7b" in control.endpoints


def test_a_failure_shows_its_reason(run: Any, file: Any, control: Control, at: Any) -> None:
    control.course, control.failure = ["Failed"], "CannotStartContainerError"
    failed = run("deploy", file(hugging_face_token="MY_HF_TOKEN", **at), "--yes", "--debug")
    assert failed.code != 0
    assert "CannotStartContainerError" in failed.err
    assert "CloudWatch" in failed.err
    assert control.endpoints == {}


def test_ctrl_c_takes_back_what_was_made(run: Any, file: Any, control: Control, at: Any, tmp_path: Path) -> None:
    control.course = ["Creating"]
    path = file(hugging_face_token="MY_HF_TOKEN", **at)
    waiting = threading.Event()
    describe = control.DescribeEndpoint

    def looked_at(asked: dict[str, Any]) -> dict[str, Any]:
        waiting.set()
        return describe(asked)

    control.DescribeEndpoint = looked_at  # type: ignore[method-assign]
    command = [sys.executable, "-m", "dragoman.cli.main", "sagemaker", "deploy", path, "--yes"]
    command += ["--hugging-face-url", "http://127.0.0.1:9", "--config", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert waiting.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "endpoint mistral-7b: rolling back" in err
    assert TOKEN not in out + err
    assert (control.models, control.configs, control.endpoints) == ({}, {}, {})


def test_an_endpoint_that_is_not_there_is_an_error(run: Any, file: Any, control: Control, at: Any) -> None:
    path = file(**at)
    for command in ("status", "delete"):
        done = run(command, path)
        assert done.code != 0
        assert "there is no endpoint mistral-7b" in done.err


def test_the_adapter_is_printed_and_asks_for_a_mapping(run: Any, file: Any, control: Control, at: Any) -> None:
    control.course = ["InService"]
    path = file(container="other", **at)
    printed = run("deploy", path, "--yes", "--json")
    assert json.loads(printed.out)["adapter"]["model"] == "mistral-7b"
    assert "adapters infer" in printed.err


def test_the_schedule_calls_nobody(run: Any, file: Any) -> None:
    done = run(
        "schedule", file(tags={"team": "a"}), "--stop", "cron(0 18 ? * MON-FRI *)", "--timezone", "Europe/Berlin"
    )
    assert done.code == 0, done.err
    assert "&id" not in done.out  # CloudFormation reads no aliases
    assert list(yaml.safe_load(done.out)["Resources"]) == ["SchedulerRole", "StopSchedule"]


def test_the_schedule_is_a_template_that_cloudformation_takes(run: Any, file: Any) -> None:
    linting = pytest.importorskip("cfnlint.api", reason="cfn-lint, which comes with moto[server], is not installed")
    times = ("--start", "cron(0 8 ? * MON-FRI *)", "--stop", "cron(0 18 ? * MON-FRI *)")
    done = run("schedule", file(tags={"team": "a"}), *times)
    assert [str(match) for match in linting.lint_all(done.out) if match.rule.id[0] in "EW"] == []


def test_the_shipped_example_holds(run: Any) -> None:
    example = Path(__file__).parents[4] / "config" / "deployments" / "mistral.yaml"
    if not example.exists():
        pytest.skip("the project's own config folder is not there")
    assert run("schedule", str(example), "--stop", "rate(1 day)").code == 0
    assert json.loads(run("schema").out)["title"] == "Deployment"
