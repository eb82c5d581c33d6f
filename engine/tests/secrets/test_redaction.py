import base64
import copy
import json
import pickle
import re
from urllib.parse import quote, quote_plus

import pytest
from dragoman.secrets.redaction import MAX_VALUES, Redactor
from hypothesis import given
from hypothesis import strategies as st

VALUE = "sk-Ab/9+\"q'é ü\\z=?"


def redactor(*values: str) -> Redactor:
    made = Redactor()
    made.remember(values)
    return made


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        json.dumps(VALUE),
        json.dumps(VALUE, ensure_ascii=False),
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        re.sub("%..", lambda found: found[0].lower(), quote(VALUE, safe="")),
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
        base64.b64encode(VALUE.encode()).decode().rstrip("="),
    ],
)
def test_every_form_of_a_value_is_taken_out(form: str) -> None:
    said = redactor(VALUE).redact(f"before {form} after")
    assert said.startswith("before ")
    assert said.endswith(" after")
    assert "***" in said
    assert len(said) <= len('before "***==" after')


@pytest.mark.parametrize("user", ["", "u", "us", "use", "user"])
def test_a_value_inside_a_longer_base64_is_taken_out(user: str) -> None:
    text = base64.b64encode(f"{user}:secret-password".encode()).decode()
    said = redactor("secret-password").redact(f"Basic {text}")
    assert "***" in said
    assert len(said) < len(f"Basic {text}") - 12


def test_longer_values_go_first_and_overlapping_ones_together() -> None:
    known = redactor("abcdef", "abcdefghij", "ghijklmnop")
    assert known.redact("x abcdefghij y abcdef z") == "x *** y *** z"
    assert known.redact("x abcdefghijklmnop y") == "x *** y"


def test_a_value_that_repeats_itself_leaves_nothing_behind() -> None:
    assert redactor("ababab").redact("abababab") == "***"


def test_a_value_with_blanks_around_it_is_also_found_without_them() -> None:
    assert redactor("sk-secret\n").redact("key sk-secret!") == "key ***!"


@pytest.mark.parametrize("value", ["", "azure", "12345"])
def test_short_values_are_left_alone(value: str) -> None:
    assert redactor(value).redact("azure 12345 text") == "azure 12345 text"


def test_nothing_known_changes_nothing() -> None:
    assert Redactor().redact("text *** text") == "text *** text"


def test_a_value_that_is_no_utf8_is_found() -> None:
    assert redactor("sk-\udcff-secret").redact("sk-\udcff-secret, sk-%FF-secret") == "***, ***"


def test_the_oldest_values_are_forgotten_and_those_in_use_are_not() -> None:
    known = redactor("in-use-value", "forgotten-value")
    for number in range(MAX_VALUES):
        known.remember([f"rotated-value-{number}", "in-use-value"])
    assert known.redact("in-use-value forgotten-value") == "*** forgotten-value"


def test_known_values_can_neither_be_pickled_nor_copied() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(redactor(VALUE))
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        copy.deepcopy(redactor(VALUE))
    assert VALUE not in repr(redactor(VALUE))


words = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=6, max_size=30).filter(
    lambda value: len(value.strip()) >= 6 and "***" not in value
)


@given(st.lists(words, min_size=1, max_size=4), st.text(max_size=20))
def test_no_value_survives(values: list[str], between: str) -> None:
    said = redactor(*values).redact(between.join(values) + "".join(values))
    assert not any(value in said for value in values)
