import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dragoman.errors import SettingsError
from dragoman.settings import SettingOrigin, Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory, and clear the environment of our variables."""
    for name in [name for name in os.environ if name.upper().startswith("DRAGOMAN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def origin(settings: Settings, name: str) -> tuple[Any, str]:
    return next((o.value, o.origin) for o in settings.origins() if o.name == name)


# --- the file ----------------------------------------------------------------------------------------------------


def test_without_a_file_there_are_the_defaults_and_no_folders() -> None:
    settings = Settings.load()
    assert settings.stage == "prod"
    assert settings.file is None
    assert settings.root is None
    assert settings.adapters_folder is None
    assert settings.inference_folder is None


def test_the_working_directory_is_searched_before_its_config_folder(folder: Path) -> None:
    deeper = write(folder / "config" / "dragoman.toml", 'stage = "dev"')
    assert Settings.load().file == deeper
    nearer = write(folder / "dragoman.toml", 'stage = "test"')
    assert Settings.load().file == nearer


def test_the_variable_wins_over_the_search_and_the_argument_over_the_variable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "dragoman.toml", 'stage = "test"')
    by_variable = write(folder / "a" / "one.toml", 'stage = "dev"')
    by_argument = write(folder / "b" / "two.toml", "")
    monkeypatch.setenv("DRAGOMAN_CONFIG", "a/one.toml")
    assert Settings.load().file == by_variable
    assert Settings.load(by_argument).file == by_argument


def test_a_folder_means_its_dragoman_toml(folder: Path) -> None:
    file = write(folder / "deploy" / "dragoman.toml", 'default_adapter = "local"')
    settings = Settings.load("deploy")
    assert settings.file == file
    assert settings.root == folder / "deploy"
    assert settings.default_adapter == "local"


@pytest.mark.parametrize("named", ["missing.toml", "empty_folder"])
def test_a_named_file_that_is_missing_is_an_error(named: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "empty_folder").mkdir()
    with pytest.raises(SettingsError, match=named):
        Settings.load(named)
    monkeypatch.setenv("DRAGOMAN_CONFIG", named)
    with pytest.raises(SettingsError, match=f"DRAGOMAN_CONFIG names .*{named}"):
        Settings.load()


def test_paths_start_at_the_folder_of_the_file_even_through_a_link(folder: Path) -> None:
    real = write(folder / "versions" / "7" / "dragoman.toml", 'adapters_directory = "models"')
    (folder / "live").mkdir()
    (folder / "live" / "dragoman.toml").symlink_to(real)
    settings = Settings.load("live")
    assert settings.adapters_folder == folder / "live" / "models"
    assert settings.inference_folder == folder / "live" / "inference"
    assert settings.locate(Path("secrets.json")) == folder / "live" / "secrets.json"
    assert settings.locate(Path("/etc/secrets.json")) == Path("/etc/secrets.json")


def test_an_explicit_folder_counts_without_a_file(folder: Path) -> None:
    assert Settings.load(adapters_directory="mine").adapters_folder == folder / "mine"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"stage = dev", "is not TOML: .*line 1, column 9"),
        (b"stage = 'dev\xff'", "is not UTF-8"),
        (b'stage = "prd"', r"dragoman.toml: stage should be 'dev', 'test' or 'prod'"),
        (b'stag = "dev"', r"dragoman.toml: stag is not a setting \(did you mean stage\?\)"),
        (b"[secrets]\ntll_s = 3", r"dragoman.toml: secrets.tll_s is not a setting \(did you mean secrets.ttl_s\?\)"),
        (b"ttl_s = 3", r"ttl_s is not a setting \(did you mean secrets.ttl_s\?\)"),
        (b'default-adapter = "x"', r"did you mean default_adapter\?"),
        (b"[plugin]\nblock = []", r"plugin is not a setting \(did you mean plugins\?\)"),
        (b"zzz = 1", r"zzz is not a setting \(`dragoman config` lists every setting\)"),
        (b"[secrets]\nttl_s = -1", "secrets.ttl_s should be greater than or equal to 0"),
        (b"[secrets]\nttl_s = nan", "secrets.ttl_s should be a finite number"),
        (b"[plugins]\nallow = 'openai'", "plugins.allow should be a valid list"),
        (b"secrets = 3", "dragoman.toml: secrets should be"),
        (b"[store]\nurl = 'mysql://h/d'", "store.url names no database that is supported; write sqlite:///path or"),
        (b"[store]\nurl = 'app.db'", "store.url names no database that is supported"),
        (b"[store]\nurl = 'postgresql://me:canary@h/d'", "store.url holds a password; put the whole URL into a secret"),
        (b"[store]\nurl = 'postgresql://h/d?user=me&password=canary'", "store.url holds a password"),
        (b"[store]\nledger_interval_s = 0", "store.ledger_interval_s should be greater than 0"),
        (b"[[secrets.sources]]\npath = 'a'", 'secrets.sources entry 1 has no kind, for example kind = "file"'),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_the_setting_and_what_to_do(
    content: bytes, complaint: str, folder: Path
) -> None:
    (folder / "dragoman.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=complaint) as caught:
        Settings.load()
    assert str(folder / "dragoman.toml") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "canary" not in str(caught.value)


def test_everything_that_is_wrong_is_told_at_once(folder: Path) -> None:
    write(folder / "dragoman.toml", 'stage = "prd"\nextra = 1')
    with pytest.raises(SettingsError, match=r"stage .*; .*extra"):
        Settings.load()


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is readable for root")
def test_an_unreadable_file_is_an_error(folder: Path) -> None:
    write(folder / "dragoman.toml", "").chmod(0)
    with pytest.raises(SettingsError, match="cannot be read: Permission denied"):
        Settings.load()


# --- precedence and origins --------------------------------------------------------------------------------------

# setting -> how it is written in the file, in its variable, as a flag
WRITTEN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "default_adapter": ('default_adapter = "of-file"', "of-environment", {"default_adapter": "of-flag"}),
    "stage": ('stage = "dev"', "test", {"stage": "prod"}),
    "adapters_directory": ('adapters_directory = "f"', "e", {"adapters_directory": Path("flag")}),
    "inference_directory": ('inference_directory = "f"', "e", {"inference_directory": "flag"}),
    "prompts_directory": ('prompts_directory = "f"', "e", {"prompts_directory": "flag"}),
    "agents_directory": ('agents_directory = "f"', "e", {"agents_directory": "flag"}),
    "connections": (
        '[connections.bedrock]\nregion = "f"',
        '{"bedrock": {"region": "e"}}',
        {"connections": {"bedrock": {"region": "flag"}}},
    ),
    "reload_interval_s": ("reload_interval_s = 5", "6", {"reload_interval_s": 7}),
    "plugins.allow": ('[plugins]\nallow = ["f"]', '["e"]', {"plugins": {"allow": ["flag"]}}),
    "plugins.block": ('[plugins]\nblock = ["f"]', '["e"]', {"plugins": {"block": ["flag"]}}),
    "secrets.sources": (
        '[[secrets.sources]]\nkind = "file"\npath = "f"',
        '[{"kind": "file", "path": "e"}]',
        {"secrets": {"sources": [{"kind": "file", "path": "flag"}]}},
    ),
    "secrets.ttl_s": ("[secrets]\nttl_s = 1", "2.5", {"secrets": {"ttl_s": 3}}),
    "secrets.export_environment": (
        '[secrets]\nexport_environment = ["F"]',
        '["E"]',
        {"secrets": {"export_environment": ["FLAG"]}},
    ),
    "langchain.classes": (
        '[langchain.classes]\none = "package:File"',
        '{"one": "package:Environment"}',
        {"langchain": {"classes": {"one": "package:Flag"}}},
    ),
    "network.allowed_hosts": (
        '[network]\nallowed_hosts = ["f.internal"]',
        '["e.internal:8000"]',
        {"network": {"allowed_hosts": ["10.0.0.0/8"]}},
    ),
    "policy.rules": (
        '[[policy.rules]]\npaths = ["f"]\nrole = "user"',
        '[{"paths": ["e"], "role": "user"}]',
        {"policy": {"rules": [{"paths": ["flag"], "role": "user"}]}},
    ),
    "policy.identities": (
        '[[policy.identities]]\npath = "p"\nvalue = "f"',
        '[{"path": "p", "value": "e"}]',
        {"policy": {"identities": [{"path": "p", "value": "flag"}]}},
    ),
    "policy.secrets": ('[policy]\nsecrets = ["f"]', '["e"]', {"policy": {"secrets": ["flag"]}}),
    "policy.langchain_runtime": (
        "[policy]\nlangchain_runtime = true",
        "false",
        {"policy": {"langchain_runtime": True}},
    ),
    "server.host": ('[server]\nhost = "f"', "e", {"server": {"host": "flag"}}),
    "server.port": ("[server]\nport = 1", "2", {"server": {"port": 3}}),
    "server.issuers": (
        '[[server.issuers]]\nissuer = "f"\njwks_url = "https://i.test"\naudience = ["a"]',
        '[{"issuer": "e", "jwks_url": "https://i.test", "audience": ["a"]}]',
        {"server": {"issuers": [{"issuer": "flag", "jwks_url": "https://i.test", "audience": ["a"]}]}},
    ),
    "server.notice.text": ('[server.notice]\ntext = "f"', "e", {"server": {"notice": {"text": "flag"}}}),
    "server.notice.terms_url": (
        '[server.notice]\nterms_url = "https://f.test"',
        "https://e.test",
        {"server": {"notice": {"terms_url": "https://flag.test"}}},
    ),
    "server.notice.required": ("[server.notice]\nrequired = true", "false", {"server": {"notice": {"required": True}}}),
    "server.trusted_proxies": (
        '[server]\ntrusted_proxies = ["10.0.0.0/8"]',
        '["10.0.0.1"]',
        {"server": {"trusted_proxies": ["::1"]}},
    ),
    "server.max_body_bytes": ("[server]\nmax_body_bytes = 2000", "2001", {"server": {"max_body_bytes": 2002}}),
    "server.max_held_bytes": (
        "[server]\nmax_held_bytes = 40000000",
        "40000001",
        {"server": {"max_held_bytes": 40000002}},
    ),
    "server.max_concurrency": ("[server]\nmax_concurrency = 10", "11", {"server": {"max_concurrency": 12}}),
    "server.body_timeout_s": ("[server]\nbody_timeout_s = 1", "2", {"server": {"body_timeout_s": 3}}),
    "server.write_timeout_s": ("[server]\nwrite_timeout_s = 1", "2", {"server": {"write_timeout_s": 3}}),
    "server.grace_s": ("[server]\ngrace_s = 1", "2", {"server": {"grace_s": 3}}),
    "server.log_bodies": ("[server]\nlog_bodies = true", "false", {"server": {"log_bodies": True}}),
    "telemetry.enabled": ("[telemetry]\nenabled = true", "false", {"telemetry": {"enabled": True}}),
    "telemetry.propagate_to": (
        '[telemetry]\npropagate_to = ["f.test"]',
        '["e.test"]',
        {"telemetry": {"propagate_to": ["flag.test"]}},
    ),
    "store.url": ('[store]\nurl = "sqlite:///f"', "sqlite:///e", {"store": {"url": "postgresql://me@flag/d"}}),
    "store.url_secret": ('[store]\nurl_secret = "f"', "e", {"store": {"url_secret": "flag"}}),
    "store.directory": ('[store]\ndirectory = "f"', "e", {"store": {"directory": "flag"}}),
    "store.migrate": ("[store]\nmigrate = false", "true", {"store": {"migrate": False}}),
    "store.pool_size": ("[store]\npool_size = 1", "2", {"store": {"pool_size": 3}}),
    "store.ledger_interval_s": ("[store]\nledger_interval_s = 1", "2", {"store": {"ledger_interval_s": 3}}),
    "store.ledger_sync": ('[store]\nledger_sync = "off"', "always", {"store": {"ledger_sync": "batch"}}),
    "store.ledger_days": ("[store]\nledger_days = 1", "2", {"store": {"ledger_days": 3}}),
    "store.audit_days": ("[store]\naudit_days = 1", "2", {"store": {"audit_days": 3}}),
}

#: Settings with fewer values than there are places to write one.
FEW_VALUES = {
    "stage": 3,
    "policy.langchain_runtime": 2,
    "server.log_bodies": 2,
    "server.notice.required": 2,
    "store.ledger_sync": 3,
    "store.migrate": 2,
    "telemetry.enabled": 2,
}


def test_the_table_of_precedence_has_every_setting() -> None:
    assert [o.name for o in Settings.load().origins()] == list(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_default_then_file_then_environment_then_flag(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_file, in_variable, flags = WRITTEN[name]
    variable = "DRAGOMAN_" + name.upper().replace(".", "__")
    seen = [origin(Settings.load(), name)]
    file = write(folder / "dragoman.toml", in_file)
    seen.append(origin(Settings.load(), name))
    monkeypatch.setenv(variable, in_variable)
    seen.append(origin(Settings.load(), name))
    seen.append(origin(Settings.load(**flags), name))
    assert [where for _, where in seen] == ["default", f"file {file}", f"environment {variable}", "flag"]
    values = [json.dumps(value) for value, _ in seen]
    assert len(set(values)) == FEW_VALUES.get(name, 4)


def test_a_flag_that_was_not_given_changes_nothing(folder: Path) -> None:
    write(folder / "dragoman.toml", 'stage = "dev"\n[plugins]\nblock = ["a"]')
    settings = Settings.load(None, stage=None, plugins={"allow": None, "block": None})
    assert origin(settings, "stage")[0] == "dev"
    assert settings.plugins.block == ["a"]


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"flag: stge is not a setting \(did you mean stage\?\)"):
        Settings.load(stge="dev")


def test_members_of_a_group_come_from_different_places(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "dragoman.toml", '[secrets]\nttl_s = 1\nexport_environment = ["A"]')
    monkeypatch.setenv("DRAGOMAN_SECRETS", '{"ttl_s": 2, "sources": []}')
    monkeypatch.setenv("DRAGOMAN_SECRETS__TTL_S", "3")
    settings = Settings.load()
    assert origin(settings, "secrets.ttl_s") == (3, "environment DRAGOMAN_SECRETS__TTL_S")
    assert origin(settings, "secrets.sources") == ([], "environment DRAGOMAN_SECRETS")
    assert origin(settings, "secrets.export_environment") == (["A"], f"file {settings.file}")


def test_a_variable_with_null_takes_away_the_allow_list(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "dragoman.toml", '[plugins]\nallow = ["a"]')
    monkeypatch.setenv("DRAGOMAN_PLUGINS__ALLOW", "null")
    assert Settings.load().plugins.allow is None


def test_a_variable_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_STAGE", "")
    monkeypatch.setenv("DRAGOMAN_CONFIG", "")
    assert origin(Settings.load(), "stage") == ("prod", "default")


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("DRAGOMAN_STAGE", "prd", "environment DRAGOMAN_STAGE: stage should be 'dev', 'test' or 'prod'"),
        ("DRAGOMAN_PLUGINS__BLOCK", "openai", r"environment DRAGOMAN_PLUGINS__BLOCK is not JSON"),
        ("DRAGOMAN_PLUGINS__ALLOW", "openai", r"environment DRAGOMAN_PLUGINS__ALLOW: plugins.allow should be a valid"),
        ("DRAGOMAN_SECRETS", '{"ttl": 1}', r"environment DRAGOMAN_SECRETS: secrets.ttl .*did you mean secrets.ttl_s"),
        ("DRAGOMAN_SECRETS__TTL_S", "soon", r"environment DRAGOMAN_SECRETS__TTL_S: secrets.ttl_s should be a valid"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(
    variable: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=complaint):
        Settings.load()


def test_secrets_that_were_put_where_settings_belong_are_not_echoed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_SECRETS", '{"OPENAI_API_KEY": "sk-canary-7f3a9"}')
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert "canary" not in str(caught.value)
    monkeypatch.setenv("DRAGOMAN_SECRETS", "sk-canary-7f3a9")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert "canary" not in str(caught.value)


def test_unknown_variables_are_reported_and_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_STAEG", "dev")
    monkeypatch.setenv("DRAGOMAN_SECRETS__TTL", "3")
    monkeypatch.setenv("DRAGOMAN_DEBUG", "1")
    monkeypatch.setenv("DRAGOMAN_RECORDINGS", "/somewhere")
    monkeypatch.setenv("DRAGOMAN_LLM_KEYS", "{}")
    settings = Settings.load(secrets={"sources": [{"kind": "environment", "variable": "DRAGOMAN_LLM_KEYS"}]})
    assert settings.unknown_environment == ["DRAGOMAN_SECRETS__TTL", "DRAGOMAN_STAEG"]
    assert settings.stage == "prod"


# --- the values --------------------------------------------------------------------------------------------------


def test_settings_cannot_be_changed() -> None:
    settings = Settings.load()
    with pytest.raises(ValueError, match="frozen"):
        settings.stage = "dev"  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        settings.secrets.ttl_s = 0  # type: ignore[misc]


def test_the_constructor_reads_neither_file_nor_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "dragoman.toml", 'stage = "dev"')
    monkeypatch.setenv("DRAGOMAN_STAGE", "test")
    assert Settings().stage == "prod"
    settings = Settings.model_validate({"secrets": {"ttl_s": 1}})
    assert origin(settings, "secrets.ttl_s") == (1, "flag")
    assert origin(settings, "secrets.sources") == ([], "default")


def test_the_list_of_settings_is_json(folder: Path) -> None:
    write(folder / "dragoman.toml", '[[secrets.sources]]\nkind = "file"\npath = "s.json"')
    shown = Settings.load().origins()
    assert isinstance(shown[0], SettingOrigin)
    values = {name: value for name, value, *_ in json.loads(json.dumps(shown))}
    assert values["secrets.sources"] == [{"kind": "file", "path": "s.json"}]


def test_settings_survive_pickling(folder: Path) -> None:
    write(folder / "dragoman.toml", 'stage = "dev"')
    settings = Settings.load()
    again = pickle.loads(pickle.dumps(settings))  # noqa: S301  (our own bytes)
    assert again == settings
    assert again.origins() == settings.origins()
    assert again.root == settings.root


def test_every_setting_is_described() -> None:
    schema = Settings.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        assert all(member.get("description") for member in model["properties"].values())


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "Path", "LD_PRELOAD", "ld_audit", "DYLD_INSERT_LIBRARIES", "PYTHONPATH", "PYTHONSTARTUP"),
        *("BASH_ENV", "NODE_OPTIONS", "HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE", "DRAGOMAN_STAGE"),
    ],
)
def test_a_variable_that_controls_the_process_is_never_exported(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} controls how programs run"):
        Settings.load(secrets={"export_environment": ["OPENAI_API_KEY", name]})


def test_an_export_that_is_no_variable_name_is_refused_without_being_echoed() -> None:
    with pytest.raises(SettingsError, match="entry 1 is not the name of an environment variable") as caught:
        Settings.load(secrets={"export_environment": ["sk-canary-7f3a9"]})
    assert "canary" not in str(caught.value)


def test_importing_settings_loads_no_http_client_and_no_plugin_system() -> None:
    code = "import sys, dragoman.settings; print(*sorted({'httptools', 'pluggy', 'rich', 'click'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
