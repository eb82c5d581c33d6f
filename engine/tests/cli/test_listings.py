import json

import pytest

# --- plugins -----------------------------------------------------------------------------------------------------


def test_plugins_shows_what_each_brings(run):
    shown = run("plugins")
    assert (shown.code, shown.err) == (0, "")
    assert ["scripted", "dragoman-scripted", "1.0", "scripted"] in [line.split() for line in shown.out.splitlines()]


def test_what_failed_is_listed_with_its_reason_and_exits_well(run, install):
    install("dragoman-broken", "raise RuntimeError('no luck')", plugins={"broken": ""})
    install("dragoman-misspelt", "PLUGIN_API = (1, 0)\ndef dragoman_provider(): pass", plugins={"misspelt": ""})
    shown = run("plugins", "--json")
    assert shown.code == 0
    assert "scripted" in [plugin["name"] for plugin in shown.json["loaded"]]
    failed = {plugin["name"]: plugin for plugin in shown.json["failed"]}
    assert failed["broken"] == {
        "name": "broken",
        "distribution": "dragoman-broken",
        "version": "1.0",
        "reason": "RuntimeError: no luck",
    }
    assert "dragoman_provider" in failed["misspelt"]["reason"]
    text = run("plugins")
    assert text.code == 0
    assert "no luck" in text.out.split("FAILED")[1]


def test_plugins_as_json_describes_providers(run):
    loaded = {plugin["name"]: plugin for plugin in run("plugins", "--json").json["loaded"]}
    assert loaded["scripted"] == {
        "name": "scripted",
        "distribution": "dragoman-scripted",
        "version": "1.0",
        "providers": [{"kind": "scripted", "title": "Scripted", "operations": ["chat"], "native": True}],
        "secret_sources": [],
        "importers": [],
    }


def test_blocked_plugins_are_named_and_not_imported(run, install, deployment):
    install("dragoman-broken", "raise RuntimeError('imported')", plugins={"broken": ""})
    (deployment / "dragoman.toml").write_text('plugins.block = ["broken"]\n')
    shown = run("plugins", "--json").json
    assert shown["blocked"] == ["broken"]
    assert "broken" not in [plugin["name"] for plugin in shown["failed"]]
    assert "blocked by the settings: broken" in run("plugins").out


# --- secrets -----------------------------------------------------------------------------------------------------

CANARY = "canary-5b1d77a0c9"


@pytest.fixture
def sources(deployment):
    (deployment / "one.json").write_text(json.dumps({"SCRIPTED_KEY": CANARY, "OTHER_KEY": CANARY + "-2"}))
    (deployment / "two.json").write_text(json.dumps({"SCRIPTED_KEY": CANARY + "-3"}))
    (deployment / "dragoman.toml").write_text(
        "[[secrets.sources]]\nkind = 'file'\npath = 'one.json'\n[[secrets.sources]]\nkind = 'file'\npath = 'two.json'\n"
    )
    return deployment


def test_secrets_shows_names_and_places_and_never_a_value(run, sources):
    for arguments in ([], ["--json"]):
        shown = run("secrets", *arguments)
        assert shown.code == 0
        assert "SCRIPTED_KEY" in shown.out
        assert "OTHER_KEY" in shown.out
        assert CANARY not in shown.out + shown.err


def test_what_is_shadowed_and_what_asks_for_it(run, sources, monkeypatch):
    monkeypatch.setenv("SCRIPTED_KEY", CANARY + "-4")
    shown = run("secrets", "--json").json
    row = next(row for row in shown["secrets"] if row["name"] == "SCRIPTED_KEY")
    assert "one.json" in row["source"]
    assert "two.json" in row["also_in"][0]
    assert row["also_in"][1] == "process environment"
    assert row["adapters"] == ["scripted", "warm"]


def test_what_an_adapter_asks_for_and_nobody_has(run):
    rows = {row["name"]: row for row in run("secrets", "--json").json["secrets"]}
    assert rows["SCRIPTED_KEY"] == {
        "name": "SCRIPTED_KEY",
        "source": None,
        "also_in": [],
        "adapters": ["scripted", "warm"],
    }
    assert ["SCRIPTED_KEY", "absent"] in [line.split()[:2] for line in run("secrets").out.splitlines()]


def test_a_source_that_cannot_be_read_is_listed_beside_the_others(run, sources):
    (sources / "two.json").write_text("")
    shown = run("secrets", "--json")
    assert shown.code == 0
    assert "two.json" in shown.json["problems"][0]["source"]
    assert "one.json" in next(row["source"] for row in shown.json["secrets"] if row["name"] == "SCRIPTED_KEY")
    assert "two.json" in run("secrets").out.split("ABOUT")[1]


def test_a_key_in_place_of_its_name_is_not_listed(run, deployment):
    key = "sk_live_abcdefghijklmnopqrstuvwxyz0123"
    (deployment / "adapters" / "mistaken.yaml").write_text(f"base: scripted\ncredentials: {{key: {key}}}\n")
    for arguments in ([], ["--json"]):
        assert key not in run("secrets", *arguments).out


# --- config ------------------------------------------------------------------------------------------------------


def test_config_shows_every_setting_with_its_origin(run, deployment, monkeypatch):
    from dragoman.settings import Settings

    monkeypatch.setenv("DRAGOMAN_SECRETS__TTL_S", "5")
    shown = run("--stage", "dev", "config", "--json").json
    assert shown["file"] == str(deployment / "dragoman.toml")
    rows = {row["name"]: (row["value"], row["origin"]) for row in shown["settings"]}
    assert set(rows) == {setting.name for setting in Settings.load().origins()}
    assert rows["default_adapter"] == ("scripted", f"file {deployment / 'dragoman.toml'}")
    assert rows["secrets.ttl_s"] == (5.0, "environment DRAGOMAN_SECRETS__TTL_S")
    assert rows["stage"] == ("dev", "flag")
    assert rows["plugins.block"] == ([], "default")


def test_config_reports_variables_that_are_no_settings(run, monkeypatch):
    monkeypatch.setenv("DRAGOMAN_STAEG", "dev")
    assert run("config", "--json").json["unknown_environment"] == ["DRAGOMAN_STAEG"]
    assert "DRAGOMAN_STAEG is set and is no setting" in run("config").out


@pytest.mark.parametrize("arguments", [["--config", "other", "config"], ["config", "--config", "other"]])
def test_the_file_can_be_named_before_or_after_the_command(run, deployment, arguments):
    (deployment / "other").mkdir()
    (deployment / "other" / "dragoman.toml").write_text('stage = "test"\n')
    assert run(*arguments, "--json").json["file"] == str(deployment / "other" / "dragoman.toml")


def test_a_setting_that_does_not_hold_is_one_clear_line(run, deployment):
    (deployment / "dragoman.toml").write_text("stagee = 'dev'\n")
    failed = run("config")
    assert failed.code == 1
    assert "did you mean stage?" in failed.err
    assert failed.err.count("\n") == 1
