from __future__ import annotations

import jmespath
import pytest
from dragoman.mapping.explain import explain
from dragoman.mapping.expressions import FUNCTIONS, MAX_CHARS, MAX_DEPTH, ExpressionRefused, compile_expression
from dragoman.mapping.reads import ROOT, Reads
from hypothesis import given
from hypothesis import strategies as st

HOSTILE = {
    "doubling": "[@,@][] | [@,@][] | [@,@][]",
    "multi-select list": "[a, b]",
    "multi-select list after a path": "a.[b, c]",
    "multi-select hash": "{a: b}",
    "multi-select hash after a path": "a.{b: c}",
    "expression reference": "&a",
    "map": "map(&@, a)",
    "sort_by": "sort_by(a, &b)",
    "max_by": "max_by(a, &b)",
    "merge": "merge(a, b)",
    "to_array": "to_array(to_array(a))",
    "reverse": "reverse(a)",
    "unknown function": "system('ls')",
    "join with a separator that is data": "join(a, b)",
    "join with a separator that is made": "join(to_string(@), b)",
    "deep parentheses": "(" * 100 + "a" + ")" * 100,
    "unclosed parentheses": "(" * 200,
    "deep brackets": "[" * 120,
    "deep filters": "a" + "[?a" * 60 + "]" * 60,
    "many negations": "!" * 200 + "a",
    "deep projections": "a" + "[*]" * 80,
    "wide or": "||".join("a" * 80),
    "wide pipe": "|".join("a" * 100),
    "wide arguments": f"not_null({','.join('a' * 100)})",
    "long": "a" * (MAX_CHARS + 1),
    "a not that binds to the first name alone": "!a.b",
    "a step of zero": "a[::0]",
    "too few arguments": "length()",
    "too many arguments": "length(a, b)",
    "literal that is no JSON": "`foo`",
    "literal that is not a number": "`NaN`",
    "empty": "",
    "blank": "  \t",
    "unclosed text": "'abc",
    "unclosed literal": "`[1",
    "unclosed name": '"abc',
    "quoted function": '"length"(a)',
    "lodash index": "a.0.b",
    "JSONPath": "$.a",
    "null byte": "a\x00b",
    "control characters": "a\x1b[2J",
    "surrogate": "\ud800",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_expression_is_refused_with_a_reason(source: str) -> None:
    with pytest.raises(ExpressionRefused) as refused:
        compile_expression(source)
    assert refused.value.reason


@pytest.mark.parametrize(
    ("source", "position"),
    [("a.{b: c}", 2), ("abc || [d, e]", 7), ("a | map(&b, c)", 4), ("a[?`foo`]", 3), ("a b", 2), ("a == &b", 5)],
)
def test_refusal_names_the_position(source: str, position: int) -> None:
    with pytest.raises(ExpressionRefused, match=rf"\(at character {position}\)") as refused:
        compile_expression(source)
    assert refused.value.position == position


DOCUMENT = {
    "choices": [{"message": {"content": "hello"}, "index": 0}, {"message": {"content": "you"}, "index": 1}],
    "finish reason": "length",
    "zero": 0,
    "no": False,
    "nothing": None,
    "empty": "",
    "list": [3, 1, 2],
    "names": ["b", "a"],
}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("choices[0].message.content", "hello"),
        ("choices[-1].message.content", "you"),
        ("choices[9].message.content", None),
        ("[0].generated_text || choices[0].message.content", "hello"),
        ('"finish reason"', "length"),
        ("zero || list", 0),
        ("empty || zero", 0),
        ("not_null(nothing, empty, zero)", ""),
        ("!zero", False),
        ("!empty && list[0]", 3),
        ("!(choices[0].index)", False),
        ("!(choices[0].missing) && zero", 0),
        ("no && list", False),
        ("join('', choices[].message.content)", "helloyou"),
        ("join('-', names)", "b-a"),
        ("join('', missing)", None),
        ("choices[?index == `1`].message.content | [0]", "you"),
        ("choices[*].message.content", ["hello", "you"]),
        ("list[0:2]", [3, 1]),
        ("list[::-1]", [2, 1, 3]),
        ("length(list)", 3),
        ("length(zero)", None),
        ("max(list)", 3),
        ("sort(names)", ["a", "b"]),
        ("sum(list)", 6),
        ("contains(names, 'a')", True),
        ("contains('text', zero)", None),
        ("to_string(zero)", "0"),
        ("to_number('7')", 7),
        ("type(nothing)", "null"),
        ("starts_with(choices[0].message.content, 'he')", True),
        ("keys(choices[0])", ["message", "index"]),
        ("choices[0].*.content", ["hello"]),
        ("list > `1`", None),
        ("zero == `0`", True),
        ("empty == ''", True),
        ("@.zero", 0),
        ("zero.x.y", None),
        ("names[0][0]", None),
    ],
)
def test_expression_finds(source: str, found: object) -> None:
    assert compile_expression(source).search(DOCUMENT) == found


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "b", "text"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
PATHS = st.recursive(
    st.sampled_from(
        ["a", "b", "c", "@", "'text'", "`0`", "`true`", "a[0]", "a[-1]", "a[*].b", "a[].b", "a[?b].c", "*.a", "b[1:]"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" || ", " && ", " | ", " == ", " != ", " > "]), inner).map("".join),
        inner.map("!{}".format),
        inner.map("({})".format),
        st.tuples(inner, inner).map(lambda p: f"not_null({p[0]}, {p[1]})"),
        st.tuples(st.sampled_from(["length", "type", "to_string", "keys", "sort", "to_number"]), inner).map(
            lambda p: f"{p[0]}({p[1]})"
        ),
    ),
    max_leaves=4,
)


@given(PATHS, JSON)
def test_expression_finds_what_jmespath_finds(source: str, document: object) -> None:
    expression = compile_expression(source)
    try:
        expected = jmespath.search(source, document)
    except (jmespath.exceptions.JMESPathError, TypeError, ValueError, AttributeError):
        expression.search(document)  # how far it gets before it fails is the library's affair; ours never raises
        return
    assert expression.search(document) == expected


@given(st.text(alphabet="ab01.[]?*|&!=<>(){}@,:`'\"\\ -", max_size=40), JSON)
def test_any_text_is_refused_or_safe(source: str, document: object) -> None:
    try:
        expression = compile_expression(source)
    except ExpressionRefused:
        return
    found = expression.search(document)
    if found is None:
        assert explain(expression, document)
    Reads().add(expression.tree, ROOT)


def test_answer_nested_deeper_than_python_goes_finds_nothing() -> None:
    deep: list[object] = []
    for _ in range(5_000):
        deep = [deep]
    assert compile_expression("to_string(@)").search(deep) is None
    assert compile_expression("@ == a").search(deep) is False


def test_every_function_that_is_taken_exists_in_jmespath() -> None:
    assert set(jmespath.functions.Functions.FUNCTION_TABLE) >= FUNCTIONS


def test_depth_that_is_allowed_works() -> None:
    source = "(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1)
    assert compile_expression(source).search({"a": 1}) == 1


# --- where it stopped --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("outputs[0].text", "outputs is an empty list, without [0]"),
        ("outputs.text", "outputs is an empty list, without text"),
        ("data.answer.text", "data is null, without answer"),
        ("data", "data is null"),
        ("usage.total", "usage is an object, without total"),
        ("usage.tokens.total", "usage.tokens is a number, without total"),
        (
            "[0].generated_text || generated_text",
            "the whole is an object, without [0]; the whole is an object, without generated_text",
        ),
        ("not_null(a, b)", "the whole is an object, without a; the whole is an object, without b"),
        ("join('', parts[?kind=='text'].text)", "parts is a list of 1, without [?…].text"),
        ("parts[].body", "parts is a list of 1, without [].body"),
        ('usage."a b"', 'usage is an object, without "a b"'),
        ("word.x", "word is text, without x"),
        ("word == 'y' && usage", "what stands before && is not so"),
    ],
)
def test_explanation_names_the_last_part_found_and_its_type(source: str, said: str) -> None:
    document = {
        "outputs": [],
        "data": None,
        "usage": {"tokens": 3},
        "parts": [{"kind": "image", "secret": "content"}],
        "word": "content",
    }
    assert explain(compile_expression(source), document) == said


# --- what is read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("params.max_tokens", {"params.max_tokens"}),
        ("messages[0].content", {"messages.content"}),
        ("messages[?role=='user'].content | [0]", {"messages.role", "messages.content"}),
        ("messages[].blocks[].text", {"messages.blocks.text"}),
        ("params.a || params.b", {"params.a", "params.b"}),
        ("params.a && params.b", {"params.a", "params.b"}),
        ("params.a > `0`", {"params.a"}),
        ("!stream", {"stream"}),
        ("join('', messages[].content)", {"messages.content"}),
        ("not_null(params.a, params.b).c", {"params.a", "params.b", "params.a.c", "params.b.c"}),
        ("params.*", {"params"}),
        ("`1`", set()),
    ],
)
def test_reads(source: str, read: set[str]) -> None:
    reads = Reads()
    reads.add(compile_expression(source).tree, ROOT)
    assert {".".join(path) for path in reads.paths} == read
