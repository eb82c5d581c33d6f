"""What a plugin says about a provider, and what it costs to ask."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Collection, Mapping
from datetime import date
from importlib.metadata import entry_points, packages_distributions
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from dragoman.adapter import (
    EmbedInference,
    Inference,
    InferenceSettings,
    Operation,
    RerankInference,
    check_document,
)
from dragoman.errors import DocumentError
from dragoman.plugins import ENTRY_POINT_GROUP, LoadedPlugin
from dragoman.provider import Provider, ProviderDescription
from dragoman.schema import adapter_schema
from dragoman.sessions import import_provider
from dragoman.spelling import settings_in_one_spelling
from dragoman.testing.case import ProviderCase
from dragoman.testing.contract.fixtures import ContractFixtures, Subject, installed

#: Loads one plugin in a fresh interpreter, as the engine does, and prints what that brought in and did.
_LOADING = """
import json, sys
import dragoman.plugins
before = set(sys.modules)
acts = []
sys.addaudithook(lambda name, _: acts.append(name) if name in WATCHED else None)
WATCHED = {"socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.putenv"}
loaded = dragoman.plugins.load_plugins(allow=[sys.argv[1]])
print(json.dumps({"modules": sorted(set(sys.modules) - before), "acts": acts, "failed": str(loaded.failed)}))
"""

#: Operation -> the settings that all its providers share.
COMMON_SETTINGS: Mapping[Operation, type[InferenceSettings]] = {
    "chat": Inference,
    "embed": EmbedInference,
    "rerank": RerankInference,
}

#: A member that no model has.
STRANGER = {"no_such_member": "x"}


class Lightness(ContractFixtures):
    """Loading the plugin costs nothing, whatever it brings."""

    @pytest.fixture
    def light_modules(self, case: ProviderCase) -> Collection[str]:
        """Return the third-party modules that the entry module may import."""
        return case.light_modules

    def test_loading_imports_no_sdk_and_does_nothing_else(
        self, plugin: LoadedPlugin, light_modules: Collection[str]
    ) -> None:
        seen = _loaded_afresh(plugin.name)
        assert seen["failed"] == "()"
        assert seen["acts"] == [], "loading the plugin must not touch network, processes or the environment"
        imported = {name.split(".")[0] for name in seen["modules"]}
        foreign = {name for name in imported if not name.startswith("dragoman")} - sys.stdlib_module_names
        heavy = foreign - set(light_modules) - _own_packages(plugin)
        assert not heavy, f"loading the plugin imports {sorted(heavy)}; import it in the factory's module"


class Description(Lightness):
    """The description is complete, light, and held to."""

    def test_description_is_complete(self, case: ProviderCase, description: ProviderDescription) -> None:
        assert description.title
        assert case.operation in description.operations
        assert issubclass(description.connection, BaseModel)
        assert issubclass(description.settings_model(case.operation), COMMON_SETTINGS[case.operation])

    def test_factory_is_imported_on_first_use(self, plugin: LoadedPlugin, description: ProviderDescription) -> None:
        module = description.factory.partition(":")[0]
        if module != _entry_module(plugin):  # a provider of a few lines may stand in the entry module: it is as light
            assert module not in _loaded_afresh(plugin.name)["modules"], f"loading the plugin imports {module}"
        assert isinstance(import_provider(description), Provider)

    def test_schema_holds_the_provider(self, case: ProviderCase) -> None:
        schema = _schema()
        assert f"connection.{case.kind}" in schema["$defs"]
        inference = f"inference.{case.kind}" + ("" if case.operation == "chat" else f".{case.operation}")
        assert inference in schema["$defs"]

    def test_schema_accepts_the_document_of_the_case(self, case: ProviderCase) -> None:
        assert not _refusals(case.at("https://upstream.example").document)

    @pytest.mark.parametrize("section", ["connection", "inference", "credentials"])
    def test_schema_refuses_an_unknown_member(self, case: ProviderCase, section: str) -> None:
        document = case.at("https://upstream.example").document
        assert _refusals({**document, section: {**document.get(section, {}), **STRANGER}})

    def test_every_field_explains_itself_in_a_form(self, case: ProviderCase, description: ProviderDescription) -> None:
        model, common = description.settings_model(case.operation), COMMON_SETTINGS[case.operation]
        own = set(model.model_fields) - set(common.model_fields)
        fields = {
            **{f"connection.{name}": field for name, field in description.connection.model_fields.items()},
            **{f"inference.{name}": model.model_fields[name] for name in own},
        }
        silent = [path for path, field in fields.items() if not (field.description or field.title)]
        assert not silent, f"these fields have no description: {silent}"

    def test_settings_are_spelt_as_they_are_printed(self, case: ProviderCase, description: ProviderDescription) -> None:
        fields = dict.fromkeys(description.settings_model(case.operation).model_fields, 0)
        assert settings_in_one_spelling(fields, case.kind) == fields, "write snake_case; topP is read as top_p"

    def test_rules_for_models_hold_and_name_their_source(self, description: ProviderDescription) -> None:
        for row in description.rules:
            assert check_document({"rules": list(row.rules)}, row.source).rules
            assert row.base_models
            assert row.source
            assert date.fromisoformat(row.checked)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("section", ["connection", "inference", "credentials"])
    async def test_unknown_member_is_refused_with_its_path(self, subject: Subject, section: str) -> None:
        with pytest.raises(DocumentError) as caught:
            await subject.engine.resolve(subject.document, {section: STRANGER})
        assert f"{section}.no_such_member" in [problem.path for problem in caught.value.problems]


@functools.cache
def _loaded_afresh(plugin: str) -> dict[str, Any]:
    """Return what loading the plugin of a name does in a fresh interpreter: ``modules``, ``acts``, ``failed``."""
    command = [sys.executable, "-c", _LOADING, plugin]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@functools.cache
def _schema() -> Any:
    """Return the JSON Schema that is published for the installed plugins, as it is read from its file."""
    schema = json.loads(json.dumps(adapter_schema(installed()[0].providers)))
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def _refusals(document: Any) -> list[str]:
    """Return what the published JSON Schema has against a document."""
    validator = jsonschema.Draft202012Validator(_schema())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def _entry_module(plugin: LoadedPlugin) -> str:
    return next(entry.module for entry in entry_points(group=ENTRY_POINT_GROUP, name=plugin.name))


def _own_packages(plugin: LoadedPlugin) -> set[str]:
    """Return the top-level packages of the plugin's distribution, whatever they are called."""
    return {package for package, names in packages_distributions().items() if plugin.distribution in names}
