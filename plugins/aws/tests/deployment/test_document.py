"""What a document may say, and what is said about one that does not hold."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from dragoman.errors import DocumentError
from dragoman_aws import deployment
from dragoman_aws.deployment.document import Deployment, deployment_schema, read_deployment
from dragoman_aws.deployment.resources import resources_of

from .conftest import TOKEN, declaration, declared

SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hf-AbCdEf"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"instance": None}, "one of instance and serverless"),
        ({"model": None}, "one of model and model_data"),
        ({"model_data": "s3://bucket/model.tar.gz"}, "remove the other"),
        ({"model": None, "model_data": "s3://bucket/model.zip"}, "ends in .tar.gz"),
        ({"image": "1.dkr.ecr.us-east-1.amazonaws.com/mine:1"}, "set container to one of"),
        ({"container": "nothing"}, "is not known"),
        ({"container": "jumpstart"}, "takes model_data"),
        ({"environment": {"HF_MODEL_ID": "a/b"}}, "follows from model"),
        ({"environment": {"HF_TOKEN": "x"}}, "name the secret there"),
        ({"health_check_timeout_s": 10}, "health_check_timeout_s"),
        ({"role": "SageMakerExecution"}, "the ARN of a role is expected"),
        ({"network": {"isolated": True}}, "use model_data"),
        ({"network": {"subnets": ["subnet-1"]}}, "go together"),
        ({"colour": "blue"}, "colour"),
        ({"instance": None, "serverless": {"memory_mb": 1000, "max_concurrency": 1}}, "serverless.memory_mb"),
        ({"inference_component": {"min_memory_mb": 1024}, "connection": {"inference_component": "x"}}, "remove it"),
    ],
)
def test_what_does_not_hold_is_told(members: dict[str, Any], said: str) -> None:
    with pytest.raises(DocumentError) as refused:
        declared(**members)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "members", [{"hugging_face_token": TOKEN}, {"environment": {"X": TOKEN}}, {"hugging_face_token": {"secret": TOKEN}}]
)
def test_a_token_in_the_open_is_refused_and_not_repeated(members: dict[str, Any]) -> None:
    with pytest.raises(DocumentError, match="revoke the token") as refused:
        declared(**members)
    assert TOKEN not in f"{refused.value}{refused.value!r}{refused.value.as_dict()}"


def test_a_secret_is_named_or_given_by_arn() -> None:
    by_name = declared(hugging_face_token="HF_TOKEN").hugging_face_token
    by_arn = declared(hugging_face_token=SECRET_ARN).hugging_face_token
    assert by_name is not None
    assert by_name.secret == "HF_TOKEN"
    assert by_arn is not None
    assert (by_arn.secrets_manager, by_arn.region) == (SECRET_ARN, "eu-west-1")


def test_the_schema_takes_what_the_document_takes() -> None:
    schema = deployment_schema()
    for members in ({}, {"hugging_face_token": "HF_TOKEN"}, {"hugging_face_token": {"secrets_manager": "hf"}}):
        jsonschema.validate(declaration(**members), schema)
        read_deployment(declaration(**members), "x")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(declaration(colour="blue"), schema)


def test_names_follow_from_content() -> None:
    one, same = resources_of(declared()), resources_of(declared(ready_timeout_s=60))
    other = resources_of(declared(environment={"MAX_TOTAL_TOKENS": "4096"}))
    assert (one.model_name, one.config_name) == (same.model_name, same.config_name)
    assert other.model_name != one.model_name
    assert other.config_name != one.config_name


def test_variables_are_those_of_the_container() -> None:
    tgi = resources_of(declared(revision="v1")).model["PrimaryContainer"]["Environment"]
    assert tgi == {"HF_MODEL_ID": "mistralai/Mistral-7B-Instruct-v0.3", "HF_MODEL_REVISION": "v1"}
    lmi = resources_of(declared(container="lmi-sse")).model["PrimaryContainer"]["Environment"]
    assert lmi["OPTION_OUTPUT_FORMATTER"] == "sse"


def test_time_outs_and_capacity_reach_the_variant() -> None:
    wanted = resources_of(declared(health_check_timeout_s=900, download_timeout_s=1200))
    variant = wanted.config["ProductionVariants"][0]
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 900
    assert variant["ModelDataDownloadTimeoutInSeconds"] == 1200
    serverless = resources_of(declared(instance=None, serverless={"memory_mb": 4096, "max_concurrency": 5}))
    assert serverless.config["ProductionVariants"][0]["ServerlessConfig"] == {
        "MemorySizeInMB": 4096,
        "MaxConcurrency": 5,
    }


def test_model_data_is_an_archive_or_a_prefix() -> None:
    archive = resources_of(declared(model=None, model_data="s3://bucket/m.tar.gz")).model["PrimaryContainer"]
    prefix = resources_of(declared(model=None, model_data="s3://bucket/m/")).model["PrimaryContainer"]
    assert archive["ModelDataUrl"] == "s3://bucket/m.tar.gz"
    assert prefix["ModelDataSource"]["S3DataSource"]["CompressionType"] == "None"


def test_the_docs_speak_of_every_member() -> None:
    page = Path(__file__).parents[4] / "docs" / "sagemaker.md"
    if not page.exists():
        pytest.skip("the project's own docs folder is not there")
    text = page.read_text(encoding="utf-8")
    table = text.split("## The document")[1].split("## ")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", table, re.MULTILINE)
    assert {*re.findall(r"`(\w+)`", " ".join(rows)), "version"} == set(Deployment.model_fields)
    example = yaml.safe_load(re.findall(r"```yml\n(.*?)```", text, re.DOTALL)[0])
    assert read_deployment(example, "docs").name == "mistral-7b"


def test_everything_is_in_one_place_with_a_word_about_it() -> None:
    for name in deployment.__all__:
        assert (getattr(deployment, name).__doc__ or "").strip(), name
    heavy = "import sys, dragoman_aws.deployment; assert 'botocore' not in sys.modules"
    subprocess.run([sys.executable, "-c", heavy], check=True)
