import json
from pathlib import Path

import pytest


@pytest.fixture
def broken(deployment):
    (deployment / "adapters" / "broken.yaml").write_text("name: [\n")
    (deployment / "adapters" / "orphan.yaml").write_text("base: nosuch\n")
    return deployment


# --- list --------------------------------------------------------------------------------------------------------


def test_the_listing_shows_where_each_comes_from_and_marks_the_default(run, deployment):
    shown = run("adapters", "list")
    assert (shown.code, shown.err) == (0, "")
    header, *rows = shown.out.splitlines()
    assert header.split() == ["NAME", "PROVIDER", "MODEL", "FROM"]
    by_name = {row.split()[0]: row for row in rows}
    assert by_name["scripted"].split()[1:4] == ["*", "scripted", "script-1"]
    assert by_name["warm"].endswith(f"file {deployment / 'adapters' / 'warm.yaml'}")


def test_what_failed_is_listed_beside_what_works(run, broken):
    shown = run("adapters", "list")
    assert shown.code == 0
    assert "warm" in shown.out
    failed = shown.out.split("FAILED")[1]
    assert "there is no adapter 'nosuch'" in failed
    assert "is not YAML" in failed


def test_the_listing_as_json(run, broken):
    listed = run("adapters", "list", "--json").json
    rows = {row["name"]: row for row in listed["adapters"]}
    assert rows["scripted"] == {
        "name": "scripted",
        "title": "Scripted",
        "provider": "scripted",
        "model": "script-1",
        "operation": "chat",
        "aliases": ["a/b"],
        "source": "plugin dragoman-scripted",
        "default": True,
        "problem": None,
    }
    assert "nosuch" in rows["orphan"]["problem"]
    assert [f["where"] for f in listed["failures"]] == [str(broken / "adapters" / "broken.yaml")]


def test_a_plugin_that_fails_is_listed_beside_the_adapters(run, install):
    install("dragoman-broken", "raise RuntimeError('no luck')", plugins={"broken": ""})
    listed = run("adapters", "list", "--json").json
    assert {"where": "plugin broken", "reason": "RuntimeError: no luck"} in listed["failures"]
    assert "scripted" in [row["name"] for row in listed["adapters"]]


def test_without_adapters_it_says_so(run, install, deployment):
    (deployment / "dragoman.toml").write_text('plugins.allow = []\nadapters_directory = "none"\n')
    shown = run("adapters", "list")
    assert (shown.code, shown.out) == (0, "There are no adapters.\n")


# --- show --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["warm", "adapters/warm.yaml"])
def test_show_prints_the_document_as_it_was_written(run, name):
    document = run("adapters", "show", name, "--json").json
    document.pop("name", None)
    assert document == {"base": "scripted", "title": "Warm", "inference": {"temperature": 0.9, "seed": 7}}


def test_a_file_without_a_name_gets_none(run):
    assert "name" not in run("adapters", "show", "adapters/warm.yaml", "--effective", "--json").json
    assert run("adapters", "show", "warm", "--effective", "--json").json["name"] == "warm"


def test_yaml_is_the_default_and_loses_nothing(run):
    written = run("adapters", "show", "warm").out
    assert written == run("adapters", "show", "warm", "--yaml").out
    Path("copy.yaml").write_text(written, encoding="utf-8")
    assert run("adapters", "show", "copy.yaml", "--json").json == run("adapters", "show", "warm", "--json").json


def test_show_effective_has_everything_inherited(run):
    shown = run("adapters", "show", "warm", "--effective", "--json").json
    assert (shown["provider"], shown["model"]) == ("scripted", "script-1")
    assert shown["inference"] == {"temperature": 0.9, "seed": 7}
    assert "base" not in shown


@pytest.mark.parametrize("flags", [["--effective", "--origins"], ["--origins"]])
def test_origins_are_an_aligned_table_of_every_leaf(run, deployment, flags):
    header, *rows = run("adapters", "show", "warm", *flags).out.splitlines()
    assert header.split() == ["FIELD", "VALUE", "FROM"]
    assert {row.split()[0] for row in rows} == {
        "name", "title", "provider", "model", "inference.temperature", "inference.seed",
    }  # fmt: skip
    at = header.index("FROM")
    origins = {row.split()[0]: row[at:] for row in rows}
    assert origins["inference.seed"] == f"file {deployment / 'adapters' / 'warm.yaml'}"
    assert origins["model"] == "base scripted (plugin dragoman-scripted)"


def test_origins_as_json_name_each_leaf_of_the_document(run):
    shown = run("adapters", "show", "warm", "--effective", "--origins", "--json").json
    assert shown["document"]["inference"]["seed"] == 7
    assert set(shown["origins"]) == {
        "name", "title", "provider", "model", "inference.temperature", "inference.seed",
    }  # fmt: skip


def test_which_upstream_is_taken_is_noted(run):
    Path("many.yaml").write_text("base: scripted\nupstreams: {one: {model: a}, two: {model: b, weight: 3}}\n")
    shown = run("adapters", "show", "many.yaml", "--effective", "--json")
    assert shown.json["model"] == "b"
    assert shown.err.startswith("note: took upstream 'two'")


# --- validate ----------------------------------------------------------------------------------------------------


def test_validate_names_what_holds(run):
    everything = run("adapters", "validate")
    assert everything.code == 0
    assert {"ok  scripted", "ok  warm"} <= set(everything.out.splitlines())
    Path("draft.json").write_text('{"base": "warm"}')
    checked = run("adapters", "validate", "draft.json", "warm")
    assert (checked.code, checked.out) == (0, "ok  draft.json\nok  warm\n")


def test_validate_shows_every_problem_and_fails(run):
    Path("bad.yaml").write_text("base: scripted\ninference: {top_p: 7}\nmodell: x\n")
    checked = run("adapters", "validate", "warm", "bad.yaml", "nosuch")
    assert (checked.code, checked.err) == (1, "")
    lines = checked.out.splitlines()
    assert lines[:2] == ["ok  warm", "failed  bad.yaml"]
    assert lines[2].startswith("  inference.top_p: ")
    assert lines[3].startswith("  modell: is not a member here")
    assert lines[4:] == ["failed  nosuch", lines[5]]
    assert "there is no adapter 'nosuch'" in lines[5]


def test_validate_without_names_finds_what_could_not_be_read(run, broken):
    checked = run("adapters", "validate", "--json")
    assert checked.code == 1
    verdicts = {v["adapter"]: v for v in checked.json["adapters"]}
    assert verdicts["scripted"]["ok"]
    assert verdicts["warm"]["ok"]
    assert verdicts["orphan"]["problems"][0]["message"] == "there is no adapter 'nosuch'"
    assert "is not YAML" in verdicts[str(broken / "adapters" / "broken.yaml")]["problems"][0]["message"]


# --- schema ------------------------------------------------------------------------------------------------------


def test_the_schema_holds_documents_to_their_provider(run):
    jsonschema = pytest.importorskip("jsonschema")
    schema = run("adapters", "schema").json
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"provider": "scripted", "model": "m", "connection": {"host": "h"}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"provider": "scripted", "model": "m", "connection": {"hots": "h"}}, schema)


def test_the_parts_of_one_provider_stand_alone(run):
    jsonschema = pytest.importorskip("jsonschema")
    schema = run("adapters", "schema", "--provider", "scripted").json
    jsonschema.Draft202012Validator.check_schema(schema)
    assert list(schema["properties"])[:4] == ["provider", "connection", "inference", "credentials"]
    good = {"provider": "scripted", "connection": {"host": "h"}, "inference": {"reasoning": {"effort": "low"}}}
    jsonschema.validate(good, schema)
    for wrong in ({"connection": {"hots": "h"}}, {"inference": {"reasoning": {"efort": "low"}}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**good, **wrong}, schema)


# --- diff --------------------------------------------------------------------------------------------------------


def test_diff_compares_effective_documents_field_by_field(run):
    Path("draft.yaml").write_text("base: warm\ninference: {seed: null, stop_sequences: [x]}\n")
    shown = run("adapters", "diff", "warm", "draft.yaml", "--json").json
    assert (shown["left"], shown["right"]) == ("warm", "draft.yaml")
    assert {d["path"]: (d["left"], d["right"]) for d in shown["differences"]} == {
        "name": ("warm", None),
        "title": ("Warm", None),
        "inference.seed": (7, None),
        "inference.stop_sequences": (None, ["x"]),
    }


def test_diff_as_text_has_both_values_side_by_side(run):
    header, *rows = run("adapters", "diff", "scripted", "warm").out.splitlines()
    assert header.split() == ["FIELD", "scripted", "warm"]
    assert ["inference.temperature", "0.5", "0.9"] in [row.split() for row in rows]
    assert ["inference.seed", "-", "7"] in [row.split() for row in rows]


def test_equal_adapters_have_no_difference(run):
    assert run("adapters", "diff", "warm", "warm").out == "There is no difference.\n"
    assert json.loads(run("adapters", "diff", "warm", "warm", "--json").out)["differences"] == []
