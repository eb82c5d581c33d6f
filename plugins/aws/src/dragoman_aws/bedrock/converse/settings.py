"""Inference settings, a family's own settings, extra members: what goes beside the messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import orjson
from dragoman.adapter import Inference, ReasoningSettings, ResponseFormat
from dragoman.errors import UnsupportedError

from dragoman_aws.bedrock.families import FAMILIES, SETTINGS, VALUE, Row

Wire = dict[str, Any]
Path = tuple[str, ...]

ADDITIONAL = "additionalModelRequestFields"


class Dialect:
    """Where the settings of one adapter's model go: its family's row under the adapter's own.

    Args:
        family: A key of :data:`~dragoman_aws.bedrock.families.FAMILIES`; ``None`` where nothing says.
        own: Rows of the adapter, which come first.
    """

    def __init__(self, family: str | None, own: Row | None = None) -> None:
        self.row: Row = {**(FAMILIES[family] if family else {}), **(own or {})}
        self._name = f"the family {family}" if family else "an undeclared family"
        #: Path inside ``additionalModelRequestFields`` -> the setting that writes it.
        self.written: Mapping[Path, str] = {
            path: f"inference.{setting}" for setting, members in self.row.items() for path, _ in leaves(members or {})
        }
        #: Objects that hold such members.
        self.shared = frozenset(path[:length] for path in self.written for length in range(1, len(path)))

    def write(self, body: Wire, setting: str, value: Any) -> None:
        """Write a family's own setting into the body; refuse one that its row does not hold."""
        members = self.row.get(setting)
        if members is None:
            hint = "declare connection.family or base_model" if not self.row else "remove it with null"
            _refuse(f"{self._name} has no place for it", f"inference.{setting}", hint)
        merge(body.setdefault(ADDITIONAL, {}), filled(members, value))


def write_inference(body: Wire, inference: Inference, dialect: Dialect) -> None:
    """Write every inference setting that is set; raise ``UnsupportedError`` for one that has no place."""
    for name, value in inference.__dict__.items():  # the declared fields, in their order
        if value is None:
            continue
        write = _WRITERS.get(name)
        if write is not None:
            write(body, value, dialect)
        elif name in _FAMILY_SETTINGS:
            dialect.write(body, name, value)
        else:
            _unknown(name)
    for name in inference.model_extra or ():
        _unknown(name)


def _unknown(name: str) -> NoReturn:
    hint = "a member of the model's own body goes into model_kwargs"
    _refuse("Converse does not take it", f"inference.{name}", hint)


def _config(member: str) -> Callable[[Wire, Any, Dialect], None]:
    def write(body: Wire, value: Any, dialect: Dialect) -> None:
        body.setdefault("inferenceConfig", {})[member] = value

    return write


def _reasoning(body: Wire, value: ReasoningSettings, dialect: Dialect) -> None:
    if value.budget_tokens is not None:
        dialect.write(body, "reasoning.budget_tokens", value.budget_tokens)
    if value.effort is None:
        return
    if "reasoning.effort" in dialect.row:
        dialect.write(body, "reasoning.effort", value.effort)
    else:
        body.setdefault("outputConfig", {})["effort"] = value.effort


def _response_format(body: Wire, value: ResponseFormat, dialect: Dialect) -> None:
    path = "inference.response_format"
    if value.type == "text":
        return
    if value.type == "json_object":
        _refuse("Converse knows no JSON without a schema", path, "use type json_schema")
    given = value.json_schema
    if given is None or given.schema_ is None:
        _refuse("is missing", f"{path}.json_schema.schema")
    if given.strict is False:
        _refuse("Converse always keeps to the schema", f"{path}.json_schema.strict", "remove it")
    schema: Wire = {"schema": orjson.dumps(given.schema_).decode(), "name": given.name or "answer"}
    if given.description:
        schema["description"] = given.description
    body.setdefault("outputConfig", {})["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _latency(body: Wire, value: str, dialect: Dialect) -> None:
    body["performanceConfig"] = {"latency": value}


def _tier(body: Wire, value: str, dialect: Dialect) -> None:
    body["serviceTier"] = {"type": value}


def _nothing(body: Wire, value: Any, dialect: Dialect) -> None:
    """Write nothing: the setting acts elsewhere."""


_FAMILY_SETTINGS = frozenset(SETTINGS)
_WRITERS: Mapping[str, Callable[[Wire, Any, Dialect], None]] = {
    "configuration": _nothing,  # expanded when the adapter was resolved
    "temperature": _config("temperature"),
    "top_p": _config("topP"),
    "max_tokens": _config("maxTokens"),
    "stop_sequences": _config("stopSequences"),
    "reasoning": _reasoning,
    "response_format": _response_format,
    "performance_latency": _latency,
    "service_tier": _tier,
    "system_tools": _nothing,  # written with the tools
    "cache_points": _nothing,  # written with what they follow
    "cache_ttl": _nothing,
}


# --- what an adapter adds ----------------------------------------------------------------------------------------

#: Members that Converse itself makes for the model, and where they are set instead.
_CONVERSE_MEMBERS: Mapping[Path, str] = {
    ("messages",): "the call's messages",
    ("system",): "a system message",
    ("tools",): "the call's tools",
    ("max_tokens",): "inference.max_tokens",
    ("temperature",): "inference.temperature",
    ("top_p",): "inference.top_p",
    ("stop_sequences",): "inference.stop_sequences",
}


def merge_model_kwargs(body: Wire, model_kwargs: Mapping[str, Any], dialect: Dialect) -> None:
    """Merge an adapter's own members into ``additionalModelRequestFields``; refuse those that a setting writes."""
    if not model_kwargs:
        return
    for path, _ in leaves(model_kwargs):
        dotted = ".".join(path)
        if path in dialect.shared:
            _refuse("holds what the adapter's own settings write", f"model_kwargs.{dotted}", "write its members")
        for length in range(1, len(path) + 1):
            place = _CONVERSE_MEMBERS.get(path[:length]) or dialect.written.get(path[:length])
            if place is not None:
                _refuse("is written by the adapter's own settings", f"model_kwargs.{dotted}", f"use {place}")
    merge(body.setdefault(ADDITIONAL, {}), model_kwargs)


def leaves(members: Mapping[str, Any], at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of everything in a JSON object that is no object with members itself."""
    for name, value in members.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*at, name))
        else:
            yield (*at, name), value


def filled(template: Any, value: Any) -> Any:
    """Return a row's template with the value in its place."""
    if isinstance(template, Mapping):
        return {name: filled(inner, value) for name, inner in template.items()}
    return value if template == VALUE else template


def merge(into: Wire, members: Mapping[str, Any]) -> None:
    """Merge objects deeply; anything else replaces what is there."""
    for name, value in members.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = dict(value) if isinstance(value, Mapping) else value


def _refuse(what: str, path: str, hint: str | None = None) -> NoReturn:
    raise UnsupportedError(what, path=path, hint=hint)
