"""A whole configuration: names, titles, what is not a model, what cannot be read, and that no key is ever shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.errors import DocumentError
from dragoman.plugins import load_plugins
from dragoman_dial.importing import import_dial
from hypothesis import given
from hypothesis import strategies as st

from .conftest import AZURE, BEDROCK_ADAPTER, OPENAI_ADAPTER, imported


def test_the_plugin_is_found_and_brings_the_importer() -> None:
    plugin = next(p for p in load_plugins().loaded if p.name == "dial")
    assert [importer.name for importer in plugin.importers] == ["dial"]


def test_names_are_slugged_and_what_they_were_stays(one: Any) -> None:
    adapter, _ = one("GPT 4 (EU)", displayName="GPT-4", displayVersion="Omni")
    assert adapter["name"] == "gpt-4-eu"
    assert adapter["aliases"] == ["GPT 4 (EU)"]
    assert adapter["title"] == "GPT-4 (Omni)"


def test_names_that_become_equal_stay_apart() -> None:
    model = {"endpoint": OPENAI_ADAPTER, "upstreams": [{"endpoint": AZURE}]}
    assert [d["name"] for d in imported({"a b": model, "A-B": model}).documents] == ["a-b", "a-b-2"]


def test_embeddings_are_embeddings_and_completions_are_told(one: Any) -> None:
    assert one(type="embedding")[0]["operation"] == "embed"
    adapter, notes = one(type="completion")
    assert adapter == {}
    assert "only chat and embedding" in notes["type"]


def test_every_member_that_has_no_place_is_told_with_its_path(one: Any) -> None:
    members = {
        "iconUrl": "i.svg", "description": "d", "author": "a", "tokenizerModel": "gpt-4", "forwardAuthToken": True,
        "interceptors": ["x"], "responsesEndpoint": "http://x", "embeddingDimensions": 3, "brandNew": 1,
        "userRoles": ["r"],
    }  # fmt: skip
    _, notes = one(**members)
    assert set(members) <= set(notes)
    assert notes["brandNew"] == "is not known, and is left out"


def test_other_sections_are_told_without_their_members() -> None:
    found = imported({}, keys={"the-key-itself": {"project": "P"}}, roles={"r": {}}, newSection={"x": 1})
    assert [note.path for note in found.notes] == ["keys", "roles", "newSection"]
    assert "the-key-itself" not in str(found)


@pytest.mark.parametrize(("given", "attempts"), [(1, 1), (5, 5), (25, 10), ("3", 3)])
def test_attempts(one: Any, given: Any, attempts: int) -> None:
    adapter, notes = one(maxRetryAttempts=given)
    assert adapter["limits"] == {"max_attempts": attempts}
    assert ("maxRetryAttempts" in notes) is (given == 25)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("{", "line 1, column 2"),
        ("[]", "is no object"),
        ("{}", "models: is missing"),
        ('{"models": []}', "models: is no object"),
        ('{"models": {"m": 1}}', "models.m: is no object"),
        ('{"models": {"m": {"upstreams": {}}}}', "models.m.upstreams: is no list"),
        ('{"models": {"m": {"upstreams": [1]}}}', "models.m.upstreams.0: is no object"),
        ('{"models": {}, "models": {}}', "given twice"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_configuration_is_refused(text: str, said: str) -> None:
    with pytest.raises(DocumentError) as refused:
        import_dial(text, None)  # type: ignore[arg-type]
    assert str(refused.value).startswith("the DIAL configuration: ")
    assert said in str(refused.value)


OPENAI = "https://api.openai.com/v1/chat/completions"

# --- no key is ever shown ----------------------------------------------------------------------------------------

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40).map("cnry~{}~".format)


def with_secrets(secret: list[str]) -> dict[str, Any]:
    """Return a configuration that holds a secret wherever DIAL has a place for one."""
    upstreams = [
        {"endpoint": AZURE, "key": secret[0]},
        {"endpoint": f"https://user:{secret[1]}@llm.example/v1/chat/completions?code={secret[2]}", "key": secret[3]},
        {
            "endpoint": "https://api.openai.com/v1/chat/completions",
            "key": secret[0],
            "secretExtraData": {"x": secret[4]},
        },
        {
            "endpoint": "http://h/v1",
            "key": secret[5],
            "extraData": secret[6],
            "interfaces": {"openaiX": {"key": secret[7]}},
        },
    ]
    keys = {"aws_access_key_id": secret[0], "aws_secret_access_key": secret[1], "aws_session_token": secret[2]}
    claude = [
        {"endpoint": "1", "extraData": {"region": "eu-west-1", **keys, "other": secret[3]}},
        {
            "endpoint": "2",
            "extraData": json.dumps(keys),
            "secretExtraData": json.dumps({"aws_session_token": secret[4]}),
        },
        {"endpoint": "3", "key": secret[5]},
    ]
    headers = {"Authorization": f"Bearer {secret[0]}", "X-Api-Key": secret[1], "x-functions-key": secret[2]}
    defaults = {
        "api_key": secret[3],
        "nested": [{"password": secret[4]}],
        "custom_fields": {"configuration": {"k": secret[5]}},
    }
    models = {
        "gpt": {"endpoint": OPENAI_ADAPTER, "upstreams": upstreams, "defaultHeaders": headers, "defaults": defaults},
        "claude": {"endpoint": BEDROCK_ADAPTER, "upstreams": claude},
        "strange": {
            "endpoint": "http://ai-dial-adapter-vertexai/x",
            "upstreams": [{"endpoint": "v", "key": secret[6]}],
        },
    }
    return {"models": models, "keys": {secret[7]: {"project": "P", "role": "r"}}}


@given(st.lists(SECRETS, min_size=8, max_size=8))
def test_no_secret_is_in_what_comes_of_a_configuration(secrets: list[str]) -> None:
    found = import_dial(json.dumps(with_secrets(secrets)), None)  # type: ignore[arg-type]
    shown = json.dumps([dict(d) for d in found.documents]) + repr(found.documents) + repr(found.notes)
    assert len(found.documents) == 2
    assert not [secret for secret in secrets if secret[5:-1] in shown]


@given(st.lists(SECRETS, min_size=8, max_size=8), st.floats(0, 1, exclude_max=True))
def test_no_secret_is_in_the_error_of_a_broken_configuration(secrets: list[str], share: float) -> None:
    text = json.dumps(with_secrets(secrets))
    with pytest.raises(DocumentError) as refused:
        import_dial(text[: int(len(text) * share)], None)  # type: ignore[arg-type]
    assert not [secret for secret in secrets if secret[5:-1] in repr(refused.value) + str(refused.value)]


def test_no_secret_is_in_what_the_command_prints(tmp_path: Path, run: Any) -> None:
    secrets = [f"cnry-{number}-b5f2c9e1d7a4" for number in range(8)]
    (tmp_path / "dragoman.toml").write_text("")
    (tmp_path / "dial.json").write_text(json.dumps(with_secrets(secrets)))
    arguments = ["adapters", "import", "--from", "dial", str(tmp_path / "dial.json"), "--config", str(tmp_path)]
    runs = [run(*arguments, *more) for more in ([], ["--json"])]
    assert [done.code for done in runs] == [0, 0], [done.err for done in runs]
    assert all(done.out for done in runs)
    assert not [secret for secret in secrets for done in runs if secret in done.out + done.err]


def test_each_secret_that_is_named_has_a_note_that_tells_to_create_it() -> None:
    found = import_dial(json.dumps(with_secrets([f"value-{n}" for n in range(8)])), None)  # type: ignore[arg-type]
    parts = [p for d in found.documents for p in (d, *d.get("upstreams", {}).values())]
    named = {secret for part in parts for secret in part.get("credentials", {}).values()}
    assert named == {
        note.message.split()[-1] for note in found.notes if note.hint and "create that secret" in note.hint
    }


# --- the adapters hold -------------------------------------------------------------------------------------------


async def test_adapters_resolve_with_their_providers(tmp_path: Path) -> None:
    pytest.importorskip("dragoman_openai", reason="the providers of what is imported are other plugins")
    pytest.importorskip("dragoman_aws", reason="the providers of what is imported are other plugins")
    roles = {"region": "us-east-1", "aws_assume_role_arn": "arn:aws:iam::111122223333:role/Invoke"}
    keys = {"region": "eu-west-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    limits = {"maxPromptTokens": 100, "maxTotalTokens": 200, "maxCompletionTokens": 50}
    features = {
        "toolsSupported": True,
        "seedSupported": False,
        "maxTokensSupported": False,
        "maxCompletionTokensSupported": True,
    }
    configuration = {
        "guardrailConfig": {"guardrailIdentifier": "abc", "guardrailVersion": "1", "trace": "enabled"},
        "performanceConfig": {"latency": "optimized"},
    }
    models = {
        "azure": {"upstreams": [{"endpoint": AZURE, "key": "k"}], "limits": limits, "features": features},
        "openai": {"upstreams": [{"endpoint": OPENAI, "key": "k"}], "overrideName": "gpt-4o"},
        "server": {"upstreams": [{"endpoint": "http://vllm:8000/v1/chat/completions"}], "features": features},
        "claude": {
            "endpoint": BEDROCK_ADAPTER,
            "upstreams": [{"endpoint": "1", "extraData": roles}, {"endpoint": "2", "extraData": keys, "tier": 1}],
            "defaults": {"max_tokens": 40, "stop": "END", "custom_fields": {"configuration": configuration}},
            "limits": limits,
        },
        "mixed": {
            "upstreams": [{"endpoint": AZURE, "key": "k"}, {"endpoint": OPENAI, "key": "q"}],
            "defaults": {"reasoning_effort": "low", "response_format": {"type": "json_object"}, "vendor_field": 1},
        },
        "vectors": {"type": "embedding", "upstreams": [{"endpoint": AZURE}], "defaults": {"dimensions": 256}},
    }  # fmt: skip
    (tmp_path / "dragoman.toml").write_text("")
    async with Engine(Settings.load(tmp_path)) as engine:
        for document in imported(models).documents:
            await engine.resolve(document)
            for upstream in document.get("upstreams", {}):
                others = {name: None for name in document["upstreams"] if name != upstream}
                resolved = await engine.resolve(document, {"upstreams": others})
                assert resolved.upstream == upstream
