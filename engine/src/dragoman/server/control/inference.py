"""Inference configurations: list, show, validate, and what saving one is judged by: every adapter that uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dragoman.adapter import NAME_PATTERN
from dragoman.adapters import ConfigurationSummary
from dragoman.catalog import SAVED_AS, Catalog, configuration_layer
from dragoman.errors import DocumentError, DocumentNotFoundError, DragomanError, Problem
from dragoman.gateway_settings import RoleName
from dragoman.merge import Layer
from dragoman.plugins import Plugins
from dragoman.resolve import resolve
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.control.saved import Kind, validating
from dragoman.server.refusals import Refusal
from dragoman.server.state.store import INFERENCE
from dragoman.spelling import settings_in_one_spelling


async def _list(asked: Asked) -> Answer:
    found = await asked.engine.adapters.configurations()
    return Answer({"configurations": [_row(summary, asked) for summary in found]})


async def _show(asked: Asked) -> Answer:
    name = asked.path["name"]
    catalog = await asked.engine.catalog()
    if name not in catalog.configurations:
        raise DocumentNotFoundError(f"there is no inference configuration {name!r}")
    shown = _row(await asked.engine.adapters.configuration(name), asked)
    revision = KIND.current(asked, name)
    if revision is not None:
        shown["revision"] = KIND.revision(revision, asked, document=False)
    return Answer(shown, etag=revision.etag if revision else None)


# --- how ---------------------------------------------------------------------------------------------------------


def _row(summary: ConfigurationSummary, asked: Asked) -> dict[str, Any]:
    shown = {"name": summary.name, "description": summary.description, "settings": dict(summary.settings)}
    return {**shown, "source": summary.source} if asked.caller.role == "admin" else shown


async def _admit(asked: Asked, name: str) -> None:
    pass  # settings are nobody's secret


async def _judge(asked: Asked, name: str, document: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Hold what would be saved, or deleted, to the policy for every adapter that it changes, and to their providers."""
    if asked.caller.rights.adapters is not None:
        raise Refusal(403, "permission", "a configuration is for every adapter, and you may use certain ones only")
    saved = dict(asked.engine.saved.configurations)
    if document is None:
        saved.pop(name, None)
    else:
        document = _checked(name, document)
        saved[name] = Layer(f"{SAVED_AS}draft", document, trusted=False)
    draft = await asked.engine.catalog_with(replace(asked.engine.saved, configurations=saved))
    catalog, engine = await asked.engine.catalog(), asked.engine
    if problems := await engine.run_blocking(_broken, catalog, draft, engine.plugins):
        raise DocumentError(f"inference configuration {name}", problems)
    if name not in draft.configurations:
        await _refuse_in_use(asked, name)
    for adapter in _holding(catalog, draft, engine.plugins):
        engine.policy.check_saving(asked.caller.rights, catalog, draft, engine.plugins, adapter)
    return document


def _checked(name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    subject = f"inference configuration {name}"
    if not NAME_PATTERN.match(name):
        raise DocumentError(subject, [Problem("name", "is not a plain name", "for example precise")])
    if document.get("name", name) != name:
        raise DocumentError(subject, [Problem("name", f"is {document['name']!r}, and it is saved as {name!r}")])
    configuration_layer(document, subject)
    return settings_in_one_spelling(document, subject)


def _broken(catalog: Catalog, draft: Catalog, plugins: Plugins) -> list[Problem]:
    """Return the adapters that can be called now and could not be called with the draft, each with the reason."""
    problems = []
    for name in catalog.entries:
        now = _problem(draft, plugins, name)
        if now is not None and _problem(catalog, plugins, name) is None:
            problems.append(Problem("", f"the adapter {name} would not hold with it: {now}"))
    return problems


def _holding(catalog: Catalog, draft: Catalog, plugins: Plugins) -> list[str]:
    names = list(catalog.entries)
    return [n for n in names if _problem(catalog, plugins, n) is None and _problem(draft, plugins, n) is None]


def _problem(catalog: Catalog, plugins: Plugins, name: str) -> str | None:
    try:
        resolve(catalog, plugins, name)
    except DragomanError as error:
        return str(error)
    return None


async def _refuse_in_use(asked: Asked, name: str) -> None:
    prompts = (await asked.engine.prompts.list()).prompts
    agents = (await asked.engine.agents.list()).agents
    users = [
        *(f"the prompt {p.name}" for p in prompts if any(_uses(v.inference, name) for v in p.variants.values())),
        *(f"the agent {agent.name}" for agent in agents if agent.inference.configuration == name),
    ]
    if users:
        problem = Problem("", f"{', '.join(users)} would lose it", "change that first")
        raise DocumentError(f"inference configuration {name}", [problem])


def _uses(settings: Mapping[str, Any], name: str) -> bool:
    return settings.get("configuration") == name


def _shown(document: Mapping[str, Any], role: RoleName) -> dict[str, Any]:
    return dict(document)


_DOCUMENT = {
    "type": "object",
    "description": "inference settings as an adapter has them, and a description; topP is read as top_p",
}

_ROUTES = (
    Route("GET", "/api/inference", _list, "user", "List the inference configurations."),
    validating("/api/inference", _judge, _DOCUMENT, "Say whether it holds, also for every adapter that uses it."),
    Route("GET", "/api/inference/{name}", _show, "user", "Show an inference configuration."),
)  # fmt: skip

KIND = Kind(
    name=INFERENCE,
    address="/api/inference",
    title="an inference configuration",
    role="admin",
    document=_DOCUMENT,
    admit=_admit,
    judge=_judge,
    shown=_shown,
    routes=_ROUTES,
)
