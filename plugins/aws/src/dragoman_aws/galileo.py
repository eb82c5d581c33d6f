"""Adapters out of the documents of AWS Galileo, the RAG reference application of ``aws-samples``.

Read: a model document (frameworks ``SageMakerEndpoint`` and ``Bedrock``), an inventory of them, and the ``llm`` section
of a request's options. Semantics measured with Galileo 0.2.4 and lodash 4.17.21. What an adapter cannot say is noted,
never dropped in silence: the application's own prompts, for example, stay with the application.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from dragoman.errors import DocumentError, Problem
from dragoman.plugin import Imported, ImportTools, slug

from dragoman_aws.sagemaker.operations import ARGUMENTS, Operation

Json = dict[str, Any]

#: What Galileo takes where a document says nothing.
PROMPT_KEY, OUTPUT_PATH = "text_inputs", "[0].generated_text"
_JSON = "application/json"

_SUBJECT = "the Galileo document"


def import_galileo(text: str, tools: ImportTools) -> Imported:
    """Return the adapters of a Galileo document.

    Raises:
        DocumentError: The text is no such document, or a path in it finds nothing.
    """
    document = _plain_numbers(_parsed(text))
    importer = _Importer(tools)
    if isinstance(document.get("models"), dict):
        documents = list(importer.inventory(document))
    elif "llm" in document or "options" in document:
        documents = [importer.request(document.get("options", document))]
    else:
        documents = [importer.model(document, "")]
    return Imported(documents, importer.notes)


def _parsed(text: str) -> Json:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        _refuse("", f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    if not isinstance(document, dict):
        _refuse("", "holds no object")
    return document


def _plain_numbers(value: Any) -> Any:
    """Return the value with whole numbers as such: JavaScript reads ``1.0`` as 1, and writes it so."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain_numbers(inner) for name, inner in value.items()}
    return [_plain_numbers(inner) for inner in value] if isinstance(value, list) else value


class _Importer:
    """Translates the models of one document, and keeps the notes."""

    def __init__(self, tools: ImportTools) -> None:
        self._tools = tools
        self._names: set[str] = set()
        self.notes: list[Problem] = []

    def note(self, path: str, message: str, hint: str | None = None) -> None:
        self.notes.append(Problem(path, message, hint))

    # --- kinds of documents --------------------------------------------------------------------------------------

    def inventory(self, document: Json) -> Iterator[Json]:
        """Yield an adapter for each model of an inventory."""
        names = {}
        for uuid, model in document["models"].items():
            path = f"models.{uuid}"
            if not isinstance(model, dict):
                _refuse(path, "is no object")
            adapter = self._complete({**model, "uuid": uuid}, path)
            names[uuid] = adapter["name"]
            yield adapter
        default = document.get("defaultModelId")
        if default in names:
            self.note("defaultModelId", "is the deployment's choice", f'set default_adapter = "{names[default]}"')
        elif default is not None:
            self.note("defaultModelId", f"names no model of the inventory: {default}")
        self._unread(document, ("models", "defaultModelId"), "")

    def request(self, options: Json) -> Json:
        """Return the adapter that a request's ``llm`` section stands for."""
        llm = options.get("llm") or {}
        chosen = llm.get("model")
        if isinstance(chosen, str):
            chosen = _parsed(chosen) if chosen.startswith("{") else {"uuid": chosen}
        if not isinstance(chosen, dict):
            _refuse("llm.model", "is missing", "without it Galileo takes the inventory's default model")
        framework = dict(chosen.get("framework") or {})
        for name in ("modelKwargs", "endpointKwargs"):  # shallow: the request's win
            if llm.get(name):
                framework[name] = {**(framework.get(name) or {}), **llm[name]}
        for name in options:
            if name != "llm":
                self.note(name, "belongs to the application, not to a model")
        return self.model({**chosen, **({"framework": framework} if framework else {})}, "llm.model")

    def model(self, model: Json, path: str) -> Json:
        """Return the adapter of a custom model: complete, or an override of the inventory's model of its uuid."""
        if model.get("uuid") is None:
            return self._complete(model, path)
        return self._override(model, path)

    def _complete(self, model: Json, path: str) -> Json:
        framework = model.get("framework")
        if not isinstance(framework, dict):
            _refuse(_at(path, "framework"), "is missing")
        kind = framework.get("type")
        translate = {"SageMakerEndpoint": self._sagemaker, "Bedrock": self._bedrock}.get(str(kind))
        if translate is None:
            _refuse(_at(path, "framework.type"), f"{kind!r} is neither SageMakerEndpoint nor Bedrock")
        translated = _without_nulls(translate(framework, path))
        adapter = {**self._identity(model, path), **translated}
        handler = _inside(model, "adapter", "contentHandler")
        if kind == "SageMakerEndpoint":
            adapter["mapping"] = {**self._mapping(handler, path), **translated.get("mapping", {})}
            self._keep_the_prompt(adapter, path)
        elif handler:
            self.note(_at(path, "adapter.contentHandler"), "is not used by Galileo for Bedrock, nor here")
        self._common(adapter, model, path)
        return adapter

    def _override(self, model: Json, path: str) -> Json:
        """Return a patch of the adapter that the inventory's model became; it is looked up at each call, as there."""
        base = str(model["uuid"])
        identity = self._identity({"name": f"{slug(base)}-custom", **model}, path)
        adapter: Json = {**identity, "base": base}
        self.note(_at(path, "uuid"), f"builds on the adapter {base}", "import the inventory as well")
        framework = model.get("framework") or {}
        if any(isinstance(value, list) for value in _leaves(framework)):
            self.note(
                _at(path, "framework"), "Galileo merges lists element by element; here the list replaces the base's"
            )
        is_bedrock = framework.get("type") == "Bedrock" or "region" in framework or "endpointUrl" in framework
        adapter |= self._patch(framework, path, is_bedrock=is_bedrock)
        handler = _inside(model, "adapter", "contentHandler")
        if handler:
            adapter["mapping"] = {**self._mapping(handler, path, is_patch=True), **adapter.get("mapping", {})}
        self._common(adapter, model, path)
        return adapter

    # --- what every model says -----------------------------------------------------------------------------------

    def _identity(self, model: Json, path: str) -> Json:
        uuid, title = model.get("uuid"), model.get("name")
        original = str(title or uuid or model.get("modelId") or "")
        referred = str(uuid) if path.startswith("models.") else original  # in an inventory others refer to the uuid
        name = plain = slug(referred) or "galileo-model"
        count = 1
        while name in self._names:
            count += 1
            name = f"{plain}-{count}"
        self._names.add(name)
        identity: Json = {"version": 1, "name": name}
        if referred != name:
            identity["aliases"] = [referred]
        if original != name:
            identity["title"] = original
        if model.get("modelId"):
            identity["base_model"] = model["modelId"]
        self._unread(model, ("uuid", "name", "modelId", "framework", "adapter", "constraints", "isCustom"), path)
        return identity

    def _common(self, adapter: Json, model: Json, path: str) -> None:
        self._prompt(adapter, _inside(model, "adapter", "prompt"), path)
        self._unread(model.get("adapter") or {}, ("contentHandler", "prompt"), _at(path, "adapter"))
        constraints = model.get("constraints") or {}
        names = {"maxTotalTokens": "max_total_tokens", "maxInputLength": "max_input_tokens"}
        if found := {ours: constraints[theirs] for theirs, ours in names.items() if constraints.get(theirs)}:
            adapter["constraints"] = found
            self.note(_at(path, "constraints"), "are only informative in Galileo; here longer input is refused")
        self._unread(constraints, tuple(names), _at(path, "constraints"))

    def _unread(self, section: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
        for name in section:
            if name not in known:
                self.note(_at(path, name), "is not known, and is left out")

    # --- frameworks ----------------------------------------------------------------------------------------------

    def _sagemaker(self, framework: Json, path: str) -> Json:
        for name in ("endpointName", "endpointRegion"):
            if not framework.get(name):
                _refuse(_at(path, f"framework.{name}"), "is missing")
        return {"provider": "sagemaker", **self._patch(framework, path, is_bedrock=False)}

    def _bedrock(self, framework: Json, path: str) -> Json:
        for name in ("modelId", "region"):
            if not framework.get(name):
                _refuse(_at(path, f"framework.{name}"), "is missing")
        adapter = {"provider": "bedrock", **self._patch({"modelKwargs": {}, **framework}, path, is_bedrock=True)}
        model_id = str(framework["modelId"])
        preset = next((preset for start, preset in _BEDROCK_BODIES.items() if model_id.startswith(start)), None)
        if preset is not None:
            adapter["mapping"] = {"preset": preset}
        else:
            self.note(
                _at(path, "framework.modelId"),
                "is called through Converse: the body that Galileo makes for it holds no prompt that it takes",
            )
        inference = adapter.setdefault("inference", {})
        inference.setdefault("max_tokens", 500)  # Galileo's own defaults
        inference.setdefault("temperature", 0)
        return adapter

    def _patch(self, framework: Json, path: str, *, is_bedrock: bool) -> Json:
        """Return what a framework says, as far as it says it; ``null`` takes away what is below."""
        path = _at(path, "framework")
        patch: Json = {}
        endpoint_kwargs = framework.get("endpointKwargs")
        renamed = endpoint_kwargs.get("EndpointName") if endpoint_kwargs and not is_bedrock else None
        model = renamed or framework.get("modelId" if is_bedrock else "endpointName")
        if model is not None:
            patch["model"] = model
        if connection := self._connection(framework, path, is_bedrock=is_bedrock):
            patch["connection"] = connection
        if "modelKwargs" in framework:
            self._model_kwargs(patch, framework["modelKwargs"], path, is_bedrock=is_bedrock)
        if "endpointKwargs" in framework:
            self._endpoint_kwargs(patch, endpoint_kwargs, path, is_bedrock=is_bedrock)
        if renamed is not None:
            self.note(_at(path, "endpointKwargs.EndpointName"), f"overrides the endpoint's name: {renamed} is called")
        known = ("type", "role", "modelKwargs", "endpointKwargs")
        own = ("modelId", "region", "endpointUrl") if is_bedrock else ("endpointName", "endpointRegion")
        self._unread(framework, (*known, *own), path)
        return patch

    def _connection(self, framework: Json, path: str, *, is_bedrock: bool) -> Json:
        connection: Json = {}
        region = framework.get("region" if is_bedrock else "endpointRegion")
        if region is not None:
            connection["region"] = region
        if "role" in framework:
            connection["roles"] = [{"arn": framework["role"]}] if framework["role"] else None
        host = framework.get("endpointUrl") if is_bedrock else None
        if host:
            connection["endpoint_url"] = host if "://" in host else f"https://{host}"
        return connection

    def _model_kwargs(self, patch: Json, kwargs: Any, path: str, *, is_bedrock: bool) -> None:
        path = _at(path, "modelKwargs")
        if kwargs is None:
            patch["model_kwargs"] = None
            return
        for name in [name for name, value in kwargs.items() if value is None]:
            self.note(_at(path, name), "is null, which Galileo sends and an adapter cannot: it is left out")
        kept = dict(kwargs)  # in a patch the null takes away what the base says
        if is_bedrock:
            typed = {"maxTokens": "max_tokens", "temperature": "temperature", "stopSequences": "stop_sequences"}
            if inference := {ours: kept.pop(theirs) for theirs, ours in typed.items() if theirs in kept}:
                patch["inference"] = inference
        if kept:
            patch["model_kwargs"] = kept

    def _endpoint_kwargs(self, patch: Json, kwargs: Any, path: str, *, is_bedrock: bool) -> None:
        path = _at(path, "endpointKwargs")
        if kwargs is None:
            patch["endpoint_kwargs"] = None
            return
        if is_bedrock:
            if kwargs:
                self.note(path, "become members of the body in Galileo; they go into model_kwargs")
                patch["model_kwargs"] = {**kwargs, **patch.get("model_kwargs", {})}
            return
        kept = {name: value for name, value in kwargs.items() if value is not None}
        kept.pop("EndpointName", None)  # it is the model
        if component := kept.pop("InferenceComponentName", None):
            patch.setdefault("connection", {})["inference_component"] = component
        if content_type := kept.pop("ContentType", None):
            patch["mapping"] = {"content_type": content_type}
        for name in list(kept):
            if name not in ARGUMENTS or Operation.INVOKE not in ARGUMENTS[name].operations:
                self.note(_at(path, name), "is no argument that can be set here; it is left out")
                del kept[name]
        if kept:
            patch["endpoint_kwargs"] = kept

    # --- payload and prompt --------------------------------------------------------------------------------------

    def _mapping(self, handler: Json, path: str, *, is_patch: bool = False) -> Json:
        path = _at(path, "adapter.contentHandler")
        given, output = handler.get("input") or {}, handler.get("output") or {}
        for name in ("contentType", "accepts"):
            if handler.get(name) not in (None, _JSON):
                self.note(_at(path, name), f"{handler[name]!r} is refused by Galileo itself; JSON is sent")
        for where, section in (("input", given), ("output", output)):
            if str(section.get("encoding") or "utf-8").lower() not in ("utf-8", "utf8"):
                self.note(_at(path, f"{where}.encoding"), "is not UTF-8; UTF-8 is sent and read")
        prompt_key, output_path = given.get("promptKey") or PROMPT_KEY, output.get("jsonpath") or OUTPUT_PATH
        try:
            mapping = self._tools.shorthand_mapping(prompt_key, given.get("modelKwargsKey") or None, output_path)
        except ValueError as error:
            _refuse(path, str(error))
        if is_patch:
            missing = [n for n in ("promptKey", "modelKwargsKey") if n not in given]
            if len(missing) == 1:
                self.note(_at(path, f"input.{missing[0]}"), "is Galileo's default here, not the base's: write it out")
            if len(missing) == 2:
                del mapping["request"]
            if "jsonpath" not in output:
                del mapping["response"]
        self._unread(given, ("promptKey", "modelKwargsKey", "encoding"), _at(path, "input"))
        self._unread(output, ("jsonpath", "encoding"), _at(path, "output"))
        self._unread(handler, ("contentType", "accepts", "input", "output"), path)
        return mapping

    def _keep_the_prompt(self, adapter: Json, path: str) -> None:
        """Leave out kwargs that Galileo, which spreads them over the root last, would write over the prompt."""
        request, kwargs = adapter["mapping"]["request"], adapter.get("model_kwargs", {})
        if "$spread" not in request:
            return
        for name in [name for name in kwargs if name in request]:
            self.note(
                _at(path, f"framework.modelKwargs.{name}"), "is written over the prompt by Galileo: it is left out"
            )
            del kwargs[name]

    def _prompt(self, adapter: Json, prompt: Json, path: str) -> None:
        path = _at(path, "adapter.prompt")
        chat = prompt.get("chat") or {}
        markers: Json = {}
        for name, template in (chat.get("base") or {}).items():
            role = _ROLES.get(name)
            marker = _marker(template) if role else None
            if role is None:
                self.note(_at(path, f"chat.base.{name}"), "is a template of the application; it is left out")
            elif marker is None:
                self.note(_at(path, f"chat.base.{name}"), "is more than text around {{content}}; write it as prompt")
            else:
                markers[role] = marker
        if markers and "mapping" not in adapter and "base" not in adapter:
            self.note(_at(path, "chat.base"), "is not used: Converse takes messages as they are")
        elif markers:
            preset = {} if "user" in markers or "base" in adapter else {"preset": "plain"}
            adapter["prompt"] = {**preset, **markers}
        for name in chat:
            if name != "base":
                self.note(_at(path, f"chat.{name}"), "is the application's prompt, and no part of an adapter")
        self._unread(prompt, ("chat",), path)


#: Start of a Bedrock model's id -> the mapping that writes the body Galileo's LangChain JS makes for it.
_BEDROCK_BODIES: Mapping[str, str] = {
    "anthropic.claude-v": "claude-text",
    "anthropic.claude-instant": "claude-text",
    "ai21.j2": "ai21-j2",
    "amazon.titan-t": "titan-text",
}

_ROLES: Mapping[str, str] = {"HumanMessage": "user", "AIMessage": "assistant", "SystemMessage": "system"}
_CONTENT = re.compile(r"\{\{\{\s*content\s*\}\}\}|\{\{\s*content\s*\}\}")


def _marker(template: Any) -> str | None:
    """Return a partial as a role marker; ``None`` where it is more than text around ``{{content}}``."""
    parts = _CONTENT.split(template) if isinstance(template, str) else []
    if len(parts) != 2 or any(sign in part for part in parts for sign in ("{{", "}}", "\\", "{content}")):
        return None
    before, after = parts
    return f"{before}{{content}}{after}"


def _inside(value: Any, *names: str) -> Json:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _without_nulls(adapter: Json) -> Json:
    """Return a complete document without the nulls that only say something in a patch."""
    kept = {name: value for name, value in adapter.items() if value is not None}
    for section in {"connection", "model_kwargs", "inference"}.intersection(kept):
        kept[section] = {name: value for name, value in kept[section].items() if value is not None}
    return kept


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    else:
        yield value


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _refuse(path: str, message: str, hint: str | None = None) -> NoReturn:
    raise DocumentError(_SUBJECT, [Problem(path, message, hint)])
