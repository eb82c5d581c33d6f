import pytest


@pytest.fixture
def configured(deployment):
    """Return a deployment with two configurations, one of them in the other spelling, and one that does not hold."""
    folder = deployment / "inference"
    folder.mkdir()
    (folder / "exact.yaml").write_text("description: The same again.\ntemperature: 0\nseed: 7\n", encoding="utf-8")
    other = "topP: 0.9\nmaxTokens: 400\nstopSequences: [END]\ntopK: 50\nresponseFormat: {type: json_object}\n"
    (folder / "other.yaml").write_text(other, encoding="utf-8")
    (folder / "wild.yaml").write_text("top_p: 3\n", encoding="utf-8")
    return deployment


def test_the_list_shows_settings_and_descriptions_and_what_failed(configured, run):
    listed = run("inference", "list", "--json").json
    assert [(c["name"], c.get("description")) for c in listed["configurations"]] == [
        ("exact", "The same again."),
        ("other", None),
    ]
    assert listed["configurations"][0]["source"].endswith("exact.yaml")
    [failure] = listed["failures"]
    assert failure["where"].endswith("wild.yaml")
    assert failure["reason"].startswith("top_p:")
    assert "temperature=0, seed=7" in run("inference", "list").out


def test_both_spellings_are_read_and_one_is_printed(configured, run):
    assert run("inference", "show", "other", "--json").json == {
        "name": "other",
        "top_p": 0.9,
        "max_tokens": 400,
        "stop_sequences": ["END"],
        "top_k": 50,
        "response_format": {"type": "json_object"},
    }
    assert run("chat", "-a", "scripted", "--set", "inference.configuration=other", "!settings").code == 0


def test_a_setting_in_two_spellings_is_refused(configured, run):
    (configured / "inference" / "twice.yaml").write_text("topP: 0.9\ntop_p: 0.8\n", encoding="utf-8")
    failures = {f["where"]: f["reason"] for f in run("inference", "list", "--json").json["failures"]}
    [reason] = [reason for where, reason in failures.items() if where.endswith("twice.yaml")]
    assert reason == "top_p: is given twice, in two spellings (keep top_p)"


def test_a_configuration_that_is_not_there_is_named_beside_those_that_are(configured, run):
    shown = run("inference", "show", "exactly")
    assert shown.code == 1
    assert "there is no inference configuration 'exactly' (there are: exact, other)" in shown.err


def test_an_adapter_uses_what_is_applied_and_keeps_its_own_values(configured, run):
    applied = run("inference", "apply", "exact", "--to", "warm")
    assert applied.code == 0
    assert "warm uses exact" in applied.out
    assert "inference.temperature" in applied.err
    effective = run("adapters", "show", "warm", "--effective", "--json").json
    assert (effective["inference"]["temperature"], effective["inference"]["seed"]) == (0.9, 7)
    assert effective["title"] == "Warm"


def test_a_predefined_adapter_gets_a_file_of_its_own(configured, run):
    assert run("inference", "apply", "other", "--to", "scripted").code == 0
    effective = run("adapters", "show", "scripted", "--effective", "--json").json
    assert (effective["model"], effective["inference"]["max_tokens"]) == ("script-1", 400)


def test_a_dry_run_writes_nothing(configured, run):
    before = (configured / "adapters" / "warm.yaml").read_text(encoding="utf-8")
    shown = run("inference", "apply", "exact", "--to", "warm", "--dry-run", "--json").json
    assert shown["document"]["inference"]["configuration"] == "exact"
    assert shown["path"] is None
    assert shown["overruled"] == ["temperature"]
    assert (configured / "adapters" / "warm.yaml").read_text(encoding="utf-8") == before


def test_what_does_not_hold_with_a_configuration_is_refused_and_not_written(configured, run):
    rules = "base: scripted\nrules: [{range: inference.top_k, maximum: 10}]\n"
    (configured / "adapters" / "narrow.yaml").write_text(rules, encoding="utf-8")
    applied = run("inference", "apply", "other", "--to", "narrow")
    assert applied.code == 1
    assert "inference.top_k" in applied.err
    assert (configured / "adapters" / "narrow.yaml").read_text(encoding="utf-8") == rules
