"""The JSON Schema of the whole adapter document, with what each provider adds inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from dragoman.adapter import Adapter, InferenceSettings, Operation
from dragoman.provider import ProviderDescription
from dragoman.spelling import other_spelling

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def adapter_schema(providers: Mapping[str, ProviderDescription]) -> dict[str, Any]:
    """Return the schema of a sparse document.

    A document that names a known provider is held to that provider's ``connection``, ``inference`` and
    ``credentials``; each provider's models stand under ``$defs`` as ``connection.<kind>``, ``inference.<kind>``, and
    for the other operations ``inference.<kind>.embed`` and ``inference.<kind>.rerank``.
    """
    schema = Adapter.model_json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    branches = []
    for kind, description in sorted(providers.items()):
        definitions[f"connection.{kind}"] = _embedded(description.connection, f"connection.{kind}", definitions)
        for operation in description.operations:
            name = _inference_name(kind, operation)
            definitions[name] = _embedded(description.settings_model(operation), name, definitions)
        branches.append(_branch(description))
    schema["$schema"] = DIALECT
    provider = schema["properties"]["provider"]
    provider["examples"] = sorted(providers)
    schema["allOf"] = branches
    return schema


def _branch(description: ProviderDescription) -> dict[str, Any]:
    kind = description.kind
    first, *others = description.operations
    members: dict[str, Any] = {
        "connection": _or_null({"$ref": f"#/$defs/connection.{kind}"}),
        **({} if others else {"inference": _settings(kind, first)}),
        "credentials": _or_null(
            {
                "type": "object",
                "properties": {
                    field: {
                        "type": ["string", "null"],
                        "description": f"name of the secret; by default {name}" if name else "name of the secret",
                    }
                    for field, name in description.credentials.items()
                },
                "additionalProperties": {"type": ["string", "null"]} if description.any_credentials else False,
            }
        ),
        "operation": {"enum": [*description.operations, None]},
    }
    if not description.mapping:
        members["mapping"] = members["prompt"] = {"type": "null"}
    return {
        "if": {"properties": {"provider": {"const": kind}}, "required": ["provider"]},
        "then": {"properties": members, **({"allOf": _by_operation(description)} if others else {})},
    }


def _by_operation(description: ProviderDescription) -> list[dict[str, Any]]:
    """Return what each operation says about ``inference``; a document without an operation is for chat."""
    return [
        {
            "if": {"properties": {"operation": {"enum": ["chat", None]}}}
            if operation == "chat"
            else {"properties": {"operation": {"const": operation}}, "required": ["operation"]},
            "then": {"properties": {"inference": _settings(description.kind, operation)}},
        }
        for operation in description.operations
    ]


def _settings(kind: str, operation: Operation) -> dict[str, Any]:
    return _or_null({"$ref": f"#/$defs/{_inference_name(kind, operation)}"})


def _inference_name(kind: str, operation: Operation) -> str:
    return f"inference.{kind}" if operation == "chat" else f"inference.{kind}.{operation}"


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _embedded(model: type[BaseModel], name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a model's schema with its own definitions moved up, under names that cannot meet another provider's."""
    schema = model.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}")
    for inner, definition in schema.pop("$defs", {}).items():
        definitions[f"{name}.{inner}"] = _sparse(definition) if name.startswith("connection.") else definition
    schema = _sparse(schema)
    if issubclass(model, InferenceSettings):
        schema["additionalProperties"] = False
        others = [other_spelling(field) for field in model.model_fields if "_" in field]
        schema["patternProperties"] = {f"^({'|'.join(others)})$": {}}  # read as well; forms show one
    return schema


def _sparse(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Loosen a schema for layers: nothing is required, and every member may be ``null`` (remove what lies below)."""
    loose = {k: v for k, v in schema.items() if k != "required"}
    if properties := schema.get("properties"):
        loose["properties"] = {name: _nullable(inner) for name, inner in properties.items()}
    return loose


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    alternatives = schema.get("anyOf", ())
    if "const" in schema or schema.get("type") == "null" or {"type": "null"} in alternatives:
        return dict(schema)
    shown = {k: schema[k] for k in ("title", "description", "default") if k in schema}
    bare = {k: v for k, v in schema.items() if k not in shown}
    return {**shown, "anyOf": [bare, {"type": "null"}]}
