import click
import pytest
from dragoman.cli.patches import override_from, parse_assignment, stacked


@pytest.mark.parametrize(
    ("text", "patch"),
    [
        ("inference.temperature=0", {"inference": {"temperature": 0}}),
        ("inference.temperature=0.5", {"inference": {"temperature": 0.5}}),
        ("inference.top_p=null", {"inference": {"top_p": None}}),
        ('inference.stop_sequences=["x", "y"]', {"inference": {"stop_sequences": ["x", "y"]}}),
        ("limits={}", {"limits": {}}),
        ("model=gpt-4o", {"model": "gpt-4o"}),
        ("model=a=b", {"model": "a=b"}),
        ("model=", {"model": ""}),
        ('model="7"', {"model": "7"}),
        ("inference.temperature=NaN", {"inference": {"temperature": "NaN"}}),
        ("model=[broken", {"model": "[broken"}),
        ('model_kwargs."a.b".c=true', {"model_kwargs": {"a.b": {"c": True}}}),
        (" model =x", {"model": "x"}),
    ],
)
def test_an_assignment_is_a_path_and_a_json_value_or_text(text, patch):
    assert parse_assignment(text) == patch


@pytest.mark.parametrize("text", ["", "model", "=1", ".=1", "a..b=1", ".a=1", "a.=1", 'a."=1', '""=1', 'a"b"=1'])
def test_what_is_no_assignment_is_refused(text):
    with pytest.raises(click.BadParameter):
        parse_assignment(text)


@pytest.mark.parametrize(
    ("patches", "one"),
    [
        ([], {}),
        ([{}], {}),
        ([{"a": {"b": 1}}, {"a": {"c": 2}}], {"a": {"b": 1, "c": 2}}),
        ([{"a": {"b": 1}}, {"a": {"b": None}}], {"a": {"b": None}}),
        ([{"a": None}, {"a": 1}], {"a": 1}),
        ([{"mapping": {"preset": "one", "x": 1}}, {"mapping": {"preset": "two"}}], {"mapping": {"preset": "two"}}),
        ([{"provider": "one", "connection": {"x": 1}}, {"provider": "two"}], {"provider": "two"}),
    ],
)
def test_patches_stack_and_null_stays_an_instruction(patches, one):
    assert stacked(patches) == one


def test_files_lie_under_assignments(tmp_path):
    (tmp_path / "one.toml").write_text("[inference]\nseed = 1\ntop_p = 0.5\n")
    (tmp_path / "two.json").write_text('{"inference": {"seed": 2}}')
    files = [str(tmp_path / "one.toml"), str(tmp_path / "two.json")]
    assert override_from(files, ["inference.top_p=null"]) == {"inference": {"seed": 2, "top_p": None}}
