"""Tokens: nothing is lost, and what is written is counted as it was made."""

import pytest
from dragoman_local.tokens import count, pieces, words, written
from hypothesis import given
from hypothesis import strategies as st


@given(st.text())
def test_the_pieces_are_the_text(text):
    assert "".join(pieces(text)) == text
    assert count(text) == len(pieces(text))


@given(st.lists(st.from_regex(r"[\w.,;:!?' -]{0,20}", fullmatch=True)))
def test_a_written_text_has_as_many_tokens_as_were_written(texts):
    tokens = [word for text in texts for word in words(text)]
    text = "".join(written(token, tokens[i - 1] if i else None) for i, token in enumerate(tokens))
    assert count(text) == len(tokens)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello, world!", 4),
        ("don't re-use 3.14", 3),
        ("  spaces \n only at the end ", 6),
        ("你好", 1),
        ("🙂🙂", 2),
        ('{"a": 1}', 7),
        ("", 0),
    ],
)
def test_a_token_is_a_word_or_a_mark(text, tokens):
    assert count(text) == tokens
