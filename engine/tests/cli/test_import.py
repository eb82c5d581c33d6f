import json

import pytest

IMPORTER = """
import json
from dragoman.errors import DocumentError, Problem
from dragoman.plugin import *

PLUGIN_API = (1, 0)

@hookimpl
def dragoman_importers():
    return [ImporterDescription("legacy", "The old system", f"{__name__}:read")]

def read(text, tools):
    document = json.loads(text)
    if document.get("crash"):
        raise RuntimeError("no luck")
    if "models" not in document:
        raise DocumentError("the legacy document", [Problem("models", "is missing")])
    mapping = tools.shorthand_mapping("inputs", None, "[0].text")
    adapters = [{"name": m, "base": "scripted", "title": json.dumps(mapping["response"])} for m in document["models"]]
    return Imported(adapters, [Problem("colour", "is left out", "paint it")])
"""


@pytest.fixture
def legacy(deployment, install):
    """Write a document of the old system, whose plugin is installed, and return the writer."""
    install("dragoman-legacy", IMPORTER, plugins={"legacy": ""})

    def write(**document):
        (deployment / "old.json").write_text(json.dumps(document), encoding="utf-8")
        return "old.json"

    return write


def test_what_is_imported_is_printed_and_nothing_is_saved(run, legacy, deployment):
    done = run("adapters", "import", "--from", "legacy", legacy(models=["one", "two"]))
    assert done.code == 0
    first, second = done.out.split("---\n")
    assert "name: one" in first
    assert 'title: \'{"text": "[0].text"}\'' in first
    assert "name: two" in second
    assert done.err == "note: colour: is left out (paint it)\n"
    assert [p.name for p in (deployment / "adapters").iterdir()] == ["warm.yaml"]


def test_one_adapter_that_is_printed_is_a_document_of_its_own(run, legacy, deployment):
    done = run("adapters", "import", "--from", "legacy", legacy(models=["one"]))
    (deployment / "draft.yaml").write_text(done.out)
    assert run("adapters", "validate", "draft.yaml").code == 0


def test_the_document_may_come_from_standard_input(run, legacy):
    assert "name: one" in run("adapters", "import", "--from", "legacy", "-", stdin=b'{"models": ["one"]}').out


def test_what_is_imported_can_be_saved_and_called(run, legacy):
    done = run("adapters", "import", "--from", "legacy", legacy(models=["one", "two"]), "--save")
    assert (done.code, done.out) == (0, "")
    assert "the adapter two is saved in" in done.err
    assert run("chat", "-a", "one", "hi").out.strip() == "hi"


def test_one_adapter_can_be_saved_under_another_name(run, legacy):
    file = legacy(models=["one"])
    assert run("adapters", "import", "--from", "legacy", file, "--save", "mine").code == 0
    assert run("chat", "-a", "mine", "hi").code == 0
    again = run("adapters", "import", "--from", "legacy", file, "--save", "mine")
    assert (again.code, "is taken" in again.err) == (1, True)
    assert run("adapters", "import", "--from", "legacy", file, "--save", "mine", "--force").code == 0


def test_several_adapters_have_no_one_name(run, legacy):
    done = run("adapters", "import", "--from", "legacy", legacy(models=["one", "two"]), "--save", "mine")
    assert (done.code, "holds 2 adapters" in done.err) == (1, True)


def test_the_import_as_json(run, legacy):
    done = run("adapters", "import", "--from", "legacy", legacy(models=["one"]), "--save", "--json")
    assert [d["name"] for d in done.json["documents"]] == ["one"]
    assert done.json["notes"] == [{"path": "colour", "message": "is left out", "hint": "paint it"}]
    assert done.json["saved"][0].endswith("one.yaml")
    assert done.err == ""


@pytest.mark.parametrize(
    ("document", "arguments", "said"),
    [
        ({"colour": 1}, (), "models: is missing"),
        ({"crash": True}, (), "the importer legacy failed: RuntimeError: no luck"),
        ({"models": ["one"]}, ("--force",), "it goes with --save"),
    ],
)
def test_what_goes_wrong_is_one_line(run, legacy, document, arguments, said):
    done = run("adapters", "import", "--from", "legacy", legacy(**document), *arguments)
    assert done.code != 0
    assert said in done.err
    assert "Traceback" not in done.err


def test_an_unknown_system_or_file_is_named(run, legacy):
    done = run("adapters", "import", "--from", "nosuch", legacy(models=[]))
    assert (done.code, "available: " in done.err, "legacy" in done.err) == (1, True, True)
    assert "nosuch.json: cannot be read" in run("adapters", "import", "--from", "legacy", "nosuch.json").err


def test_importers_are_listed_with_the_plugins(run, legacy):
    listed = run("plugins", "--json").json
    plugin = next(p for p in listed["loaded"] if p["name"] == "legacy")
    assert plugin["importers"] == [{"name": "legacy", "title": "The old system"}]
    assert "import from legacy" in run("plugins").out


def test_two_plugins_of_one_importer_are_both_refused(run, legacy, install):
    install("dragoman-other", IMPORTER, plugins={"other": ""})
    listed = run("plugins", "--json").json
    reasons = {f["name"]: f["reason"] for f in listed["failed"]}
    assert "the importer 'legacy' is brought by several plugins" in reasons["legacy"]
    assert "other" in reasons
