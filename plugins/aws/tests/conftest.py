from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from .cloud import Cloud, start_cloud
from .edge import Edge

settings.register_profile("aws", deadline=None)  # two shared cores: a slow example is no finding
settings.load_profile("aws")

#: What AWS's tools read, and no test of ours may be led by.
AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "DEFAULT_REGION",
)


@pytest.fixture(autouse=True)
def no_aws_around(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Take away every AWS setting of the machine that runs the tests."""
    for name in AWS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    nowhere = tmp_path_factory.getbasetemp() / "no-aws-files"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nowhere))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def edge() -> Iterator[Edge]:
    """A server on loopback that verifies signatures."""
    with Edge() as edge:
        yield edge


@pytest.fixture(scope="session")
def cloud(pytestconfig: pytest.Config) -> Iterator[Cloud]:
    """An emulator of AWS on loopback, with STS, IAM, Secrets Manager and Bedrock's control plane."""
    with start_cloud(pytestconfig.cache.mkdir("ministack")) as cloud:
        yield cloud
