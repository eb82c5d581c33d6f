"""What has to be done so that the account holds what a document declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dragoman.errors import ConflictError

from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.deployment.resources import Resources
from dragoman_aws.deployment.state import MOVING, READY, EndpointState, Found, find

Action = Literal["create", "keep", "replace", "update", "tag", "delete"]


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Args:
        kind: ``model``, ``endpoint configuration``, ``endpoint`` or ``inference component``.
        name: Its name.
        action: ``update`` = the endpoint takes another configuration, and serves meanwhile; ``replace`` = it is
            deleted and made again; ``tag`` = it gets tags.
        reason: Why, for a person.
    """

    kind: str
    name: str
    action: Action
    reason: str = ""


@dataclass(frozen=True)
class Plan:
    """The steps in their order, and what they are made from."""

    wanted: Resources
    found: Found
    steps: tuple[Step, ...]
    set_tags: dict[str, str]

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that do something."""
        return tuple(step for step in self.steps if step.action != "keep")

    def action(self, kind: str) -> Action | None:
        """Return what happens to the thing of a kind; of several, the first."""
        return next((step.action for step in self.steps if step.kind == kind), None)


async def make_plan(plane: ControlPlane, wanted: Resources) -> Plan:
    """Return what has to be done. Nothing is changed.

    Raises:
        ConflictError: The endpoint is being changed by somebody.
    """
    found = await find(plane, wanted.name, components=wanted.component is not None)
    endpoint = found.endpoint
    if endpoint is not None and endpoint.status in MOVING:
        raise ConflictError(
            f"the endpoint {wanted.name} is {endpoint.status}",
            hint=f"wait until it is {READY}: dragoman sagemaker status {wanted.name}",
        )
    steps = [
        _made("model", wanted.model_name, found.models),
        _made("endpoint configuration", wanted.config_name, found.configs),
        _endpoint(wanted, endpoint),
    ]
    tags = await _missing_tags(plane, wanted, endpoint) if steps[-1].action in ("keep", "update") else {}
    if tags:
        steps.append(Step("endpoint", wanted.name, "tag", ", ".join(sorted(tags))))
    if wanted.component is not None:
        anew = steps[2].action in ("create", "replace")
        steps.append(_component(wanted, wanted.component, None if anew else endpoint))
    steps += _superseded(wanted, found)
    return Plan(wanted, found, tuple(steps), tags)


def _made(kind: str, name: str, there: tuple[str, ...]) -> Step:
    return Step(kind, name, "keep" if name in there else "create")


def _endpoint(wanted: Resources, endpoint: EndpointState | None) -> Step:
    if endpoint is None:
        return Step("endpoint", wanted.name, "create")
    if endpoint.status != READY:
        reason = f"it is {endpoint.status}" + (f": {endpoint.failure}" if endpoint.failure else "")
        return Step("endpoint", wanted.name, "replace", reason)
    if endpoint.config != wanted.config_name:
        return Step("endpoint", wanted.name, "update", f"its configuration is {endpoint.config}")
    return Step("endpoint", wanted.name, "keep")


def _component(wanted: Resources, component: dict[str, Any], endpoint: EndpointState | None) -> Step:
    held = {c.name: c for c in endpoint.components} if endpoint else {}
    there = held.get(wanted.name)
    if there is None:
        return Step("inference component", wanted.name, "create")
    specification = component["Specification"]
    needs = {**specification["ComputeResourceRequirements"], **specification.get("StartupParameters", {})}
    differs = [
        what
        for what, differ in (
            ("its state", there.status != READY),
            ("the model", there.model != wanted.model_name),
            ("copies", there.copies != component["RuntimeConfig"]["CopyCount"]),
            ("requirements", any(there.needs.get(name) != value for name, value in needs.items())),
        )
        if differ
    ]
    if differs:
        return Step("inference component", wanted.name, "update", f"{', '.join(differs)} differ")
    return Step("inference component", wanted.name, "keep")


async def _missing_tags(plane: ControlPlane, wanted: Resources, endpoint: EndpointState | None) -> dict[str, str]:
    if endpoint is None or not wanted.tags:
        return {}
    rows = await plane.pages("list_tags", "Tags", ResourceArn=endpoint.arn)
    there = {row["Key"]: row["Value"] for row in rows}
    return {key: value for key, value in wanted.tags.items() if there.get(key) != value}


def _superseded(wanted: Resources, found: Found) -> list[Step]:
    old = "superseded"
    return [
        *(Step("endpoint configuration", n, "delete", old) for n in found.configs if n != wanted.config_name),
        *(Step("model", n, "delete", old) for n in found.models if n != wanted.model_name),
    ]
