"""One text for a regular expression, made without running it."""

import re

import pytest
from dragoman_local.patterns import PatternError, example
from hypothesis import given
from hypothesis import strategies as st

atoms = st.sampled_from(["a", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", ".", r"\.", "[a-f]", r"[^\d]", r"[\w-]", "é"])
patterns = st.recursive(
    st.tuples(atoms, st.sampled_from(["", "*", "+", "?", "{2}", "{1,3}", "{0,}", "+?"])).map("".join),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=2).map("|".join).map("({})".format),
        inner.map("(?:{})?".format),
    ),
    max_leaves=5,
)


@given(patterns, st.integers(0, 8))
def test_the_text_matches_the_whole_pattern(pattern, least):
    try:
        text = example(f"^{pattern}$", least)
    except PatternError:
        assert least > 0 or "|" in pattern
        return
    assert len(text) >= least
    assert re.fullmatch(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^\d{4}-\d{2}-\d{2}$", "0000-00-00"),
        (r"^#[0-9a-fA-F]{6}$", "#000000"),
        (r"^\+?[1-9]\d{1,14}$", "10"),
        ("^(foo|bar)+$", "foo"),
        (r"(?P<year>\d)(?:x)", "0x"),
        (r"\u00e9\x41\t", "éA\t"),
        ("[]]", None),
        ("[z-a]", None),
        ("(?i)a", None),
        ("(?=a)", None),
        (r"(a)\1", None),
        (r"\bword", None),
        ("a^b", None),
        ("a$b", None),
        ("a{2000}", None),
        ("((a{900}){900}){900}", None),
        ("(" * 50 + ")" * 50, None),
        ("(", None),
        ("a)", None),
        ("*", None),
        ("a**", None),
        ("[a", None),
        ("\\", None),
        (r"\ud800", None),
    ],
)
def test_known_patterns(pattern, text):
    if text is None:
        with pytest.raises(PatternError):
            example(pattern)
    else:
        assert example(pattern) == text
        assert re.search(pattern, text)


@given(st.text(alphabet="ab01\\dwDWS[](){}|^$*+?,-.: <>P=!", max_size=20), st.integers(0, 20))
def test_any_text_is_a_pattern_or_refused(pattern, least):
    try:
        text = example(pattern, least)
    except PatternError:
        return
    assert re.search(pattern, text)
