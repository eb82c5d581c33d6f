"""What there is of a deployment in the account."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dragoman.errors import InvalidRequestError

from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.deployment.resources import is_ours

READY = "InService"
#: States that end by themselves.
MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


@dataclass(frozen=True)
class Variant:
    """A variant of an endpoint, as it runs."""

    name: str
    instances: int | None
    wanted: int | None
    statuses: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComponentState:
    """An inference component of an endpoint."""

    name: str
    status: str
    failure: str | None = None
    model: str | None = None
    copies: int | None = None
    needs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EndpointState:
    """An endpoint: its state as AWS words it, and why it failed."""

    name: str
    arn: str
    status: str
    config: str | None
    failure: str | None = None
    variants: tuple[Variant, ...] = ()
    components: tuple[ComponentState, ...] = ()


@dataclass(frozen=True)
class Found:
    """What there is under a name: the endpoint, and all models and configurations that this command made for it."""

    endpoint: EndpointState | None
    models: tuple[str, ...]
    configs: tuple[str, ...]


async def read_endpoint(plane: ControlPlane, name: str, *, components: bool = True) -> EndpointState | None:
    """Return an endpoint; ``None`` where there is none.

    It is looked for in the listing: asked for one that is absent, SageMaker says what it says of a wrong request.

    Args:
        plane: Who asks.
        name: The endpoint's.
        components: Whether its inference components are asked for.
    """
    rows = await plane.pages("list_endpoints", "Endpoints", NameContains=name)
    if name not in (row["EndpointName"] for row in rows):
        return None
    answer = await plane.call("describe_endpoint", EndpointName=name)
    asks = components and await _may_hold_components(plane, answer.get("EndpointConfigName"))
    held = await _components(plane, name) if asks else ()
    return EndpointState(
        name,
        answer["EndpointArn"],
        answer["EndpointStatus"],
        answer.get("EndpointConfigName"),
        answer.get("FailureReason"),
        tuple(_variant(row) for row in answer.get("ProductionVariants", ())),
        held,
    )


async def find(plane: ControlPlane, name: str, *, components: bool = True) -> Found:
    """Return everything that there is under a name."""
    endpoint = await read_endpoint(plane, name, components=components)
    models = await plane.pages("list_models", "Models", NameContains=name)
    configs = await plane.pages("list_endpoint_configs", "EndpointConfigs", NameContains=name)
    return Found(
        endpoint,
        tuple(row["ModelName"] for row in models if is_ours(row["ModelName"], name)),
        tuple(row["EndpointConfigName"] for row in configs if is_ours(row["EndpointConfigName"], name)),
    )


async def _may_hold_components(plane: ControlPlane, config: str | None) -> bool:
    """Return whether an endpoint's configuration leaves its models to components: a variant then names none."""
    try:
        answer = await plane.call("describe_endpoint_config", EndpointConfigName=config)
    except InvalidRequestError:  # it was deleted while the endpoint goes on
        return True
    return any(not row.get("ModelName") for row in answer.get("ProductionVariants", ()))


async def _components(plane: ControlPlane, endpoint: str) -> tuple[ComponentState, ...]:
    rows = await plane.pages("list_inference_components", "InferenceComponents", EndpointNameEquals=endpoint)
    return tuple([await read_component(plane, row["InferenceComponentName"]) for row in rows])


async def read_component(plane: ControlPlane, name: str) -> ComponentState:
    """Return an inference component."""
    answer = await plane.call("describe_inference_component", InferenceComponentName=name)
    specification = answer.get("Specification", {})
    return ComponentState(
        name,
        answer["InferenceComponentStatus"],
        answer.get("FailureReason"),
        specification.get("ModelName"),
        answer.get("RuntimeConfig", {}).get("DesiredCopyCount"),
        {
            **specification.get("ComputeResourceRequirements", {}),
            **specification.get("StartupParameters", {}),
        },
    )


def _variant(row: dict[str, Any]) -> Variant:
    statuses = []
    for status in row.get("VariantStatus", ()):
        message = status.get("StatusMessage")
        statuses.append(f"{status['Status']}: {message}" if message else status["Status"])
    return Variant(
        row["VariantName"], row.get("CurrentInstanceCount"), row.get("DesiredInstanceCount"), tuple(statuses)
    )
