"""From documents to an effective adapter: order of layers, origins, bases, configurations, upstreams, rules."""

import pytest
from dragoman.adapter import Adapter, digest
from dragoman.catalog import load_catalog
from dragoman.errors import AdapterNotFoundError, DocumentError
from dragoman.plugins import load_plugins
from dragoman.resolve import resolve
from dragoman.schema import adapter_schema


class NoSecrets:
    def names(self):
        return ()

    def get(self, name):
        return None


@pytest.fixture
def plugins(echo_plugin):
    return load_plugins(found=[echo_plugin])


@pytest.fixture
def deployment(tmp_path, plugins):
    def write(adapters=None, inference=None, connections=None):
        from dragoman.documents import write_document

        for folder, documents in (("adapters", adapters or {}), ("inference", inference or {})):
            (tmp_path / folder).mkdir(exist_ok=True)
            for name, document in documents.items():
                (tmp_path / folder / f"{name}.yaml").write_text(write_document(document, ".yaml"))
        folders = (tmp_path / "adapters", tmp_path / "inference")
        return load_catalog(plugins, NoSecrets(), *folders, connections or {})

    return write


def test_later_layers_win_and_every_value_has_its_origin(deployment, plugins):
    catalog = deployment(
        adapters={
            "root": {"provider": "echo", "model": "m0", "inference": {"temperature": 0.1, "top_p": 0.1, "seed": 1}},
            "middle": {"base": "root", "model": "m1", "inference": {"configuration": "precise", "top_p": 0.2}},
            "top": {"base": "middle", "title": "Top", "inference": {"max_tokens": 10}},
        },
        inference={"precise": {"description": "careful", "temperature": 0, "top_p": 0.9, "max_tokens": 5}},
    )
    resolved = resolve(catalog, plugins, "top", {"inference": {"max_tokens": 20}}, {"seed": None})
    assert resolved.document == {
        "name": "top",
        "title": "Top",
        "provider": "echo",
        "model": "m1",
        "inference": {"temperature": 0, "top_p": 0.2, "max_tokens": 20},
    }
    assert resolved.origins["title"].startswith("file ")
    assert resolved.origins["title"].endswith("top.yaml")
    assert resolved.origins["inference.max_tokens"] == "override"
    assert resolved.origins["inference.temperature"].startswith("inference configuration precise, named by base middle")
    assert resolved.origins["provider"].startswith("base root (file ")
    assert set(resolved.origins) == {
        "name", "title", "provider", "model", "inference.temperature", "inference.top_p", "inference.max_tokens",
    }  # fmt: skip


def test_the_calls_own_parameters_win_over_the_override(deployment, plugins):
    catalog = deployment({"a": {"provider": "echo", "model": "m"}})
    resolved = resolve(catalog, plugins, "a", {"inference": {"seed": 1, "top_k": 2}}, {"seed": 3})
    assert resolved.document["inference"] == {"seed": 3, "top_k": 2}
    assert resolved.origins["inference.seed"] == "call"


def test_a_document_needs_no_saving_and_may_build_on_a_base(deployment, plugins):
    catalog = deployment({"a": {"provider": "echo", "model": "m", "aliases": ["first"], "title": "A"}})
    resolved = resolve(catalog, plugins, {"base": "first", "model": "other"})
    assert resolved.document == {"provider": "echo", "model": "other"}
    assert resolve(catalog, plugins, Adapter(provider="echo", model="m")).name is None


def test_a_plugins_predefined_adapter_lies_under_a_file_of_its_name(deployment, plugins):
    catalog = deployment({"echo": {"inference": {"seed": 7}}})
    resolved = resolve(catalog, plugins, "echo")
    assert resolved.document["model"] == "loud"
    assert resolved.document["inference"] == {"seed": 7}
    assert catalog.entries["echo"].source.endswith("over plugin ")


def test_a_file_over_a_predefined_adapter_keeps_its_title(deployment, plugins):
    catalog = deployment({"echo": {"inference": {"seed": 7}}})
    assert resolve(catalog, plugins, "echo").document["title"] == "Loud"


def test_a_cycle_of_bases_is_named(deployment, plugins):
    catalog = deployment({"a": {"base": "b"}, "b": {"base": "c"}, "c": {"base": "b"}})
    with pytest.raises(DocumentError, match="base: is a cycle: a -> b -> c -> b"):
        resolve(catalog, plugins, "a")


def test_an_override_can_change_the_base(deployment, plugins):
    catalog = deployment(
        {
            "a": {"base": "b", "inference": {"seed": 1}},
            "b": {"provider": "echo", "model": "b"},
            "c": {"provider": "echo", "model": "c"},
        }
    )
    assert resolve(catalog, plugins, "a", {"base": "c"}).document["model"] == "c"


def test_equal_documents_have_equal_digests():
    one = {"provider": "p", "inference": {"temperature": 1.0, "seed": 1}}
    other = {"inference": {"seed": 1, "temperature": 1}, "provider": "p"}
    assert digest(one) == digest(other) != digest({**one, "model": "m"})


def test_two_ways_to_say_the_same_resolve_to_equal_digests(deployment, plugins):
    catalog = deployment({"a": {"provider": "echo", "model": "m", "inference": {"seed": 1, "top_k": 3}}})
    by_null = resolve(catalog, plugins, "a", {"inference": {"seed": None}})
    assert (
        by_null.digest
        == resolve(catalog, plugins, {"name": "a", "provider": "echo", "model": "m", "inference": {"top_k": 3}}).digest
    )


ECHO = {"provider": "echo", "model": "m"}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"model": None}, "model: is missing (set it here or in a base)"),
        ({"provider": None}, "provider: is missing"),
        ({"provider": "eco"}, "provider: no plugin brings the provider 'eco' (available: echo"),
        ({"colour": 1}, "colour: is not a member here (check the spelling"),
        ({"inference": {"temprature": 1}}, "inference.temprature: is not an inference setting"),
        ({"inference": {"top_p": 2}}, "inference.top_p: should be less than or equal to 1"),
        ({"inference": {"volume": "x"}}, "inference.volume: should be a valid"),
        ({"inference": {"configuration": "bold"}}, "there is no inference configuration 'bold'"),
        ({"connection": {"hots": 1}}, "connection.hots: is not a member here"),
        ({"credentials": {"key": "A"}}, "credentials.key: is not a credential of this provider (it takes none"),
        ({"operation": "embed"}, "operation: echo does not offer embed"),
        ({"mapping": {"preset": "tgi"}}, "mapping: means nothing to echo"),
        ({"prompt": {"preset": "x"}}, "prompt: means nothing to echo"),
        ({"name": "Bad Name"}, "name: lower case letters"),
        ({"upstreams": {"a": {"colour": 1}}}, "colour: is not a member here"),
        ({"upstreams": {"a": {"base": "b"}}}, "upstreams.a.base: cannot differ by upstream"),
        ({"rules": [{"exclusiv": []}]}, "rules.0: a rule has one of exclusive, forbid and range"),
        ({"rules": [{"exclusive": ["a"]}]}, "rules.0.exclusive: list should have at least 2 items"),
        ({"inference": {"temperature": float("inf")}}, "inference.temperature: should be a finite number"),
        ({"inference": {"seed": 2**70}}, "cannot be written as JSON: Integer exceeds 64-bit range"),
        ({"pricing": {"input_per_million": "3,00"}}, "pricing.input_per_million: a decimal amount"),
    ],
)
def test_what_does_not_hold_is_named_with_its_path(deployment, plugins, document, says):
    with pytest.raises(DocumentError) as caught:
        resolve(deployment(), plugins, ECHO | document)
    assert says in str(caught.value)


def test_every_problem_is_named_at_once(deployment, plugins):
    document = {
        "provider": "echo",
        "model": "m",
        "connection": {"hots": 1},
        "inference": {"temprature": 1},
        "credentials": {"k": "A"},
    }
    with pytest.raises(DocumentError) as caught:
        resolve(deployment(), plugins, document)
    assert [p.path for p in caught.value.problems] == ["connection.hots", "inference.temprature", "credentials.k"]


def test_an_unknown_adapter_names_its_neighbours(deployment, plugins):
    catalog = deployment({"claude": {"provider": "echo", "model": "m"}})
    with pytest.raises(AdapterNotFoundError, match="did you mean claude"):
        resolve(catalog, plugins, "cluade")


def test_the_heaviest_upstream_of_the_lowest_tier_is_taken_and_reported(deployment, plugins):
    upstreams = {
        "spare": {"tier": 1, "weight": 99},
        "small": {"weight": 1, "model": "small"},
        "big": {"weight": 3, "model": "big", "inference": {"seed": None, "configuration": "precise"}},
    }
    catalog = deployment(
        {"a": {"provider": "echo", "model": "m", "inference": {"seed": 1}, "upstreams": upstreams}},
        {"precise": {"temperature": 0}},
    )
    resolved = resolve(catalog, plugins, "a", inference={"top_k": 4})
    assert resolved.upstream == "big"
    assert resolved.document == {
        "name": "a",
        "provider": "echo",
        "model": "big",
        "inference": {"temperature": 0, "top_k": 4},
    }
    assert "'big'" in resolved.reports[0].message
    assert resolved.origins["model"] == "upstream big"


def test_an_override_wins_over_the_upstreams_patch(deployment, plugins):
    document = {"provider": "echo", "model": "m", "upstreams": {"a": {"inference": {"seed": 1}}}}
    assert resolve(deployment(), plugins, document, {"inference": {"seed": 2}}).document["inference"] == {"seed": 2}


# --- what the settings say about a provider's connection ---------------------------------------------------------

SETTINGS = {"echo": {"host": "settings"}}


def test_the_settings_lie_under_every_adapter_of_the_provider(deployment, plugins):
    resolved = resolve(deployment(connections=SETTINGS), plugins, "echo")
    assert resolved.target.connection.host == "settings"
    assert resolved.origins["connection.host"] == "settings connections.echo"


@pytest.mark.parametrize(
    ("document", "override", "host"),
    [
        ({"connection": {"host": "mine"}}, None, "mine"),
        ({"connection": {"host": None}}, None, None),
        ({}, {"connection": {"host": "override"}}, "override"),
        ({"provider": "other"}, {"provider": "echo"}, "settings"),
        ({"upstreams": {"a": {"connection": {"host": "upstream"}}}}, None, "upstream"),
        ({"provider": "other", "upstreams": {"a": {"provider": "echo"}}}, None, "settings"),
    ],
)
def test_every_layer_of_an_adapter_wins_over_the_settings(deployment, plugins, document, override, host):
    catalog = deployment({"base": {"provider": "other", "model": "m", "connection": {"port": 1}}}, connections=SETTINGS)
    resolved = resolve(catalog, plugins, {"base": "base", **ECHO, **document}, override)
    assert resolved.target.connection.host == host


def test_the_settings_of_another_provider_do_not_count(deployment, plugins):
    catalog = deployment(connections={"other": {"host": "settings"}})
    assert "connection" not in resolve(catalog, plugins, "echo").document
    (failure,) = catalog.failures
    assert failure.where == "settings connections.other"
    assert failure.reason.startswith("no plugin brings the provider 'other'")


def test_a_setting_that_the_provider_does_not_know_is_refused(deployment, plugins):
    with pytest.raises(DocumentError, match=r"connection\.hots: is not a member here"):
        resolve(deployment(connections={"echo": {"hots": "x"}}), plugins, "echo")


EXCLUSIVE = {"exclusive": ["inference.temperature", "inference.top_p"]}


def test_exclusive_settings_are_refused_with_their_origins(deployment, plugins):
    document = {"provider": "echo", "model": "m", "inference": {"temperature": 1}, "rules": [EXCLUSIVE]}
    with pytest.raises(
        DocumentError, match=r"inference.temperature \(from document\) and inference.top_p \(from call\)"
    ):
        resolve(deployment(), plugins, document, inference={"top_p": 0.5})


def test_exclusive_settings_are_resolved_as_the_rule_says_and_reported(deployment, plugins):
    document = {
        "provider": "echo",
        "model": "m",
        "inference": {"temperature": 1, "top_p": 0.5},
        "rules": [{**EXCLUSIVE, "keep": "inference.temperature"}],
    }
    resolved = resolve(deployment(), plugins, document)
    assert resolved.document["inference"] == {"temperature": 1}
    assert resolved.settings.inference.top_p is None
    assert [r.path for r in resolved.reports] == ["inference.top_p"]
    assert "inference.top_p" not in resolved.origins


@pytest.mark.parametrize(
    ("rule", "inference", "says"),
    [
        ({"forbid": "inference.top_k"}, {"top_k": 1}, "inference.top_k: the model does not take it (from document)"),
        ({"range": "inference.temperature", "maximum": 1}, {"temperature": 1.5}, "is 1.5; the model takes … to 1"),
        ({"range": "inference.temperature", "minimum": 0.5}, {"temperature": 0.2}, "is 0.2; the model takes 0.5 to …"),
    ],
)
def test_rules_refuse(deployment, plugins, rule, inference, says):
    document = {"provider": "echo", "model": "m", "inference": inference, "rules": [rule]}
    with pytest.raises(DocumentError) as caught:
        resolve(deployment(), plugins, document)
    assert says in str(caught.value)


def test_a_forbidden_setting_can_be_left_out_and_reported(deployment, plugins):
    document = {
        "provider": "echo",
        "model": "m",
        "inference": {"top_k": 1},
        "rules": [{"forbid": "inference.top_k", "drop": True}],
    }
    resolved = resolve(deployment(), plugins, document)
    assert resolved.document["inference"] == {}
    assert [r.code for r in resolved.reports] == ["rule_dropped"]


MODEL_RULES = """
from typing import Annotated, Literal
from dragoman.plugin import *

PLUGIN_API = (1, 0)

class KeyAuth(Connection):
    kind: Literal["key"] = "key"
    header: str = "x-key"
    realm: str | None = None

class RuledConnection(Connection):
    host: str | None = None
    auth: Annotated[KeyAuth, Shown()] = KeyAuth()

@hookimpl
def dragoman_providers():
    return [ProviderDescription(
        kind="ruled", title="Ruled", factory=f"{__name__}:Nothing", connection=RuledConnection,
        rules=(
            ModelRules(
                ("one", "two"), ({"exclusive": ["inference.temperature", "inference.top_p"]},), "a page", "2026-11-01"
            ),
            ModelRules(("two",), ({"forbid": "inference.top_k"},), "a probe", "2026-11-02"),
        ),
    )]
"""


@pytest.fixture
def ruled(plugin_module):
    plugins = load_plugins(found=[plugin_module(MODEL_RULES, "ruled")])
    catalog = load_catalog(plugins, NoSecrets(), None, None)

    def read(document, override=None, **inference):
        return resolve(catalog, plugins, {"provider": "ruled", "model": "m", **document}, override, inference)

    return read


def test_rules_of_a_provider_hold_for_the_base_model(ruled):
    with pytest.raises(DocumentError, match=r"inference.top_p: the model takes only one of"):
        ruled({"base_model": "one"}, temperature=1, top_p=0.5)
    with pytest.raises(DocumentError, match=r"inference.top_k: the model does not take it"):
        ruled({"base_model": "two"}, top_k=3)
    resolved = ruled({"base_model": "two"}, temperature=1)
    assert [*map(set, resolved.document["rules"])] == [{"exclusive"}, {"forbid"}]
    assert resolved.origins["rules"] == ("rules of provider ruled for two (a page, 2026-11-01; a probe, 2026-11-02)")


def test_only_the_base_model_chooses_a_providers_rules(ruled):
    for document in ({"model": "two"}, {"base_model": "two-and-more"}):
        assert "rules" not in ruled(document, temperature=1, top_p=0.5, top_k=3).document


def test_a_documents_own_rules_replace_those_of_its_provider(ruled):
    kept = {"exclusive": ["inference.temperature", "inference.top_p"], "keep": "inference.temperature"}
    resolved = ruled({"base_model": "two", "rules": [kept]}, temperature=1, top_p=0.5, top_k=3)
    assert resolved.document["inference"] == {"temperature": 1, "top_k": 3}
    assert [(r.code, r.path) for r in resolved.reports] == [("rule_dropped", "inference.top_p")]
    assert ruled({"base_model": "two", "rules": []}, {}, top_k=3).document["rules"] == []
    assert "rules" not in ruled({"base_model": "two"}, {"rules": None}, top_k=3).document


def test_an_override_of_the_base_model_brings_its_rules(ruled):
    with pytest.raises(DocumentError, match=r"inference.top_k"):
        ruled({"base_model": "one"}, {"base_model": "two"}, top_k=3)


@pytest.mark.parametrize("connection", [None, {}, {"host": "h"}])
def test_a_default_that_decides_who_calls_is_shown(ruled, connection):
    resolved = ruled({} if connection is None else {"connection": connection})
    assert resolved.document["connection"] == {**(connection or {}), "auth": {"kind": "key", "header": "x-key"}}
    assert resolved.adapter.connection == resolved.document["connection"]
    shown = {path: origin for path, origin in resolved.origins.items() if path.startswith("connection")}
    default = "default of provider ruled"
    hosted = {"connection.host": "document"} if connection else {}
    assert shown == {**hosted, "connection.auth.kind": default, "connection.auth.header": default}


def test_a_default_and_the_same_written_down_are_one_document_and_one_target(ruled):
    silent, said = ruled({}), ruled({"connection": {"auth": {"kind": "key", "header": "x-key"}}})
    assert (silent.digest, silent.target_key) == (said.digest, said.target_key)
    assert silent.digest == digest(silent.document)
    assert said.origins["connection.auth.kind"] == "document"


def test_one_broken_file_never_hides_the_rest(deployment, plugins, tmp_path):
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "broken.yaml").write_text("a: [")
    (tmp_path / "adapters" / "twice.yaml").write_text("{name: same, provider: echo, model: m}")
    (tmp_path / "adapters" / "again.json").write_text('{"name": "same", "provider": "echo", "model": "m"}')
    (tmp_path / "adapters" / "notes.txt").write_text("not a document")
    catalog = deployment(
        {"good": {"provider": "echo", "model": "m"}, "bad": {"inference": {"top_p": 7}}},
        {"good": {"temperature": 0}, "bad": {"temperature": "warm"}, "nested": {"configuration": "good"}},
    )
    assert set(catalog.entries) == {"echo", "good"}
    assert set(catalog.configurations) == {"good"}
    failures = {f.where.rpartition("/")[2]: f.reason for f in catalog.failures}
    assert set(failures) == {"broken.yaml", "same", "bad", "bad.yaml", "nested.yaml"}
    assert "line 1" in failures["broken.yaml"]
    assert "again.json" in failures["same"]
    assert "twice.yaml" in failures["same"]
    assert "temperature" in failures["bad.yaml"]
    with pytest.raises(AdapterNotFoundError, match=r"it failed to load: file .*top_p"):
        catalog.find("bad")


def test_colliding_aliases_are_reported_and_not_used(deployment, plugins):
    one = {"provider": "echo", "model": "m", "aliases": ["shared", "own"]}
    catalog = deployment({"one": one, "two": {**one, "aliases": ["shared", "one"]}})
    assert catalog.find("own").name == "one"
    assert catalog.find("one").name == "one"
    assert {f.where for f in catalog.failures if f.where.startswith("alias")} == {"alias shared", "alias one"}
    with pytest.raises(AdapterNotFoundError):
        catalog.find("shared")


def test_the_schema_holds_documents_to_their_provider(plugins):
    jsonschema = pytest.importorskip("jsonschema")
    schema = adapter_schema(plugins.providers)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)

    def accepts(document):
        return validator.is_valid({"provider": "echo", "model": "m", **document})

    assert accepts({"connection": {"host": "x"}, "inference": {"volume": 3, "temperature": None}})
    assert accepts({"connection": None, "inference": None, "limits": None, "upstreams": {"a": None}})
    assert not accepts({"connection": {"hots": "x"}})
    assert not accepts({"inference": {"volume": "x"}})
    assert not accepts({"inference": {"temprature": 1}})
    assert not accepts({"credentials": {"api_key": "A"}})
    assert not accepts({"mapping": {"preset": "tgi"}})
    assert not accepts({"colour": 1})
    assert validator.is_valid({"base": "x", "connection": {"anything": 1}})
