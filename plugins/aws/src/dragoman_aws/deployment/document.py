"""What a person declares of a model of their own: the document of ``dragoman sagemaker deploy``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from dragoman.adapter import problems_of
from dragoman.errors import DocumentError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dragoman_aws.deployment.containers import container_of, containers
from dragoman_aws.identity.connection import Address, RoleArn
from dragoman_aws.sagemaker.connection import SageMakerConnection

#: Variables that SageMaker's containers read the token from; it comes from `hugging_face_token` alone.
TOKEN_VARIABLE = "HF_TOKEN"  # noqa: S105  (a name)
_TOKEN_VARIABLES = frozenset({TOKEN_VARIABLE, "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACEHUB_API_TOKEN"})
#: What such a token looks like; one in the open would be kept in git.
_TOKEN = re.compile(r"hf_[A-Za-z0-9]{20,}")

_SECRET_ARN = re.compile(r"arn:[a-z0-9-]+:secretsmanager:(?P<region>[a-z0-9-]+):\d{12}:secret:.+")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), hide_input_in_errors=True)


class Instance(_Model):
    """The machines of a real-time endpoint."""

    type: str = Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$", description="such as ml.g5.2xlarge")
    count: int = Field(1, ge=1, description="how many")
    volume_gb: int | None = Field(None, ge=1, le=512, description="storage; absent = as the instance type brings it")


class Serverless(_Model):
    """Capacity that is paid by the call; it has no accelerators and does not stream."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = Field(description="memory of one call's container, in MB")
    max_concurrency: int = Field(ge=1, le=200, description="calls at a time")


class Component(_Model):
    """The model as an inference component, so that several share the endpoint's instances."""

    copies: int = Field(1, ge=1, description="copies of the model")
    accelerators: float | None = Field(None, ge=1, description="accelerators of one copy")
    cpus: float | None = Field(None, ge=0.25, description="cores of one copy")
    min_memory_mb: int = Field(ge=128, description="memory that one copy needs, in MB")


class Network(_Model):
    """Where the containers are in the network."""

    subnets: list[str] = Field([], description="of the VPC")
    security_groups: list[str] = Field([], description="of the VPC")
    isolated: bool = Field(False, description="no network at all; then nothing can be fetched from Hugging Face")

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.subnets) != bool(self.security_groups):
            raise ValueError("subnets and security_groups go together")
        return self


class TokenSecret(_Model):
    """Which plain-text secret holds the token: one that the engine knows, or one of Secrets Manager."""

    secret: str | None = Field(None, min_length=1, description="name of a secret of the engine")
    secrets_manager: str | None = Field(None, min_length=1, description="name or ARN of a secret of Secrets Manager")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            _no_token(value)
            return {"secrets_manager" if value.startswith("arn:") else "secret": value}
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.secret is None) == (self.secrets_manager is None):
            raise ValueError("one of secret and secrets_manager is expected")
        for name in (self.secret, self.secrets_manager):
            _no_token(name or "")
        return self

    @property
    def region(self) -> str | None:
        """The region that the secret's ARN names."""
        found = _SECRET_ARN.fullmatch(self.secrets_manager or "")
        return found["region"] if found else None

    def __str__(self) -> str:
        return f"the secret {self.secret or self.secrets_manager}"


def _no_token(value: str) -> None:
    if _TOKEN.search(value):
        raise ValueError("a Hugging Face token is written here; name the secret that holds it, and revoke the token")


def _environment(values: dict[str, str]) -> dict[str, str]:
    for name, value in values.items():
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,1023}", name):
            raise ValueError("names of variables hold letters, digits and '_'")
        if name in _TOKEN_VARIABLES:
            raise ValueError(f"{name} is set from hugging_face_token; name the secret there")
        _no_token(value)
        if len(value) > 1024:
            raise ValueError(f"{name} is longer than 1,024 characters")
    return values


Tag = Annotated[str, Field(max_length=256)]


class Deployment(_Model):
    """A model of one's own on SageMaker.

    Limits are those of SageMaker's service model in botocore 1.44.5.
    """

    version: Literal[1] = 1
    name: str = Field(
        pattern=r"^[a-zA-Z0-9](-?[a-zA-Z0-9])*$", max_length=54, description="the endpoint's name"
    )  # 63 without a dash and eight digits
    model: str | None = Field(
        None, pattern=r"^[\w.-]+/[\w.-]+$", max_length=200, description="model on Hugging Face: organisation/model"
    )
    revision: str | None = Field(None, pattern=r"^[\w./-]+$", description="branch, tag or commit of it")
    model_data: str | None = Field(
        None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]+/.+$",
        max_length=1024,
        description="model in S3: a .tar.gz, or a prefix that ends in / and holds the files",
    )
    image: str = Field(pattern=r"^\S+$", max_length=255, description="the container's image, in ECR")
    container: str | None = Field(None, description="what runs in it; absent = as the image's name says")
    instance: Instance | None = Field(None, description="machines; or serverless")
    serverless: Serverless | None = Field(None, description="capacity by the call; or instance")
    inference_component: Component | None = Field(None, description="with instance: share its machines")
    environment: Annotated[dict[str, str], AfterValidator(_environment)] = Field({}, description="of the container")
    role: RoleArn = Field(description="role that the container runs as; SageMaker assumes it")
    hugging_face_token: TokenSecret | None = Field(None, description="secret; it becomes HF_TOKEN in the container")
    network: Network = Field(Network(), description="VPC of the containers")
    health_check_timeout_s: int | None = Field(
        None, ge=60, le=3600, description="seconds until the container must answer its health check"
    )
    download_timeout_s: int | None = Field(
        None, ge=60, le=3600, description="seconds until the model's data must be there"
    )
    ready_timeout_s: float = Field(3600, gt=0, description="seconds until the endpoint must be in service")
    tags: dict[Annotated[str, Field(min_length=1, max_length=128)], Tag] = Field(
        {}, max_length=50, description="of everything that is made"
    )
    connection: SageMakerConnection = Field(SageMakerConnection(), description="region and identity, as in an adapter")
    credentials: dict[str, str] = Field({}, description="names of secrets, as in an adapter")
    endpoints: dict[Literal["sagemaker", "secretsmanager", "service-quotas"], Address] = Field(
        {}, description="addresses of AWS's control planes, for VPC endpoints"
    )
    adapter: dict[str, Any] = Field({}, description="members of the adapter that is written, such as mapping or title")

    @model_validator(mode="after")
    def _members_fit(self) -> Self:
        for check in (_capacity, _source, _container, _downloads):
            check(self)
        return self


def _capacity(declared: Deployment) -> None:
    if (declared.instance is None) == (declared.serverless is None):
        raise ValueError("one of instance and serverless is expected")
    if declared.serverless and declared.inference_component:
        raise ValueError("inference_component needs instance: serverless endpoints have none")
    if declared.serverless and (declared.health_check_timeout_s or declared.download_timeout_s):
        raise ValueError("health_check_timeout_s and download_timeout_s are for instance; serverless has its own")
    if declared.connection.inference_component:
        raise ValueError("connection.inference_component follows from the deployment; remove it")


def _source(declared: Deployment) -> None:
    if declared.model is None and declared.model_data is None:
        raise ValueError("one of model and model_data is expected")
    if declared.model and declared.model_data:
        raise ValueError("model and model_data are both given; the container would load one of them: remove the other")
    if declared.revision and not declared.model:
        raise ValueError("revision goes with model")
    if declared.hugging_face_token and not declared.model:
        raise ValueError("hugging_face_token goes with model: model_data is not fetched from Hugging Face")
    if declared.model_data and not declared.model_data.endswith((".tar.gz", "/")):
        raise ValueError("model_data ends in .tar.gz, or in / for a prefix")


def _container(declared: Deployment) -> None:
    name = declared.container or container_of(declared.image)
    if name is None:
        known = ", ".join(containers())
        raise ValueError(f"the image's name does not say what runs in it; set container to one of {known}")
    if name not in containers():
        raise ValueError(f"container {name!r} is not known; it is one of {', '.join(containers())}")
    row = containers()[name]
    if declared.model and row.model_variable is None:
        raise ValueError(f"the container {name} takes model_data, not a model of Hugging Face")
    if row.model_variable in declared.environment:
        raise ValueError(f"environment.{row.model_variable} follows from model; remove it")
    if declared.revision and row.revision_variable in declared.environment:
        raise ValueError(f"environment.{row.revision_variable} follows from revision; remove one of them")


def _downloads(declared: Deployment) -> None:
    if declared.network.isolated and declared.model:
        raise ValueError("network.isolated keeps the container from fetching the model; use model_data")


def read_deployment(document: Mapping[str, Any], subject: str) -> Deployment:
    """Return what a document declares.

    Raises:
        DocumentError: with every problem and its path, and no value.
    """
    try:
        return Deployment.model_validate(document)
    except ValidationError as error:
        raise DocumentError(subject, problems_of(error, document)) from None


def deployment_schema() -> dict[str, Any]:
    """Return the document's JSON Schema."""
    schema = Deployment.model_json_schema()
    token = schema["$defs"]["TokenSecret"]
    token["anyOf"] = [{"type": "string", "minLength": 1}, {"type": "object"}]
    token.pop("type", None)
    return schema
