"""A made value conforms to its schema, whatever the schema; what cannot be followed is refused."""

import json

import jsonschema
import pytest
from dragoman.plugin import Inference
from dragoman_local.prompted import Prompted
from dragoman_local.sampling import Sampler
from dragoman_local.schema import SchemaError, Schemas
from dragoman_local.values import conforming_value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = st.sampled_from(["name", "size", "userId", "on_or_off", "été", "$ref", "a/b~c"])
PROMPTS = st.sampled_from(["", "Take 'red', \"blue\" and 'x' or 3, 4.5 and -7 on '2025-12-24'", "7 " * 50])


def make(schema, prompt="", **inference):
    return conforming_value(
        schema,
        schema,
        sampler=Sampler(Inference(**inference)),
        prompted=Prompted(prompt),
        phrase=lambda name: f"A text about {name}" if name else "A text",
    )


def validator(schema):
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def bounds(least, most, values):
    """Return a strategy of two keywords whose values are in order."""
    pair = st.tuples(values, values).map(sorted)
    return pair.map(lambda ends: {least: ends[0], most: ends[1]})


def joined(*parts):
    return st.tuples(*parts).map(lambda found: {k: v for part in found for k, v in part.items()})


def maybe(strategy):
    return st.one_of(st.just({}), strategy)


counts = st.integers(0, 6)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=5))
strings = joined(
    st.just({"type": "string"}),
    maybe(
        st.one_of(
            bounds("minLength", "maxLength", st.integers(0, 60)),
            st.sampled_from(["date", "date-time", "email", "uri", "uuid", "ipv4", "ipv6", "made-up"]).map(
                lambda name: {"format": name}
            ),
            st.sampled_from([r"^[a-z]{2,5}-\d+$", "a|b", r"\w+@\w+", r"^(x|y)*$"]).map(lambda p: {"pattern": p}),
        )
    ),
)
integers = joined(
    st.just({"type": "integer"}),
    maybe(bounds("minimum", "maximum", st.integers(-200, 200))),
    maybe(st.just({"multipleOf": 1})),
)
numbers = joined(
    st.just({"type": "number"}),
    maybe(bounds("minimum", "maximum", st.floats(-1e6, 1e6))),
)
opened = st.floats(-1e3, 1e3).map(lambda x: {"type": "number", "exclusiveMinimum": x, "exclusiveMaximum": x + 0.5})
leaves = st.one_of(
    strings,
    integers,
    numbers,
    opened,
    st.lists(scalars, min_size=1, max_size=4).map(lambda members: {"enum": members}),
    scalars.map(lambda value: {"const": value}),
    st.sampled_from([{}, True, {"type": "null"}, {"type": "boolean"}, {"type": ["string", "null"]}]),
)


def composed(inner):
    objects = st.tuples(st.dictionaries(NAMES, inner, max_size=4), st.booleans(), maybe(st.just(None))).map(
        lambda found: {
            "type": "object",
            "properties": found[0],
            "required": sorted(found[0]) if found[1] else [],
            **({"additionalProperties": False} if found[2] is None else {}),
        }
    )
    arrays = joined(
        inner.map(lambda items: {"type": "array", "items": items}), maybe(bounds("minItems", "maxItems", counts))
    )
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        objects,
        arrays,
        some.map(lambda prefix: {"type": "array", "prefixItems": prefix, "items": False, "minItems": len(prefix)}),
        some.map(lambda choices: {"anyOf": choices}),
        inner.map(lambda one: {"allOf": [one], "description": "once more"}),
        inner.map(lambda one: {"$ref": "#/$defs/it", "$defs": {"it": one}}),
    )


satisfiable = st.recursive(leaves, composed, max_leaves=12)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(satisfiable, PROMPTS, st.sampled_from([{"temperature": 0}, {"seed": 1}, {"seed": 2, "temperature": 2}]))
def test_a_schema_that_can_be_satisfied_is(schema, prompt, inference):
    schema = hoisted(schema)
    value = make(schema, prompt, **inference)
    validator(schema).validate(value)
    json.dumps(value, allow_nan=False)


def hoisted(schema):
    """Return the schema with every `$defs` moved to its root, where the references point."""
    definitions = {}

    def walk(part):
        if isinstance(part, list):
            return [walk(one) for one in part]
        if not isinstance(part, dict):
            return part
        part = {k: walk(v) for k, v in part.items()}
        if "$defs" in part:
            name = f"d{len(definitions)}"
            definitions[name] = part.pop("$defs")["it"]
            part["$ref"] = f"#/$defs/{name}"
        return part

    moved = walk(schema)
    return {**moved, "$defs": definitions} if definitions else moved


wild_numbers = st.one_of(st.integers(-5, 5), st.floats(-5, 5), st.sampled_from([10**400, 1e308, "1", None, True]))
wild = st.recursive(
    st.one_of(
        st.booleans(),
        st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(["string", "integer", "number", "null", "boolean", "text", ["string"], [], 3]),
                "enum": st.lists(scalars, max_size=3),
                "const": scalars,
                "minimum": wild_numbers,
                "exclusiveMaximum": wild_numbers,
                "multipleOf": st.sampled_from([1, 2, 7, 0, -1, "2", True]),
                "minLength": wild_numbers,
                "maxLength": wild_numbers,
                "pattern": st.one_of(st.text(max_size=8), st.from_regex(r"[a-z\\d\[\](){}|^$*+?,0-9-]{0,12}")),
                "format": st.text(max_size=3),
            },
        ),
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", ["object", "string"]]),
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "required": st.lists(NAMES, max_size=3, unique=True),
            "additionalProperties": inner,
            "propertyNames": inner,
            "minProperties": wild_numbers,
            "maxProperties": wild_numbers,
            "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=2),
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "minItems": wild_numbers,
            "maxItems": wild_numbers,
            "uniqueItems": st.booleans(),
            "contains": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
        },
    ),
    max_leaves=6,
)


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(wild, PROMPTS)
def test_any_schema_is_followed_or_refused(schema, prompt):
    try:
        value = make(schema, prompt, seed=1)
    except SchemaError:
        return
    assert jsonschema.Draft202012Validator(schema).is_valid(value)


TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["value", "children", "next"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
SHAPES = {
    "type": "array",
    "minItems": 2,
    "items": {
        "oneOf": [
            {"properties": {"kind": {"const": "circle"}, "radius": {"type": "number"}}, "required": ["kind", "radius"]},
            {"properties": {"kind": {"const": "square"}, "side": {"type": "number"}}, "required": ["kind", "side"]},
        ]
    },
}


@pytest.mark.parametrize(
    "schema",
    [
        TREE,
        SHAPES,
        {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "items": {"type": "string"}, "minItems": 5, "uniqueItems": True},
        {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 20, "uniqueItems": True},
        {"allOf": [{"type": ["number", "string"]}, {"type": ["integer", "null"]}, {"minimum": 5}, {"minimum": 3}]},
        {
            "allOf": [
                {"properties": {"a": {"type": "integer", "minimum": 3}}, "required": ["a"]},
                {"properties": {"a": {"maximum": 3}}},
            ]
        },
        {"type": "integer", "minimum": 8, "multipleOf": 7},
        {"type": "integer", "minimum": -10, "exclusiveMaximum": -8},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 0.001},
        {"type": "number", "multipleOf": 0.25, "minimum": 0.3},
        {"type": "integer", "minimum": 10**400},
        {"type": "object", "minProperties": 3},
        {"type": "object", "properties": {"a": True}, "minProperties": 1, "maxProperties": 1},
        {"type": "object", "properties": {"a": True, "b": False}, "dependentRequired": {"a": ["c"]}},
        {"type": "object", "required": ["x"], "additionalProperties": {"type": "integer"}},
        {"type": "string", "pattern": "^[a-c]+$", "minLength": 17, "maxLength": 17},
        {"type": "string", "minLength": 1000},
        {"type": "string", "maxLength": 0},
        {"not": {"type": "integer"}},
        {"if": {"properties": {"a": {"type": "string"}}}, "then": {"required": []}, "properties": {"a": True}},
    ],
    ids=lambda schema: json.dumps(schema)[:60],
)
@pytest.mark.parametrize("inference", [{"temperature": 0}, {"seed": 4}])
def test_known_hard_schemas_are_satisfied(schema, inference):
    validator(schema).validate(make(schema, **inference))


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (False, "cannot be satisfied|no member fits"),
        ({"enum": []}, "no member fits"),
        ({"type": "strange"}, "type that is malformed"),
        ({"minimum": "3"}, "minimum that is malformed"),
        ({"exclusiveMinimum": True}, "exclusiveMinimum that is malformed"),
        ({"items": [{"type": "string"}]}, "items that is malformed"),
        ({"properties": {"a": 3}}, "properties that is malformed"),
        ({"type": "array", "contains": {"type": "string"}}, "uses contains"),
        ({"patternProperties": {"^a": True}}, "uses patternProperties"),
        ({"$ref": "https://example.com/schema.json"}, "another document"),
        ({"$ref": "#/$defs/lost"}, "points nowhere"),
        ({"$ref": "#"}, "too large or too deep"),
        ({"type": "array", "minItems": 1, "items": {"$ref": "#"}}, "too large or too deep"),
        ({"type": "string", "minLength": 10**9}, "too long a text"),
        ({"type": "array", "minItems": 10**9}, "too long a list"),
        ({"minProperties": 10**9}, "too many members"),
        ({"type": "string", "pattern": "^(?=a)b"}, "pattern that cannot be followed"),
        ({"type": "string", "pattern": "^a$", "minLength": 2}, "pattern that cannot be followed"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "leaves no number"),
        ({"type": "integer", "minimum": 1, "maximum": 5, "multipleOf": 7}, "leaves no number"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "exclude each other"),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 3, "uniqueItems": True}, "more different items"),
        ({"not": {}}, "cannot be satisfied"),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, "cannot be satisfied"),  # 3.5 would do; it is not found
    ],
)
def test_what_cannot_be_followed_is_refused_with_the_reason(schema, why):
    with pytest.raises(SchemaError, match=why):
        make(schema)


def test_a_pattern_is_never_run():
    schema = {"type": "string", "pattern": "^(a+)+(a{40})$"}
    assert make(schema, "'" + "a" * 60 + "!'") == "a" * 41


@pytest.mark.parametrize(
    ("schema", "prompt", "value"),
    [
        ({"type": "integer"}, "What is magic_function(3)?", 3),
        ({"type": "integer"}, "Not 3.5 nor v2, but -4", -4),
        ({"type": "integer", "minimum": 10}, "3 or 12", 12),
        ({"type": "number"}, "It costs 3.5.", 3.5),
        ({"type": "string"}, "Call him 'Bob', don't call him \"Rob\".", "Bob"),
        ({"type": "string"}, "Create a customer named '你好啊集团' (Hello Group)", "你好啊集团"),
        ({"type": "string", "format": "date"}, "'soon' or '2025-12-24'", "2025-12-24"),
        ({"type": "string", "maxLength": 3}, "'long one' and 'one'", "one"),
        ({"enum": ["celsius", "fahrenheit"]}, "The weather in Fahrenheit", "fahrenheit"),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3}, "add 3, 4 and 5", [3, 4, 5]),
        (
            {"properties": {"a": {"type": "string"}, "b": {"type": "integer"}, "c": {"type": "string"}}},
            "1 'x' 2 'y'",
            {"a": "x", "b": 1, "c": "y"},
        ),
    ],
)
def test_values_are_taken_from_the_prompt_in_order(schema, prompt, value):
    assert make(schema, prompt, temperature=0) == value


def test_a_value_is_repeatable_by_seed_and_by_temperature_0():
    schema = {"type": "array", "items": {"enum": list(range(100))}, "minItems": 9, "maxItems": 9}
    assert make(schema, temperature=0) == [0] * 9
    assert make(schema, seed=1) == make(schema, seed=1) != make(schema, seed=2)


@given(st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5), wild)
@settings(max_examples=500)
def test_what_is_said_to_conform_does(value, schema):
    try:
        conforms = Schemas(schema).conforms(value, schema)
    except SchemaError:
        return
    assert conforms == jsonschema.Draft202012Validator(schema).is_valid(value)
