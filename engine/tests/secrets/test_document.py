import json
from typing import Any

import pytest
from dragoman.secrets.document import NAME_PATTERN, SecretDocument, read_json, read_plain_text
from hypothesis import given
from hypothesis import strategies as st


def revealed(document: SecretDocument) -> dict[str, str]:
    return {name: secret.reveal() for name, secret in document.values.items()}


def told(document: SecretDocument) -> list[str]:
    return [note.text for note in document.notes]


def test_an_object_of_names_and_values() -> None:
    document = read_json('{"OPENAI_API_KEY": "sk-1", "AI21_API_KEY": "a"}', {})
    assert revealed(document) == {"OPENAI_API_KEY": "sk-1", "AI21_API_KEY": "a"}
    assert document.notes == ()
    assert document.failure is None


@pytest.mark.parametrize("text", ["{}", " {}\n", "\ufeff{}"])
def test_an_empty_object_means_no_keys(text: str) -> None:
    assert read_json(text, {}) == SecretDocument()


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("", "is empty; write {} where there are no keys"),
        (" \n", "is empty; write {} where there are no keys"),
        ("[]", "is an array; a JSON object of names and values is expected"),
        ('["sk-canary"]', "is an array; a JSON object"),
        ("12345678", "is a number; a JSON object"),
        ("NaN", "is a number; a JSON object"),
        ("true", "is true or false; a JSON object"),
        ("null", "is null; a JSON object"),
        ('"sk-canary"', "is text; a JSON object of names and values is expected; where the whole text is one value"),
        ("sk-canary", "is not valid JSON: line 1, column 1: a value is expected; where the whole text is one value"),
        ("KEY=sk-canary", "is not valid JSON: line 1, column 1"),
        ('{"A": "sk-canary",\n}', "is not valid JSON: line 2, column 1: a name in double quotes is expected; look for"),
        ('{\n "A": "sk-canary" "B": ""}', "line 2, column 19: a comma or the end is expected"),
        ('{"sk-canary" "sk-canary"}', "line 1, column 14: a colon is expected"),
        ('{"A": sk-canary}', "line 1, column 7: a value is expected"),
        ('{"A": "sk-canary', "line 1, column 7: a text has no closing quote"),
        ('{"A": "sk-\ncanary"}', "line 1, column 11: a text holds a line break"),
        ('{"A": "sk-\\canary"}', "line 1, column 11: a text holds an unknown escape"),
        ('{"A": "1"} sk-canary', "line 1, column 12: something follows after the end"),
        ('{"A_KEY": "sk-canary", "A_KEY": "sk-canary2"}', "has A_KEY more than once; keep one of them"),
        ('{"sk-canary": "", "sk-canary": ""}', "has a name more than once"),
        ('{"a": {"KEY": "sk-canary", "KEY": ""}}', "has KEY more than once"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"A": ' * 100_000, "is nested too deeply"),
    ],
)
def test_what_is_no_document_is_told_with_its_position_and_never_quoted(text: str, failure: str) -> None:
    document = read_json(text, {})
    assert document.failure is not None
    assert failure in document.failure
    assert "canary" not in document.failure
    assert not document.values


@pytest.mark.parametrize(
    ("member", "note"),
    [
        ("1", "KEY is a number and left out; write it as text, in double quotes"),
        ("1.5e3", "KEY is a number"),
        ("9" * 5000, "KEY is a number"),
        ("true", "KEY is true or false"),
        ("null", "KEY is null"),
        ('["sk-canary"]', "KEY is an array"),
        ('{"key": "sk-canary"}', "KEY is an object and left out; rename says which of its members are secrets"),
        ('""', "KEY is empty and counts as absent"),
        ('"sk-canary\\u0000"', "KEY holds characters that cannot be sent"),
        ('"sk-canary\\ud800"', "KEY holds characters that cannot be sent"),
    ],
)
def test_one_unusable_value_is_told_by_its_name_and_hides_nothing(member: str, note: str) -> None:
    document = read_json(f'{{"KEY": {member}, "OTHER": "sk-2"}}', {})
    assert revealed(document) == {"OTHER": "sk-2"}
    assert [n.name for n in document.notes] == ["KEY"]
    assert note in document.notes[0].text
    assert "canary" not in repr(document)


@pytest.mark.parametrize("name", ["sk-canary", "", "1KEY", "A KEY", "KEY\\n", "ÄKEY"])
def test_an_ill_formed_name_is_left_out_and_told_by_its_position_alone(name: str) -> None:
    document = read_json(f'{{"A_KEY": "sk-1", "{name}": "x"}}', {})
    assert revealed(document) == {"A_KEY": "sk-1"}
    assert told(document) == ["name number 2 cannot be an environment variable's; it is left out"]


@pytest.mark.parametrize("name", ["AZURE_OPENAI_API_KEY__Model1", "AZURE_OPENAI_API_KEY__gpt-4.1 mini/eu:x", "_a", "k"])
def test_a_name_may_end_in_a_model_after_a_double_underscore(name: str) -> None:
    assert revealed(read_json(json.dumps({name: "v"}), {})) == {name: "v"}


def test_blanks_around_a_value_are_kept_and_told() -> None:
    document = read_json('{"A": "sk-1\\n", "PEM": "-----BEGIN\\nabc\\nEND-----\\n"}', {})
    assert revealed(document)["A"] == "sk-1\n"
    assert told(document) == ["A begins or ends with a blank or a line break, which is kept"]


# --- rename ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "path", "value"),
    [
        ({"openai": {"key": "v"}}, "openai.key", "v"),
        ({"openai.key": "v", "openai": {"key": "other"}}, "openai.key", "v"),
        ({"a": {"b.c": "v", "b": {"c": "other"}}}, "a.b.c", "v"),
        ({"a.b": {"c": "v"}, "a": {"b": {"c": "other"}}}, "a.b.c", "v"),
        ({"a.b": {"x": "other"}, "a": {"b": {"c": "v"}}}, "a.b.c", "v"),
        ({"a.b": "text", "a": {"b": {"c": "v"}}}, "a.b.c", "v"),
        ({"key": "v"}, "key", "v"),
        ({"port": 8080}, "port", "8080"),
        ({"x": {"ratio": 1.50}}, "x.ratio", "1.5"),
        ({"x": {"on": True, "off": False}}, "x.on", "true"),
    ],
)
def test_rename_finds_a_value_by_its_path(members: dict[str, Any], path: str, value: str) -> None:
    document = read_json(json.dumps(members), {"NEW_NAME": path})
    assert revealed(document)["NEW_NAME"] == value


def test_a_number_keeps_the_form_in_which_it_was_written() -> None:
    assert revealed(read_json('{"a": 1.50e+03}', {"N": "a"})) == {"N": "1.50e+03"}


def test_what_is_renamed_is_not_there_under_its_old_name() -> None:
    document = read_json(
        '{"old": "v", "nested": {"key": "w", "rest": 1}, "KEPT": "k"}', {"A": "old", "B": "nested.key"}
    )
    assert revealed(document) == {"A": "v", "B": "w", "KEPT": "k"}
    assert document.notes == ()


def test_names_can_be_swapped() -> None:
    assert revealed(read_json('{"A": "1", "B": "2"}', {"A": "B", "B": "A"})) == {"A": "2", "B": "1"}


def test_a_renamed_value_wins_over_one_of_that_name_and_it_is_told() -> None:
    document = read_json('{"KEY": "own", "x": {"key": "renamed"}}', {"KEY": "x.key"})
    assert revealed(document) == {"KEY": "renamed"}
    assert told(document) == ["KEY is there and is also renamed to; the renamed value is used"]


def test_a_path_that_leads_nowhere_is_told_and_the_own_value_stays() -> None:
    document = read_json('{"KEY": "own", "x": {"other": "v"}}', {"KEY": "x.key", "SECOND": "x.other"})
    assert revealed(document) == {"KEY": "own", "SECOND": "v"}
    assert told(document) == ["KEY is to come from x.key, which is not there"]


@pytest.mark.parametrize("value", [{"deep": "sk-canary"}, ["sk-canary"], None, ""])
def test_a_path_to_something_that_is_no_value_is_told(value: Any) -> None:
    document = read_json(json.dumps({"x": {"key": value}}), {"KEY": "x.key"})
    assert not document.values
    assert [n.name for n in document.notes] == ["KEY"]
    assert "canary" not in told(document)[0]


names = st.text(alphabet="abcXYZ_09.-", min_size=1, max_size=6)
values = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
trees = st.recursive(values, lambda below: st.dictionaries(names, below, min_size=1, max_size=4), max_leaves=12)


@given(st.dictionaries(names, trees, min_size=1, max_size=4), st.data())
def test_every_path_finds_the_reading_with_the_longest_names(members: dict[str, Any], data: st.DataObject) -> None:
    place: Any = members
    keys: list[str] = []
    while isinstance(place, dict):
        keys.append(data.draw(st.sampled_from(sorted(place))))
        place = place[keys[-1]]
    path = ".".join(keys)
    document = read_json(json.dumps(members), {"NEW": path})
    assert revealed(document)["NEW"] == first_reading(members, path.split("."))


def first_reading(place: Any, parts: list[str]) -> Any:
    """Return what the path means, by trying every way to cut it, longest first names first."""
    if not parts:
        return place
    if not isinstance(place, dict):
        return None
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in place and (found := first_reading(place[name], parts[length:])) is not None:
            return found
    return None


@given(st.text())
def test_no_text_makes_the_reader_fail_or_quote_it(text: str) -> None:
    marked = f"{text}sk-canary{text}"
    document = read_json(marked, {"A": "a.b"})
    assert "canary" not in repr(document)
    assert all(NAME_PATTERN.fullmatch(name) for name in document.values)


# --- plain text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["hf_token", "hf_token\n", "hf_token\r\n", "\ufeffhf_token\n"])
def test_plain_text_is_one_value_without_its_line_break(text: str) -> None:
    assert revealed(read_plain_text(text, "HF_TOKEN")) == {"HF_TOKEN": "hf_token"}


def test_plain_text_may_have_several_lines_and_look_like_json() -> None:
    assert revealed(read_plain_text('{"a":\n 1}\n', "KEY_FILE")) == {"KEY_FILE": '{"a":\n 1}'}


@pytest.mark.parametrize(("text", "failure"), [("", "is empty"), ("\n", "is empty"), ("a\0b", "cannot be sent")])
def test_plain_text_without_a_value_is_told(text: str, failure: str) -> None:
    assert failure in str(read_plain_text(text, "HF_TOKEN").failure)
