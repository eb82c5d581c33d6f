"""A variant of prompt management as one of ours; what has no place in a document is refused with its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dragoman.errors import DocumentError, Problem

from dragoman_aws.bedrock.converse.settings import Dialect, leaves
from dragoman_aws.bedrock.families import VALUE
from dragoman_aws.prompts.content import Content, strange_braces

Wire = Mapping[str, Any]

_INFERENCE = {
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "stopSequences": "stop_sequences",
}
#: Of a variant; ``metadata`` is told about and stays.
_MEMBERS = (
    *("name", "templateType", "templateConfiguration", "modelId", "inferenceConfiguration"),
    *("additionalModelRequestFields", "metadata"),
)
_MARK = "cachePoint"
#: Stands between texts that are one here and several there.
_JOINED = "\n\n"


@dataclass(frozen=True)
class ReadVariant:
    """A variant of the service.

    Args:
        content: What it says.
        model: What it is asked of; ``None`` = it does not say.
        inference: Settings under our names.
        fields: What it adds to the model's request, as the service has it; :func:`settings_of` reads some of it.
    """

    content: Content
    model: str | None
    inference: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)


class _Found:
    """What is gathered while a template is read."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.cache_points: list[str] = []

    def refuse(self, path: str, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(path, message, hint))


def read_variant(wire: Wire) -> ReadVariant:
    """Return what a variant of the service says.

    Raises:
        DocumentError: Something of it has no place in a prompt of ours; every problem with its path.
    """
    found = _Found()
    if "genAiResource" in wire:
        found.refuse("genAiResource", "it is asked of an agent", "agents that Bedrock hosts are not offered")
    for member in wire:
        if member not in (*_MEMBERS, "genAiResource"):
            found.refuse(member, "is not known here")
    content = _content(wire.get("templateConfiguration") or {}, found)
    inference = _inference((wire.get("inferenceConfiguration") or {}).get("text") or {}, found)
    if found.cache_points:
        inference["cache_points"] = found.cache_points
    if found.problems:
        raise DocumentError(f"variant {wire.get('name', '')}", found.problems)
    return ReadVariant(content, wire.get("modelId"), inference, wire.get("additionalModelRequestFields") or {})


def _inference(config: Wire, found: _Found) -> dict[str, Any]:
    for member in config:
        if member not in _INFERENCE:
            found.refuse(f"inferenceConfiguration.text.{member}", "is not known here")
    given = {_INFERENCE[name]: value for name, value in config.items() if name in _INFERENCE}
    # Numbers come back with single precision, 0.7 as 0.699999988.
    return {n: float(f"{v:.6g}") if isinstance(v, float) else v for n, v in given.items() if v not in (None, [])}


# --- templates ---------------------------------------------------------------------------------------------------


def _content(template: Wire, found: _Found) -> Content:
    at = "templateConfiguration"
    if "text" in template:
        text = template["text"]
        _check_members(text, ("text", _MARK, "inputVariables"), f"{at}.text", found)
        if _MARK in text:
            found.cache_points.append("messages")
        content = Content(text=_template(text.get("text", ""), f"{at}.text.text", found))
        _check_variables(text, content, f"{at}.text", found)
        return content
    if "chat" not in template:
        found.refuse(at, "is neither a text nor a conversation")
        return Content(text="")
    return _chat(template["chat"], f"{at}.chat", found)


def _chat(chat: Wire, at: str, found: _Found) -> Content:
    _check_members(chat, ("messages", "system", "toolConfiguration", "inputVariables"), at, found)
    tools = _tools(chat.get("toolConfiguration") or {}, f"{at}.toolConfiguration", found)
    told = _texts(chat.get("system") or (), f"{at}.system", found, cached="system")
    messages = chat.get("messages") or ()
    said: list[tuple[str, str]] = []
    for number, message in enumerate(messages):
        last = number == len(messages) - 1
        path = f"{at}.messages.{number}.content"
        texts = _texts(message["content"], path, found, cached="messages" if last else None)
        if said and said[-1][0] == message["role"]:  # a conversation of ours takes turns
            texts.insert(0, said.pop()[1])
        if texts:
            said.append((message["role"], _JOINED.join(texts)))
    if not said:
        found.refuse(f"{at}.messages", "says nothing")
    content = Content(None, _JOINED.join(told) or None, tuple(said), tuple(tools), _choice(chat, at, found))
    _check_variables(chat, content, at, found)
    return content


def _texts(blocks: Sequence[Wire], at: str, found: _Found, *, cached: str | None) -> list[str]:
    """Return the templates of blocks; a cache point after the last one becomes a setting, any other is refused."""
    texts = []
    for number, block in enumerate(blocks):
        path = f"{at}.{number}"
        if "text" in block:
            texts.append(_template(block["text"], f"{path}.text", found))
        elif _MARK in block and cached is not None and number == len(blocks) - 1:
            found.cache_points.append(cached)
        elif _MARK in block:
            hint = "move it behind the last block of system, tools or the conversation"
            found.refuse(f"{path}.{_MARK}", "has no place in a prompt", hint)
        else:
            found.refuse(path, f"holds {', '.join(block)}, which is not known here")
    return texts


def _template(text: str, path: str, found: _Found) -> str:
    for strange in strange_braces(text):
        hint = "variables begin with a letter or _, followed by letters, digits and _"
        found.refuse(path, f"has double braces that are no variable here: {strange}", hint)
        break
    return text


def _check_variables(template: Wire, content: Content, at: str, found: _Found) -> None:
    declared = [variable.get("name") for variable in template.get("inputVariables") or ()]
    for name in declared:
        if name not in content.variables and not found.problems:
            found.refuse(f"{at}.inputVariables", f"declares {name}, which is nowhere in the text", "remove it there")


def _check_members(value: Wire, known: Sequence[str], at: str, found: _Found) -> None:
    for member in value:
        if member not in known:
            found.refuse(f"{at}.{member}", "is not known here")


# --- tools -------------------------------------------------------------------------------------------------------


def _tools(config: Wire, at: str, found: _Found) -> Iterator[dict[str, Any]]:
    tools = config.get("tools") or ()
    read = []
    for number, tool in enumerate(tools):
        if _MARK in tool and number == len(tools) - 1:
            found.cache_points.append("tools")
        elif "toolSpec" in tool:
            read.append(_function(tool["toolSpec"], f"{at}.tools.{number}.toolSpec", found))
        else:
            found.refuse(f"{at}.tools.{number}", f"holds {', '.join(tool)}, which has no place in a prompt")
    return iter(read)


def _choice(chat: Wire, at: str, found: _Found) -> str | None:
    for mode, value in ((chat.get("toolConfiguration") or {}).get("toolChoice") or {}).items():
        if mode == "any":
            return "required"
        if mode == "tool":
            return str(value["name"])
        if mode != "auto":
            found.refuse(f"{at}.toolConfiguration.toolChoice.{mode}", "is not known here")
    return None


def _function(spec: Wire, at: str, found: _Found) -> dict[str, Any]:
    _check_members(spec, ("name", "description", "inputSchema", "strict"), at, found)
    schema = (spec.get("inputSchema") or {}).get("json")
    function: dict[str, Any] = {"name": spec["name"]}
    if spec.get("description"):
        function["description"] = spec["description"]
    if schema is not None:
        function["parameters"] = schema
    if spec.get("strict") is not None:
        function["strict"] = spec["strict"]
    return {"type": "function", "function": function}


# --- what a family adds ------------------------------------------------------------------------------------------


def settings_of(fields: Wire, dialect: Dialect) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings that a model family's own request fields are, and the fields that are none.

    Args:
        fields: ``additionalModelRequestFields``.
        dialect: Where the settings of the model's family go.
    """
    left = dict(leaves(fields))
    settings: dict[str, Any] = {}
    for setting, members in dialect.row.items():
        template = dict(leaves(members or {}))
        value = _value_in(template, left)
        if value is None:
            continue
        for path in template:
            del left[path]
        outer, _, inner = setting.partition(".")
        if inner:
            settings.setdefault(outer, {})[inner] = value
        else:
            settings[outer] = value
    return settings, _nested(left)


def _value_in(template: Mapping[tuple[str, ...], Any], left: Mapping[tuple[str, ...], Any]) -> Any:
    """Return what stands in a row's place for the value, where all of the row is there; else ``None``."""
    places = [path for path, value in template.items() if value == VALUE]
    same = all(path in left and (value in (VALUE, left[path])) for path, value in template.items())
    return left[places[0]] if same and len(places) == 1 else None


def _nested(flat: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        inner = nested
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return nested
