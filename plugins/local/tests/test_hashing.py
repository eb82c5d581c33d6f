"""The toy embedding: the same everywhere, near where texts are spelt alike, and no more than that."""

import json
import math
import subprocess
import sys

import pytest
from dragoman_local.hashing import cosine, is_blank, vector
from hypothesis import given
from hypothesis import strategies as st

TEXTS = ["How do I bake bread?", "Ünïcode ﬁne ΣΑΣ", "日本語のテキスト", "!?", "a\ud800b"]


def test_vectors_are_the_same_in_another_process():
    program = (
        "import json, sys\n"
        "from dragoman_local.hashing import vector\n"
        "print(json.dumps([vector(text, 64) for text in json.loads(sys.argv[1])]))"
    )
    for seed in ("1", "2"):
        shown = subprocess.run(
            [sys.executable, "-c", program, json.dumps(TEXTS)],
            capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert json.loads(shown.stdout) == [vector(text, 64) for text in TEXTS]


def test_a_known_text_keeps_its_vector():
    # Stored vectors stay comparable as long as VERSION stays what it is.
    assert [round(value, 6) for value in vector("hello world", 4)] == KNOWN


KNOWN = [0.416472, 0.898487, -0.138824, 0.0]


@pytest.mark.parametrize("dimensions", [256, 1024])
@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("How do I bake bread at home?", "Baking bread at home is easy", "The stock market fell on Monday"),
        ("iterators and generators", "a generator is an iterator", "the weather in Paris"),
        ("Großstadt", "GROSSSTADT", "Kleinkunst"),
    ],
)
def test_similar_texts_are_nearer_than_unrelated_ones(dimensions, text, near, far):
    here, there, elsewhere = (vector(each, dimensions) for each in (text, near, far))
    assert cosine(here, there) > cosine(here, elsewhere) + 0.2


@given(st.text(), st.integers(1, 300))
def test_any_text_has_a_vector_of_length_one_or_is_blank(text, dimensions):
    found = vector(text, dimensions)
    assert len(found) == dimensions
    assert math.isclose(math.hypot(*found), 0 if is_blank(text) else 1)


def test_order_and_case_do_not_count_and_repetition_counts_less_and_less():
    assert vector("b A", 64) == vector("a B", 64)
    once, twice, often = (vector("word " * times + "other", 64) for times in (1, 2, 50))
    pure = vector("word", 64)
    assert cosine(once, pure) < cosine(twice, pure) < cosine(often, pure) < 1


def test_a_vector_can_keep_its_length():
    assert math.hypot(*vector("one two three four", 64, normalize=False)) > 1
