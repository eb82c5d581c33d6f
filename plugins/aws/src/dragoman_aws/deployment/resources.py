"""What SageMaker is asked for in a document's place: arguments of its operations, and names that follow from them.

Pure. A model and an endpoint's configuration cannot be changed, so each is named after what it holds: another content
makes another name, and the same document makes the same names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from dragoman_aws.deployment.containers import Container, container_of, containers
from dragoman_aws.deployment.document import Deployment

VARIANT = "AllTraffic"
#: Stands for what is not hashed: the secret's name counts, never its value.
_TOKEN_MARK = "#hugging_face_token"  # noqa: S105  (a name)


@dataclass(frozen=True)
class Resources:
    """What is wanted.

    Args:
        name: The endpoint's, and the inference component's.
        model: Arguments of CreateModel, without the token.
        config: Arguments of CreateEndpointConfig.
        component: Arguments of CreateInferenceComponent; ``None`` = the endpoint holds the model itself.
        tags: Of the endpoint.
    """

    name: str
    model: dict[str, Any]
    config: dict[str, Any]
    component: dict[str, Any] | None
    tags: dict[str, str]

    @property
    def model_name(self) -> str:
        """The model's name."""
        return str(self.model["ModelName"])

    @property
    def config_name(self) -> str:
        """The configuration's name."""
        return str(self.config["EndpointConfigName"])


def resources_of(declared: Deployment) -> Resources:
    """Return what a document wants of SageMaker."""
    tags = [{"Key": key, "Value": value} for key, value in declared.tags.items()]
    model = _model(declared)
    model = {"ModelName": _named(declared, {**model, _TOKEN_MARK: str(declared.hugging_face_token)}), **model}
    config = _config(declared, model["ModelName"])
    config = {"EndpointConfigName": _named(declared, config), **config}
    if tags:
        model["Tags"], config["Tags"] = tags, tags
    return Resources(declared.name, model, config, _component(declared, model["ModelName"], tags), dict(declared.tags))


def is_ours(name: str, endpoint: str) -> bool:
    """Return whether a model or a configuration was made for an endpoint by this command, by its name."""
    return re.fullmatch(rf"{re.escape(endpoint)}-[0-9a-f]{{8}}", name) is not None


def container_row(declared: Deployment) -> Container:
    """Return what is known of a document's container."""
    return containers()[declared.container or container_of(declared.image) or "other"]


def _named(declared: Deployment, content: dict[str, Any]) -> str:
    digest = sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"{declared.name}-{digest[:8]}"


def _model(declared: Deployment) -> dict[str, Any]:
    container: dict[str, Any] = {"Image": declared.image, "Environment": _environment(declared)}
    if declared.model_data and declared.model_data.endswith("/"):
        place = {"S3Uri": declared.model_data, "S3DataType": "S3Prefix", "CompressionType": "None"}
        container["ModelDataSource"] = {"S3DataSource": place}
    elif declared.model_data:
        container["ModelDataUrl"] = declared.model_data
    model: dict[str, Any] = {"PrimaryContainer": container, "ExecutionRoleArn": declared.role}
    if declared.network.isolated:
        model["EnableNetworkIsolation"] = True
    if declared.network.subnets:
        model["VpcConfig"] = _vpc(declared)
    return model


def _vpc(declared: Deployment) -> dict[str, Any]:
    return {"Subnets": declared.network.subnets, "SecurityGroupIds": declared.network.security_groups}


def _environment(declared: Deployment) -> dict[str, str]:
    row = container_row(declared)
    environment = {**row.environment, **declared.environment}
    if declared.model and row.model_variable:
        environment[row.model_variable] = declared.model
    if declared.revision and row.revision_variable:
        environment[row.revision_variable] = declared.revision
    return environment


def _config(declared: Deployment, model: str) -> dict[str, Any]:
    variant: dict[str, Any] = {"VariantName": VARIANT}
    if declared.inference_component is None:
        variant |= {"ModelName": model, "InitialVariantWeight": 1.0}
    if declared.serverless:
        variant["ServerlessConfig"] = {
            "MemorySizeInMB": declared.serverless.memory_mb,
            "MaxConcurrency": declared.serverless.max_concurrency,
        }
    if declared.instance:
        variant |= {"InstanceType": declared.instance.type, "InitialInstanceCount": declared.instance.count}
        if declared.instance.volume_gb is not None:
            variant["VolumeSizeInGB"] = declared.instance.volume_gb
    config: dict[str, Any] = {"ProductionVariants": [variant]}
    if declared.inference_component is None:
        variant |= _times(declared)
        return config
    config["ExecutionRoleArn"] = declared.role
    if declared.network.subnets:
        config["VpcConfig"] = _vpc(declared)
    if declared.network.isolated:
        config["EnableNetworkIsolation"] = True
    return config


def _times(declared: Deployment) -> dict[str, int]:
    given = {
        "ModelDataDownloadTimeoutInSeconds": declared.download_timeout_s,
        "ContainerStartupHealthCheckTimeoutInSeconds": declared.health_check_timeout_s,
    }
    return {name: value for name, value in given.items() if value is not None}


def _component(declared: Deployment, model: str, tags: list[dict[str, str]]) -> dict[str, Any] | None:
    wanted = declared.inference_component
    if wanted is None:
        return None
    needs = {
        "NumberOfCpuCoresRequired": wanted.cpus,
        "NumberOfAcceleratorDevicesRequired": wanted.accelerators,
        "MinMemoryRequiredInMb": wanted.min_memory_mb,
    }
    specification: dict[str, Any] = {
        "ModelName": model,
        "ComputeResourceRequirements": {name: value for name, value in needs.items() if value is not None},
    }
    if times := _times(declared):
        specification["StartupParameters"] = times
    return {
        "InferenceComponentName": declared.name,
        "EndpointName": declared.name,
        "VariantName": VARIANT,
        "Specification": specification,
        "RuntimeConfig": {"CopyCount": wanted.copies},
        **({"Tags": tags} if tags else {}),
    }
