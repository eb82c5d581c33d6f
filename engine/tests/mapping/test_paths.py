"""Paths as lodash 4.17.21 reads them; the table was measured against it, and thousands of random paths as well."""

from __future__ import annotations

import pytest
from dragoman.mapping.expressions import compile_expression
from dragoman.mapping.paths import expression_of, path_expression, path_keys, set_path, shorthand_mapping


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("a.b.c", ["a", "b", "c"]),
        ("a[0].b", ["a", "0", "b"]),
        ("a.0.b", ["a", "0", "b"]),
        ("[0].generated_text", ["0", "generated_text"]),
        ("inputs[0][0].content", ["inputs", "0", "0", "content"]),
        ('a["x.y"]', ["a", "x.y"]),
        ("a['x']", ["a", "x"]),
        ("a[b]", ["a", "b"]),
        ('a["q\\"t"]', ["a", 'q"t']),
        ("a..b", ["a", "", "b"]),
        (".a", ["", "a"]),
        ("a.", ["a", ""]),
        ("a[-1]", ["a", "-1"]),
        ("a[ 0 ]", ["a", " 0 "]),
        ("$.a", ["$", "a"]),
        ("a[*].b", ["a", "*", "b"]),
        ('a[""]', ["a", ""]),
        ("[]", [""]),
        ("a[", ["a"]),
        ("a]b", ["a", "b"]),
        ("", []),
    ],
)
def test_keys_of_a_path(path, keys) -> None:
    assert list(path_keys(path)) == keys


DOCUMENT = {
    "a": {"b": {"c": 1}, "x.y": 2, "": {"b": 3}, "-1": 4, "*": {"b": 5}, "list": [{"b": 6}, None, ""], "word": "text"},
    "a.b": 7,
    "$": {"a": 8},
    "finish reason": 9,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b.c", 1),
        ("a.b", 7),  # a member of that very name wins
        ("a['x.y']", 2),
        ("a..b", 3),
        ("a[-1]", 4),
        ("a[*].b", 5),
        ("a.list[0].b", 6),
        ("a.list.0.b", 6),
        ("a.list[2]", ""),
        ("a.list[1].b", None),
        ("a.list[9]", None),
        ("a.missing.b", None),
        ("$.a", 8),
        ("finish reason", 9),
        ("a.list.length", None),
        ("a.word[0]", None),
        ("a.word.length", None),
        ("a.constructor.name", None),
        ("a.__proto__", None),
    ],
)
def test_expression_finds_what_the_path_does(path, found) -> None:
    assert compile_expression(path_expression(path)).search(DOCUMENT) == found


@pytest.mark.parametrize(
    ("path", "expression"),
    [
        ("[0].generated_text", "[0].generated_text"),
        ("generated_text", "generated_text"),
        ("outputs[0].text", "outputs[0].text"),
        ("a.b", 'not_null("a.b", a.b)'),
        ("a[b c]", 'a."b c"'),
    ],
)
def test_usual_path_stays_readable(path, expression) -> None:
    assert path_expression(path) == expression


@pytest.mark.parametrize(
    ("body", "path", "changed"),
    [
        ({}, "a.0.b", {"a": [{"b": 1}]}),
        ({}, "a[b]", {"a": {"b": 1}}),
        ({}, "[0].x", {"0": {"x": 1}}),
        ({}, "inputs[0][0].content", {"inputs": [[{"content": 1}]]}),
        ({}, "a[2]", {"a": [None, None, 1]}),
        ({}, "a.01", {"a": {"01": 1}}),
        ({}, "a[", {"a[": 1}),
        ({"a": {"x": 2}}, "a.b", {"a": {"x": 2, "b": 1}}),
        ({"a": [2]}, "a[1]", {"a": [2, 1]}),
        ({"a": "scalar"}, "a.b", {"a": {"b": 1}}),
        ({"a": None}, "a.b", {"a": {"b": 1}}),
        ({"a.b": 1, "a": 3}, "a.b", {"a.b": 1, "a": 3}),
    ],
)
def test_set_makes_what_is_missing(body, path, changed) -> None:
    before = repr(body)
    assert set_path(body, path, 1) == changed
    assert repr(body) == before


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        ({}, "", "is empty"),
        ({}, "__proto__.x", "'__proto__'"),
        ({}, "a.constructor.prototype.x", "'constructor'"),
        ({"a": {"$": "prompt"}}, "a.b", "already filled"),
        ({"a": {"$": "prompt"}}, "a", "already filled"),
        ({"a": []}, "a.b", "no index"),
    ],
)
def test_set_refuses_what_would_do_harm(body, path, said) -> None:
    with pytest.raises(ValueError, match=said):
        set_path(body, path, 1)


def test_expression_of_keys() -> None:
    assert expression_of(["choices", 0, "finish reason"]) == 'choices[0]."finish reason"'
    assert expression_of([0, "a"]) == "[0].a"
    assert expression_of([]) == "@"


# --- the shorthand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shorthand", "body"),
    [
        ({}, {"text_inputs": "hi", "temperature": 0.6, "stop": ["x"]}),
        (
            {"prompt_path": "inputs", "kwargs_path": "parameters"},
            {"inputs": "hi", "parameters": {"temperature": 0.6, "stop": ["x"]}},
        ),
        ({"prompt_path": "inputs[0][0].content"}, {"inputs": [[{"content": "hi"}]], "temperature": 0.6, "stop": ["x"]}),
        (
            {"prompt_path": "a.prompt", "kwargs_path": "a.config"},
            {"a": {"prompt": "hi", "config": {"temperature": 0.6, "stop": ["x"]}}},
        ),
    ],
)
def test_shorthand_sends_the_same_body(shorthand, body, payload_of, ask) -> None:
    import orjson

    payload = payload_of(**shorthand_mapping(**shorthand))
    assert orjson.loads(payload.encode(ask(kwargs={"temperature": 0.6, "stop": ["x"]}), "m")) == body


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("[0].generated_text", b'[{"generated_text": "yes"}]'),
        ("completion", b'{"completion": "yes"}'),
        ("a.0.b", b'{"a": [{"b": "yes"}]}'),
    ],
)
def test_shorthand_reads_the_answer(path, answer, payload_of, ask) -> None:
    assert payload_of(**shorthand_mapping(output_path=path)).decode(answer, ask()).text == "yes"


def test_shorthand_that_would_lose_the_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="already filled"):
        shorthand_mapping("body", "body")
    with pytest.raises(ValueError, match="path is empty"):
        shorthand_mapping(output_path="")
