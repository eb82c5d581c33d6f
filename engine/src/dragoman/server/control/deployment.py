"""What the deployment consists of: schemas, providers, plugins, secret names, health; and reading it anew."""

from __future__ import annotations

import re
from typing import Any

from dragoman.errors import DragomanError, StateError
from dragoman.server.control.routes import Answer, Asked, Route

# Where somebody wrote a key in place of its name, the key must not be listed.
_LIKE_A_NAME = re.compile(r"(?!.*[A-Za-z0-9]{24})[A-Za-z_][A-Za-z0-9_. /:-]*")


async def _schema(asked: Asked) -> Answer:
    return Answer(await asked.engine.adapters.schema())


async def _providers(asked: Asked) -> Answer:
    rows = [
        {
            "kind": found.kind,
            "title": found.title,
            "operations": list(found.operations),
            "mapping": found.mapping,
            "native": found.native,
            "permission_purposes": list(found.permission_purposes),
            "documentation_url": found.documentation_url,
        }
        for found in asked.engine.plugins.providers.values()
    ]
    return Answer({"providers": rows})


async def _plugins(asked: Asked) -> Answer:
    plugins = asked.engine.plugins
    loaded = [
        {
            "name": p.name,
            "distribution": p.distribution,
            "version": p.version,
            "providers": [{"kind": d.kind, "title": d.title, "operations": list(d.operations)} for d in p.providers],
            "secret_sources": [described.kind for described in p.secret_sources],
            "importers": [described.name for described in p.importers],
        }
        for p in plugins.loaded
    ]
    failed = [{"name": p.name, "distribution": p.distribution, "reason": p.reason} for p in plugins.failed]
    return Answer({"loaded": loaded, "failed": failed, "blocked": list(plugins.blocked)})


async def _secrets(asked: Asked) -> Answer:
    """Names and where they come from; never a value."""
    needed: dict[str, list[str]] = {}
    for name in (await asked.engine.catalog()).entries:
        try:
            credentials = (await asked.engine.resolve(name)).target.credentials
        except DragomanError:
            continue  # /api/adapters tells of it
        for secret in filter(_LIKE_A_NAME.fullmatch, credentials.values()):
            needed.setdefault(secret, []).append(name)
    snapshot = await asked.engine.secrets.load()
    rows = [
        {"name": row.name, "source": row.source, "also_in": list(row.also_in), "adapters": needed.get(row.name, [])}
        for row in snapshot.listing(needed)
    ]
    problems = [{"source": p.source, "name": p.name, "message": p.message} for p in snapshot.problems]
    return Answer({"secrets": rows, "sources": list(snapshot.sources), "problems": problems})


async def _health(asked: Asked) -> Answer:
    state = asked.state.health()
    catalog = await asked.engine.catalog()
    failures = [{"where": failure.where, "reason": failure.reason} for failure in catalog.failures]
    plugins = [{"name": p.name, "reason": p.reason} for p in asked.engine.plugins.failed]
    is_well = not (failures or plugins or any(part.get("problem") for part in state.values()))
    shown: dict[str, Any] = {"status": "ok" if is_well else "degraded"}
    if asked.caller.role == "admin":
        shown.update(state, adapters=len(catalog.entries), failures=failures, plugins=plugins)
    return Answer(shown)


async def _reload(asked: Asked) -> Answer:
    catalog = await asked.engine.reload()
    failures = [{"where": failure.where, "reason": failure.reason} for failure in catalog.failures]
    problem = None
    if asked.state.reloads is not None:
        try:
            await asked.state.reloads.announce()
        except StateError as error:
            problem = f"this process has, and the others could not be told: {error}"
    return Answer({"adapters": len(catalog.entries), "failures": failures, "problem": problem})


ROUTES = (
    Route("GET", "/api/schemas/adapter", _schema, "user", "The JSON Schema of an adapter document."),
    Route("GET", "/api/providers", _providers, "user", "List the providers that plugins bring."),
    Route("GET", "/api/plugins", _plugins, "admin", "List the plugins that loaded and those that failed."),
    Route("GET", "/api/secrets", _secrets, "admin", "List names of secrets and where they come from."),
    Route("GET", "/api/health", _health, "user", "Say how the gateway stands; administrators see each part."),
    Route("POST", "/api/reload", _reload, "admin", "Let every process read secrets, adapters and configurations anew."),
)
