import json

import pytest
from dragoman.testing.upstream import Reply, Upstream

LISTING_PLUGIN = """
from dragoman.errors import PermissionDeniedError
from dragoman.plugin import *

PLUGIN_API = (1, 0)

class ListingProvider(Provider):
    async def models(self, target, context):
        return [
            ModelList("models", [
                ListedModel("big/one", "Big one", operations=("chat",), can_invoke=True, adapter={"title": "Big one"}),
                ListedModel("old", operations=("embed",), can_invoke=False, why_not="it is retired"),
                ListedModel("ageing", operations=("chat",), why_not="it ends soon"),
            ]),
            ModelList("profiles", failure=PermissionDeniedError("may not be listed", hint="allow it")),
            ModelList("routers", failure=PermissionDeniedError("may not be listed", hint="allow it")),
            ModelList("others", failure=PermissionDeniedError("nor these")),
        ]

class SilentProvider(Provider):
    pass

@hookimpl
def dragoman_providers():
    return [ProviderDescription("listing", "Listing", f"{__name__}:ListingProvider", operations=("chat", "embed")),
            ProviderDescription("silent", "Silent", f"{__name__}:SilentProvider")]

@hookimpl
def dragoman_adapters():
    return [PredefinedAdapter("listed", {"provider": "listing", "model": "big/one"})]
"""


@pytest.fixture
def listing(deployment, install):
    install("dragoman-listing", LISTING_PLUGIN, plugins={"listing": ""})
    return deployment


# --- doctor ------------------------------------------------------------------------------------------------------


def test_without_a_name_the_default_adapter_is_checked(run, monkeypatch):
    monkeypatch.setenv("SCRIPTED_KEY", "k")
    done = run("doctor")
    assert (done.code, done.err) == (1, "")  # its host is not there
    lines = done.out.splitlines()
    assert lines[0] == "scripted"
    assert lines[1].split()[:2] == ["ok", "document:"]
    assert any(line.split()[:2] == ["ok", "request:"] for line in lines)


def test_the_checks_of_several_adapters_as_json(run):
    with Upstream() as upstream:
        upstream.answer(Reply((), 404))
        host = upstream.url.removeprefix("http://")
        done = run("doctor", "warm", "nobody", "--json", "--set", f"connection.host={host}")
    checked = {one["adapter"]: one for one in done.json["adapters"]}
    assert done.code == 1
    assert checked["nobody"]["steps"][-1]["detail"]["error"]["code"] == "adapter_not_found"
    assert [step["name"] for step in checked["warm"]["steps"][:3]] == ["document", "plugin", "request"]
    assert checked["warm"]["ok"] is (checked["warm"]["steps"][-1]["state"] != "failed")


def test_all_includes_what_could_not_be_read(run, deployment):
    (deployment / "adapters" / "broken.yaml").write_text("provider: [", encoding="utf-8")
    done = run("doctor", "--all", "--json")
    checked = {one["adapter"]: one for one in done.json["adapters"]}
    assert done.code == 1
    assert {"scripted", "warm"} < set(checked)
    (broken,) = [one for name, one in checked.items() if "broken" in name]
    assert broken["steps"][-1]["state"] == "failed"


def test_a_file_is_checked_and_a_file_that_cannot_be_read_says_so(run, deployment):
    (deployment / "draft.yaml").write_text("base: scripted\ninference: {volume: 3}\n", encoding="utf-8")
    done = run("doctor", "./draft.yaml")
    assert (done.code, "inference.volume" in done.out) == (1, True)
    assert run("doctor", "./nothing.yaml").code == 1


def test_all_goes_without_names(run):
    assert run("doctor", "--all", "warm").code == 1


# --- models ------------------------------------------------------------------------------------------------------


def test_each_row_says_whether_it_can_be_called_and_a_failure_stands_beside(run, listing):
    done = run("models", "--provider", "listing")
    assert done.code == 0
    rows = [line.split(maxsplit=4) for line in done.out.splitlines()]
    assert rows[1:] == [
        ["listing", "big/one", "model", "chat", "yes"],
        ["listing", "old", "model", "embed", "no: it is retired"],
        ["listing", "ageing", "model", "chat", "not known: it ends soon"],
    ]
    assert done.err.splitlines() == [  # what several sources say alike is said once
        "not listed: profiles, routers of listing by the connection of listed: may not be listed (allow it)",
        "not listed: others of listing by the connection of listed: nor these",
    ]


def test_models_as_json_and_without_those_that_cannot_be_called(run, listing):
    lists = run("models", "-a", "listed", "--json", "--invokable").json["lists"]
    assert [(one["source"], [row["id"] for row in one["models"]]) for one in lists] == [
        ("models", ["big/one", "ageing"]),
        ("profiles", []),
        ("routers", []),
        ("others", []),
    ]
    assert lists[1]["failure"]["code"] == "permission_denied"
    assert lists[0]["adapters"] == ["listed"]


def test_a_provider_that_lists_nothing_says_so(run, listing):
    done = run("models", "--provider", "silent")
    assert (done.code, done.out) == (1, "")
    assert done.err == "not listed: models of silent: provider silent lists no models\n"


def test_a_row_becomes_an_adapter_that_can_be_used(run, listing):
    done = run("models", "--provider", "listing", "--write-adapter", "big/one")
    assert (done.code, done.err) == (0, "")
    (listing / "adapters" / "one.yaml").write_text(done.out, encoding="utf-8")
    assert run("adapters", "validate", "one").code == 0
    shown = run("adapters", "show", "one", "--json")
    assert shown.code == 0
    written = json.loads(shown.out)
    assert "big/one" in json.dumps(written)


def test_a_row_that_cannot_be_called_is_written_with_a_note(run, listing):
    done = run("models", "--provider", "listing", "--write-adapter", "old", "--name", "mine", "--json")
    assert done.json == {"version": 1, "name": "mine", "provider": "listing", "model": "old", "operation": "embed"}
    assert "it is retired" in done.err


def test_a_row_that_no_list_has(run, listing):
    done = run("models", "--provider", "listing", "--write-adapter", "new")
    assert (done.code, done.out) == (1, "")
    assert done.err == "error: no list has 'new' (there are: ageing, big/one, old)\n"


def test_a_provider_that_nobody_brings(run):
    done = run("models", "--provider", "acme")
    assert (done.code, "no plugin brings the provider 'acme'" in done.err) == (1, True)
