"""What a plugin says about a provider, and what it costs to ask."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import pytest
from pydantic import BaseModel

from dragoman.adapter import Inference, check_document
from dragoman.errors import DocumentError
from dragoman.plugins import LoadedPlugin, Plugins
from dragoman.provider import Provider, ProviderDescription
from dragoman.schema import adapter_schema
from dragoman.sessions import import_provider
from dragoman.testing.case import ProviderCase
from dragoman.testing.contract.fixtures import ContractFixtures, Subject

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


class Description(ContractFixtures):
    """The description is complete, light, and held to."""

    def test_description_is_complete(self, description: ProviderDescription) -> None:
        assert description.title
        assert description.operations
        assert issubclass(description.connection, BaseModel)
        assert issubclass(description.inference, Inference)

    def test_rules_for_models_hold_and_name_their_source(self, description: ProviderDescription) -> None:
        for row in description.rules:
            assert check_document({"rules": list(row.rules)}, row.source).rules
            assert row.base_models
            assert row.source
            assert date.fromisoformat(row.checked)

    def test_loading_imports_no_sdk_and_does_nothing_else(self, case: ProviderCase, plugin: LoadedPlugin) -> None:
        command = [sys.executable, "-c", _LOADING, plugin.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        seen = json.loads(done.stdout)
        assert seen["failed"] == "()"
        assert seen["acts"] == [], "loading the plugin must not touch network, processes or the environment"
        imported = {name.split(".")[0] for name in seen["modules"]}
        foreign = {name for name in imported if not name.startswith("dragoman")} - sys.stdlib_module_names
        heavy = foreign - set(case.light_modules) - _own_packages(plugin)
        assert not heavy, f"loading the plugin imports {sorted(heavy)}; import it in the factory's module"

    def test_factory_is_imported_on_first_use(self, plugin: LoadedPlugin, description: ProviderDescription) -> None:
        module = description.factory.partition(":")[0]
        command = [sys.executable, "-c", _LOADING, plugin.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        assert module not in json.loads(done.stdout)["modules"]
        assert isinstance(import_provider(description), Provider)

    def test_schema_holds_the_provider(self, case: ProviderCase, plugins: Plugins) -> None:
        schema = json.loads(json.dumps(adapter_schema(plugins.providers)))
        assert f"connection.{case.kind}" in schema["$defs"]
        assert f"inference.{case.kind}" in schema["$defs"]

    def test_every_field_explains_itself_in_a_form(self, description: ProviderDescription) -> None:
        own = set(description.inference.model_fields) - set(Inference.model_fields)
        fields = {
            **{f"connection.{name}": field for name, field in description.connection.model_fields.items()},
            **{f"inference.{name}": description.inference.model_fields[name] for name in own},
        }
        silent = [path for path, field in fields.items() if not (field.description or field.title)]
        assert not silent, f"these fields have no description: {silent}"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("section", ["connection", "inference", "credentials"])
    async def test_unknown_member_is_refused_with_its_path(self, subject: Subject, section: str) -> None:
        with pytest.raises(DocumentError) as caught:
            await subject.engine.resolve(subject.document, {section: {"no_such_member": "x"}})
        assert f"{section}.no_such_member" in [problem.path for problem in caught.value.problems]


def _own_packages(plugin: LoadedPlugin) -> set[str]:
    """Return the top-level packages of the plugin's distribution, whatever they are called."""
    from importlib.metadata import packages_distributions

    return {package for package, names in packages_distributions().items() if plugin.distribution in names}
