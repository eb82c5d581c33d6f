"""Doing what a plan says; what was made is deleted again where it fails."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from dragoman.errors import DragomanError
from dragoman.secret import Secret

from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.deployment.document import TOKEN_VARIABLE
from dragoman_aws.deployment.plan import Plan
from dragoman_aws.deployment.state import MOVING, read_endpoint
from dragoman_aws.deployment.waiting import (
    Patience,
    Progress,
    Tick,
    silent,
    until_component_ready,
    until_gone,
    until_ready,
)

logger = logging.getLogger(__name__)

Undo = tuple[str, Callable[[], Awaitable[None]]]


class Rollout:
    """Carries out one plan.

    Args:
        plane: Who calls.
        plan: What to do.
        token: Of Hugging Face; handed to the container of a model that is made, and kept nowhere.
        patience: How long it is waited.
        progress: Told with every look.
    """

    def __init__(
        self,
        plane: ControlPlane,
        plan: Plan,
        token: Secret | None = None,
        patience: Patience | None = None,
        progress: Progress = silent,
    ) -> None:
        self._plane = plane
        self._plan = plan
        self._token = token
        self._patience = patience or Patience()
        self._progress = progress
        self._undo: list[Undo] = []
        self._is_updating = False

    async def run(self) -> list[str]:
        """Do it; return what could not be tidied up afterwards, for a person.

        Raises:
            DragomanError: It failed. What was made is deleted; what could not be is named in the hint.
        """
        failure: DragomanError
        try:
            await self._carry_out()
        except DragomanError as error:
            failure = error
        except asyncio.CancelledError:  # Ctrl-C, or the caller's task
            for remains in await self._roll_back():
                logger.warning("left behind: %s", remains)
            raise
        else:
            return await self._tidy_up()
        left = await self._roll_back()
        said = f"left behind: {'; '.join(left)}" if left else "what was made is deleted again"
        failure.hint = f"{failure.hint}; {said}" if failure.hint else said
        raise failure

    async def _carry_out(self) -> None:
        plan, wanted = self._plan, self._plan.wanted
        if plan.action("model") == "create":
            await self._create_model()
        if plan.action("endpoint configuration") == "create":
            await self._make(
                self._plane.call("create_endpoint_config", **wanted.config),
                self._deleting(
                    "endpoint configuration", "delete_endpoint_config", EndpointConfigName=wanted.config_name
                ),
            )
        await self._endpoint()
        if plan.set_tags and plan.found.endpoint is not None:
            tags = [{"Key": key, "Value": value} for key, value in plan.set_tags.items()]
            await self._plane.call("add_tags", ResourceArn=plan.found.endpoint.arn, Tags=tags)
        await self._component()

    async def _create_model(self) -> None:
        model = self._plan.wanted.model
        work = self._plane.call("create_model", **model) if self._token is None else self._with_token(self._token)
        await self._make(work, self._deleting("model", "delete_model", ModelName=self._plan.wanted.model_name))

    def _with_token(self, token: Secret) -> Coroutine[Any, Any, Any]:
        model = self._plan.wanted.model
        mark = f"dragoman-{uuid.uuid4().hex}"
        container = model["PrimaryContainer"]
        environment = {**container["Environment"], TOKEN_VARIABLE: mark}
        filled: dict[str, Any] = {**model, "PrimaryContainer": {**container, "Environment": environment}}
        return self._plane.call_with_secret("create_model", mark, token, **filled)

    async def _endpoint(self) -> None:
        action, wanted = self._plan.action("endpoint"), self._plan.wanted
        if action == "keep":
            return
        names = {"EndpointName": wanted.name, "EndpointConfigName": wanted.config_name}
        if action == "update":
            self._is_updating = True
            await self._plane.call("update_endpoint", **names)  # where it fails, SageMaker itself goes back
            await until_ready(self._plane, wanted.name, wanted.config_name, self._patience, self._progress)
            before = self._plan.found.endpoint
            if before is not None and before.config:
                self._undo.append((f"endpoint {wanted.name}", lambda: self._go_back(str(before.config))))
            return
        if action == "replace":
            await self._plane.call("delete_endpoint", EndpointName=wanted.name)
            await until_gone(self._plane, wanted.name, self._patience, self._progress)
        tags = {"Tags": wanted.config["Tags"]} if "Tags" in wanted.config else {}
        await self._make(
            self._plane.call("create_endpoint", **names, **tags), (f"endpoint {wanted.name}", self._delete_endpoint)
        )
        await until_ready(self._plane, wanted.name, wanted.config_name, self._patience, self._progress)

    async def _component(self) -> None:
        action, wanted = self._plan.action("inference component"), self._plan.wanted
        if action in (None, "keep") or wanted.component is None:
            return
        if action == "create":
            await self._make(
                self._plane.call("create_inference_component", **wanted.component),
                (f"inference component {wanted.name}", self._delete_component),
            )
        else:
            self._is_updating = True
            members = ("InferenceComponentName", "Specification", "RuntimeConfig")
            await self._plane.call("update_inference_component", **{m: wanted.component[m] for m in members})
        await until_component_ready(self._plane, wanted.name, self._patience, self._progress)

    # --- going back ----------------------------------------------------------------------------------------------

    async def _make(self, work: Coroutine[Any, Any, Any], undo: Undo) -> None:
        """Make something, and remember how it is undone; also where it is cancelled in the middle of the call."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            if not task.cancelled() and task.exception() is None:
                self._undo.append(undo)
            raise
        self._undo.append(undo)

    def _deleting(self, kind: str, operation: str, **named: str) -> Undo:
        async def delete() -> None:
            await self._plane.call(operation, **named)

        return f"{kind} {next(iter(named.values()))}", delete

    async def _delete_endpoint(self) -> None:
        await self._plane.call("delete_endpoint", EndpointName=self._plan.wanted.name)
        await until_gone(self._plane, self._plan.wanted.name, self._patience, self._progress)

    async def _delete_component(self) -> None:
        name = self._plan.wanted.name
        await self._plane.call("delete_inference_component", InferenceComponentName=name)
        await until_gone(self._plane, name, self._patience, self._progress, component_of=name)

    async def _go_back(self, config: str) -> None:
        name = self._plan.wanted.name
        await self._plane.call("update_endpoint", EndpointName=name, EndpointConfigName=config)
        await until_ready(self._plane, name, config, self._patience, self._progress)

    async def _roll_back(self) -> list[str]:
        """Undo in reverse; return what is left, with the reason. One that fails does not stop the others."""
        if self._is_updating and (moving := await self._still_moving()):
            return [moving]
        left = []
        for what, undo in reversed(self._undo):
            self._progress(Tick(what, "rolling back", 0))
            try:
                await undo()
            except DragomanError as error:
                left.append(f"{what}: {error.message}")
        return left

    async def _still_moving(self) -> str | None:
        """Return what has to stay because the endpoint is on its way to it; ``None`` where it has settled.

        SageMaker loses an endpoint whose configuration is deleted while it is updated (UpdateEndpoint, API reference).
        """
        wanted = self._plan.wanted
        try:
            state = await read_endpoint(self._plane, wanted.name, components=wanted.component is not None)
        except DragomanError as error:
            status = f"may still be updated ({error.message})"
        else:
            statuses = [state.status, *(c.status for c in state.components)] if state else []
            moving = [status for status in statuses if status in MOVING]
            if not moving:
                return None
            status = f"is still {moving[0]}"
        made = f"its configuration {wanted.config_name} and its model {wanted.model_name} stay"
        return f"the endpoint {wanted.name} {status}, so that {made}; once it has settled, deploy again"

    async def _tidy_up(self) -> list[str]:
        """Delete what is superseded; the new state stands, so that a refusal is told and no failure."""
        operations = {
            "endpoint configuration": ("delete_endpoint_config", "EndpointConfigName"),
            "model": ("delete_model", "ModelName"),
        }
        left = []
        for step in self._plan.steps:
            if step.action != "delete":
                continue
            operation, member = operations[step.kind]
            try:
                await self._plane.call(operation, **{member: step.name})
            except DragomanError as error:
                left.append(f"{step.kind} {step.name} stays: {error.message}")
        return left
