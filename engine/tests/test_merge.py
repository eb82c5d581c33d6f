"""The one merge rule: RFC 7396 with its three refinements, and the origin of every value."""

import copy

import pytest
from dragoman.merge import Layer, apply_patch, dotted, leaves, merge, value_at
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [  # RFC 7396, appendix A, as far as the target is an object
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": {"b": "c"}}, {"a": [1]}, {"a": [1]}),
        ({"a": "b"}, {"a": {"b": "c"}}, {"a": {"b": "c"}}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_objects_merge_arrays_and_scalars_replace_null_removes(document, patch, expected):
    assert apply_patch(document, patch) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abcd"), JSON, max_size=4)


def _rfc7396(target, patch):
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _rfc7396(result.get(name), value)
    return result


@given(st.lists(DOCUMENTS, max_size=4))
def test_without_refinements_it_is_json_merge_patch(layers):
    before = copy.deepcopy(layers)
    expected = {}
    for layer in layers:
        expected = _rfc7396(expected, layer)
    merged = merge([Layer(str(i), layer) for i, layer in enumerate(layers)])
    assert merged.document == expected
    assert layers == before


@given(st.lists(DOCUMENTS, max_size=4))
def test_every_leaf_has_the_origin_of_the_last_layer_that_set_it(layers):
    merged = merge([Layer(str(i), layer) for i, layer in enumerate(layers)])
    assert set(merged.origins) == {path for path in leaves(merged.document) if path}
    for path, origin in merged.origins.items():
        layer = layers[int(origin)]
        assert value_at(layer, path) == value_at(merged.document, path) or value_at(merged.document, path) == {}


PROVIDER_PART = {
    "connection": {"region": "eu"},
    "credentials": {"api_key": "A"},
    "endpoint_kwargs": {"x": 1},
    "mapping": {"preset": "p"},
}


def test_another_provider_drops_what_belongs_to_the_old_one():
    below = {"provider": "one", "model": "m", "inference": {"seed": 1}, **PROVIDER_PART}
    merged = merge([Layer("below", below), Layer("above", {"provider": "two", "connection": {"url": "u"}})])
    assert merged.document == {
        "provider": "two",
        "model": "m",
        "inference": {"seed": 1},
        "connection": {"url": "u"},
    }
    assert ("credentials", "api_key") not in merged.origins


@pytest.mark.parametrize("above", [{"provider": "one"}, {"model": "other"}])
def test_the_same_provider_keeps_them(above):
    merged = apply_patch({"provider": "one", **PROVIDER_PART}, above)
    assert PROVIDER_PART.items() <= merged.items()


@pytest.mark.parametrize("tag", ["type", "kind", "preset"])
def test_another_tag_replaces_the_whole_member(tag):
    below = {"connection": {"auth": {tag: "entra", "tenant_id": "t", "extra": {"x": 1}}}}
    assert apply_patch(below, {"connection": {"auth": {tag: "api_key"}}}) == {"connection": {"auth": {tag: "api_key"}}}
    assert apply_patch(below, {"connection": {"auth": {"tenant_id": "u"}}})["connection"]["auth"][tag] == "entra"
    assert apply_patch(below, {"connection": {"auth": {tag: "entra", "tenant_id": "u"}}}) == {
        "connection": {"auth": {tag: "entra", "tenant_id": "u", "extra": {"x": 1}}}
    }


def test_a_tag_of_any_name_says_nothing_about_the_others():
    assert apply_patch({"tags": {"type": "a", "team": "b"}}, {"tags": {"type": "c"}}) == {
        "tags": {"type": "c", "team": "b"}
    }


@pytest.mark.parametrize(
    "path", [("inference", "response_format", "json_schema", "schema"), ("mapping", "request")], ids=dotted
)
def test_schemas_and_skeletons_are_opaque(path):
    def at(value):
        for name in reversed(path):
            value = {name: value}
        return value

    below = at({"properties": {"a": {"default": None}}, "type": "object"})
    above = at({"properties": {"b": {"default": None}}})
    assert apply_patch(below, above) == above
    merged = merge([Layer("below", below), Layer("above", above)])
    assert merged.origins == {path: "above"}


def test_a_null_inside_an_upstream_waits_until_the_upstream_is_taken():
    layers = [
        Layer("a", {"upstreams": {"us": {"weight": 2, "inference": {"seed": 1}}, "eu": {}}}),
        Layer("b", {"upstreams": {"us": {"inference": {"seed": None}}, "eu": None}}),
    ]
    assert merge(layers).document == {"upstreams": {"us": {"weight": 2, "inference": {"seed": None}}}}


def test_an_upstreams_other_provider_drops_the_patchs_connection_below():
    layers = [
        Layer("a", {"provider": "one", "upstreams": {"us": {"connection": {"region": "us"}}}}),
        Layer("b", {"upstreams": {"us": {"provider": "two"}}}),
    ]
    assert merge(layers).document["upstreams"] == {"us": {"provider": "two"}}


def test_paths_are_written_with_dots_and_quotes():
    assert dotted(("model_kwargs", "a.b", "c")) == 'model_kwargs."a.b".c'
