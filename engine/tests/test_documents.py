"""Documents on disk: YAML, JSON and TOML say the same, and a round trip loses nothing."""

import pytest
import yaml
from dragoman.documents import parse_document, read_document, write_document
from dragoman.errors import DocumentError
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.text(max_size=12) | st.sampled_from(
    ["no", "on", "~", "null", "1e3", "0o7", "2026-11-01", "1_000", "3.00", "="]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)
DOCUMENTS = st.dictionaries(st.text(max_size=8), JSON, max_size=4)


@pytest.mark.parametrize("suffix", [".json", ".yaml", ".yml"])
@given(document=DOCUMENTS)
def test_a_round_trip_loses_nothing(suffix, document):
    assert parse_document(write_document(document, suffix), suffix, "document") == document


@given(document=st.dictionaries(TEXTS, TEXTS | st.sampled_from(["OFF", "y", "0777", "12:30", "-1_0:59.5", "0o17"])))
def test_readers_of_yaml_1_1_such_as_cloudformation_see_the_same_text(document):
    text = write_document(document, ".yaml")
    assert yaml.safe_load(text) == document


def test_toml_says_the_same_as_yaml():
    document = {
        "name": "a",
        "inference": {"temperature": 0.5, "stop_sequences": ["x"]},
        "rules": [{"forbid": "inference.seed"}],
    }
    assert parse_document(write_document(document, ".toml"), ".toml", "document") == document


def test_toml_refuses_null_and_says_where_it_can_be_written():
    with pytest.raises(DocumentError, match=r"null.*YAML or JSON"):
        write_document({"inference": {"seed": None}}, ".toml")


@pytest.mark.parametrize(("suffix", "text"), [(".yaml", "checked: 2026-11-01"), (".toml", "checked = 2026-11-01")])
def test_dates_become_their_text(suffix, text):
    assert parse_document(text, suffix, "document") == {"checked": "2026-11-01"}


@pytest.mark.parametrize(
    ("suffix", "text", "says"),
    [
        (".json", '{"a": 1, "a": 2}', "'a' is given twice"),
        (".yaml", "a: 1\na: 2", "duplicate key"),
        (".json", '{"a": 1,}', "line 1, column"),
        (".yaml", "a: [1", "line 1"),
        (".toml", "a = ", "not TOML"),
        (".yaml", "- 1", "holds list"),
        (".yaml", "", "holds nothing"),
        (".yaml", "1: x", "write it in quotes"),
        (".json", '{"a": NaN}', "not a number in JSON"),
        (".yaml", "a: &a [*a]", "nested too deeply"),
        (".ini", "a=1", "suffix '.ini'"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(suffix, text, says):
    with pytest.raises(DocumentError, match=r"^my-file: ") as caught:
        parse_document(text, suffix, "my-file")
    assert says in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DocumentError, match=r"absent\.yaml: cannot be read: No such file"):
        read_document(tmp_path / "absent.yaml")


def test_a_file_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DocumentError, match="is not UTF-8"):
        read_document(path)
