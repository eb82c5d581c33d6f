"""The OpenAPI document of the control API, made from its routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from dragoman.server.control.routes import Route

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code", "display_message"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
                "display_message": {"type": "string"},
                "problems": {"type": "array"},
            },
        }
    },
}


def openapi_document(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """Return the document, in OpenAPI 3.1."""
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dragoman's control API", "version": version},
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "api-key"},
            },
        },
        "security": [{"bearer": []}, {"key": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    named = [_parameter(name, "path", "which one", required=True) for name in re.findall(r"{(\w+)}", route.path)]
    asked = [_parameter(name, "query", meaning) for name, meaning in route.query.items()]
    tags = [
        _parameter("If-Match", "header", "the ETag of the revision that the change starts from"),
        _parameter("If-None-Match", "header", "* where there is no revision yet"),
    ]
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{route.method.lower()}{route.path.removeprefix('/api')}").strip("_"),
        "summary": route.summary,
        "description": f"For role {route.role} and above.",
        "parameters": [*named, *asked, *(tags if route.writes else [])],
        "responses": {
            str(route.status): {
                "description": "done",
                "content": {name: {"schema": _schema_of(name)} for name in route.media_types},
            },
            "default": {
                "description": "refused",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if route.writes:
        operation["responses"]["201"] = {**operation["responses"]["200"], "description": "saved for the first time"}
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": route.body}}}
    return operation


def _schema_of(media_type: str) -> dict[str, str]:
    return {"type": "object" if media_type == "application/json" else "string"}


def _parameter(name: str, place: str, meaning: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": place, "description": meaning, "required": required, "schema": {"type": "string"}}
