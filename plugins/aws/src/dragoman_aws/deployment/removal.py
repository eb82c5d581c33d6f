"""Deleting a deployment: components, the endpoint, its configuration and models."""

from __future__ import annotations

from dataclasses import dataclass

from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.deployment.plan import Step
from dragoman_aws.deployment.resources import is_ours
from dragoman_aws.deployment.state import Found, find
from dragoman_aws.deployment.waiting import Patience, Progress, silent, until_gone


@dataclass(frozen=True)
class Removal:
    """What goes, in its order, and what stays because something else made it."""

    name: str
    steps: tuple[Step, ...]
    stays: tuple[str, ...] = ()


async def plan_removal(plane: ControlPlane, name: str) -> Removal:
    """Return what there is to delete under an endpoint's name. Nothing is changed."""
    found = await find(plane, name)
    steps = []
    if found.endpoint is not None:
        steps += [Step("inference component", c.name, "delete") for c in found.endpoint.components]
        steps.append(Step("endpoint", name, "delete", found.endpoint.status))
    steps += [Step("endpoint configuration", config, "delete") for config in found.configs]
    steps += [Step("model", model, "delete") for model in found.models]
    return Removal(name, tuple(steps), await _others(plane, found, name))


async def remove(
    plane: ControlPlane, removal: Removal, patience: Patience | None = None, progress: Progress = silent
) -> None:
    """Delete it; errors leave the rest, and another run goes on from there."""
    patience = patience or Patience()
    for step in removal.steps:
        operation, member = _OPERATIONS[step.kind]
        if not (step.kind == "endpoint" and step.reason == "Deleting"):
            await plane.call(operation, **{member: step.name})
        if step.kind == "inference component":
            await until_gone(plane, step.name, patience, progress, component_of=removal.name)
        if step.kind == "endpoint":
            await until_gone(plane, step.name, patience, progress)


_OPERATIONS = {
    "inference component": ("delete_inference_component", "InferenceComponentName"),
    "endpoint": ("delete_endpoint", "EndpointName"),
    "endpoint configuration": ("delete_endpoint_config", "EndpointConfigName"),
    "model": ("delete_model", "ModelName"),
}


async def _others(plane: ControlPlane, found: Found, name: str) -> tuple[str, ...]:
    """Return the endpoint's configuration and models that were not made by this command; others may use them."""
    if found.endpoint is None or found.endpoint.config is None:
        return ()
    config = found.endpoint.config
    stays = [] if is_ours(config, name) else [f"endpoint configuration {config}"]
    answer = await plane.call("describe_endpoint_config", EndpointConfigName=config)
    models = [row["ModelName"] for row in answer.get("ProductionVariants", ()) if row.get("ModelName")]
    return (*stays, *(f"model {model}" for model in models if not is_ours(model, name)))
