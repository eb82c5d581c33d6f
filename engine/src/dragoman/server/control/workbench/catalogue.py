"""Who asks, which models there are for them, and what a form is made of."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from dragoman.adapter import Adapter, digest
from dragoman.adapters import AdapterSummary
from dragoman.errors import DragomanError
from dragoman.plugins import Plugins
from dragoman.policy import shown_document
from dragoman.provider import ProviderDescription
from dragoman.schema import adapter_schema
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.control.workbench.identity import last_check
from dragoman.server.control.workbench.notices import notice_of
from dragoman.server.state.ledger import UsageQuery
from dragoman.server.state.store import ADAPTER

#: Calls of so many hours count as a model's health.
HEALTH_HOURS = 24


async def session(asked: Asked) -> Answer:
    """Tell who the caller is and where they are."""
    caller, settings = asked.caller, asked.engine.settings
    return Answer(
        {
            "name": caller.name,
            "role": caller.role,
            "project": caller.project,
            "stage": settings.stage,
            "version": version("dragoman"),
            "default_adapter": settings.default_adapter,
            "notice": notice_of(asked, settings.server.notice),
        }
    )


async def models(asked: Asked) -> Answer:
    """List the adapters that a caller may use; to administrators also what failed to become one, and why."""
    listing = await asked.engine.adapters.list()
    health = await _health(asked)
    rows = [await _row(asked, row, health) for row in listing.adapters if asked.caller.may_use(row.name)]
    is_admin = asked.caller.role == "admin"
    failures = [{"where": f.where, "reason": f.reason} for f in listing.failures] if is_admin else []
    return Answer({"models": rows, "failures": failures, "health_hours": HEALTH_HOURS})


async def _health(asked: Asked) -> dict[str | None, dict[str, int]]:
    since = dt.datetime.now(dt.UTC) - dt.timedelta(hours=HEALTH_HOURS)
    found = await asked.state.ledger.usage(UsageQuery(by=("adapter",), since=since))
    return {group.key["adapter"]: {"calls": group.requests, "errors": group.errors} for group in found.groups}


async def _row(asked: Asked, row: AdapterSummary, health: Mapping[str | None, Any]) -> dict[str, Any]:
    is_admin = asked.caller.role == "admin"
    shown: dict[str, Any] = {}
    notice, mark = None, ""
    with contextlib.suppress(DragomanError):  # the row's problem says why
        resolved = await asked.engine.resolve(row.name)
        shown, notice = shown_document(resolved.document, asked.caller.role), resolved.adapter.notice
        mark = resolved.digest
    check = last_check(asked, row.name)
    saved = asked.state.store.current(ADAPTER).get(row.name)
    return {
        "name": row.name,
        "title": row.title,
        "provider": row.provider,
        "model": row.model if is_admin else shown.get("base_model"),
        "operation": row.operation,
        "aliases": row.aliases,
        "default": row.default,
        "capabilities": shown.get("capabilities") or {},
        "pricing": shown.get("pricing"),
        "constraints": shown.get("constraints"),
        "notice": notice_of(asked, notice),
        "source": row.source if is_admin else None,
        "saved_revision": saved.number if saved else None,
        "problem": row.problem if is_admin or row.problem is None else "cannot be called just now",
        "health": health.get(row.name),
        "check": check and {**check, "is_current": check.pop("digest") == mark},
    }


async def form(asked: Asked) -> Answer:
    """Return what a form is made of: schemas, providers, presets, inference configurations, and what is locked."""
    engine = asked.engine
    plugins = await engine.run_blocking(lambda: engine.plugins)
    made = await engine.run_blocking(_of_plugins, plugins)
    catalog = await engine.catalog()
    answer = {
        **made,
        "configurations": sorted(catalog.configurations),
        "locks": _locks(asked, made["schema"]),
    }
    mark = digest({**answer, "schema": made["digest"]})
    return Answer(answer, etag=f'"{mark}"')


def _of_plugins(plugins: Plugins) -> dict[str, Any]:
    """Return what the installed plugins bring to a form. Schemas take their time, so those of the last are kept."""
    if _kept and _kept[0][0] is plugins:
        return _kept[0][1]
    from dragoman.mapping import payload_preset_names, prompt_presets

    schema = adapter_schema(plugins.providers)
    made = {
        "schema": schema,
        "providers": {kind: _provider(described) for kind, described in sorted(plugins.providers.items())},
        "mapping_presets": payload_preset_names(),
        "prompt_presets": sorted(prompt_presets()),
        "importers": [{"name": i.name, "title": i.title} for i in plugins.importers.values()],
        "digest": digest({"schema": schema}),
    }
    _kept[:] = [(plugins, made)]
    return made


_kept: list[tuple[Plugins, dict[str, Any]]] = []


def _provider(described: ProviderDescription) -> dict[str, Any]:
    return {
        "title": described.title,
        "operations": described.operations,
        "credentials": described.credentials,
        "any_credentials": described.any_credentials,
        "mapping": described.mapping,
        "permission_purposes": described.permission_purposes,
        "required": described.connection.model_json_schema().get("required", []),
        "identities": [identity.path for identity in getattr(described.connection, "identities", ())],
    }


def _locks(asked: Asked, schema: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields that the caller's role or the stage forbids, each with the reason."""
    paths: list[tuple[str, ...]] = [(member,) for member in Adapter.model_fields]
    for name, definition in schema["$defs"].items():
        group = name.split(".")[0]
        if group in ("inference", "connection") and name.count(".") == 1:
            paths += [(group, member) for member in definition.get("properties", {})]
    policy, role = asked.engine.policy, asked.caller.role
    reasons = {".".join(path): policy.refusal(role, *path) for path in paths}
    return {path: reason for path, reason in reasons.items() if reason is not None}


ROUTES = (
    Route("GET", "/api/workbench/session", session, "user", "Tell who you are, and where."),
    Route("GET", "/api/workbench/models", models, "user", "List models with health, notices and what failed."),
    Route("GET", "/api/workbench/form", form, "user", "Return what a form for adapters is made of, and its locks."),
)
