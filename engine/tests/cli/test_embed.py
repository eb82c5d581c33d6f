"""``dragoman embed``: where texts come from, how vectors are shown and kept, and what happens where some fail."""

import json
import os
import subprocess

import pytest

pytestmark = pytest.mark.usefixtures("measuring")

EMBED = ("embed", "-a", "lengths")


def test_a_table_tells_what_came_and_stderr_the_rest(run):
    shown = run(*EMBED, "one", "three\nlines")
    assert shown.code == 0
    assert [line.split() for line in shown.out.splitlines()] == [
        ["text", "dimensions", "vector", "begins"],
        ["0", "2", "3.0000,", "0.0000,", "…", "one"],
        ["1", "2", "11.0000,", "0.0000,", "…", "three", "lines"],
    ]
    assert shown.err.splitlines() == [
        "note: Measured with care.", "note: 2 tokens read", "note: lengths are no meaning",
    ]  # fmt: skip


def test_json_is_the_whole_answer(run):
    shown = run(*EMBED, "--json", "one", "four")
    assert shown.json["vectors"] == [[3.0, 0.0], [4.0, 0.0]]
    assert shown.json["usage"]["input_tokens"] == 2
    assert (shown.json["adapter"], shown.json["model"]) == ("lengths", "measuring-1")
    assert shown.json["reports"][0]["code"] == "measured"
    assert "failures" not in shown.json


def test_jsonl_is_one_text_a_line(run):
    assert run(*EMBED, "--jsonl", "one", "four").lines == [
        {"index": 0, "text": "one", "vector": [3.0, 0.0]},
        {"index": 1, "text": "four", "vector": [4.0, 0.0]},
    ]


def test_settings_and_purpose_reach_the_provider(run):
    shown = run(*EMBED, "--set", "inference.dimensions=4", "--purpose", "query", "--json", "one")
    assert shown.json["vectors"] == [[3.0, 2.0, 3.0, 2.0]]


# --- where texts come from ---------------------------------------------------------------------------------------


def texts_of(shown):
    return [line["text"] for line in shown.lines]


def test_each_line_that_is_piped_in_is_a_text(run):
    shown = run(*EMBED, "--jsonl", stdin="one\r\n\n  \ntwö\n".encode())
    assert texts_of(shown) == ["one", "twö"]
    assert "2 blank lines left out" in shown.err


@pytest.mark.parametrize(
    ("name", "content", "arguments"),
    [
        ("texts.txt", "one\ntwo\n", ()),
        ("texts.json", '["one", {"text": "two"}]', ()),
        ("texts.jsonl", '"one"\n\n{"text": "two", "vector": [1]}\n', ()),
        ("texts.dat", '["one", "two"]', ("--input-format", "json")),
    ],
)
def test_a_file_is_read_by_its_suffix_or_as_it_is_told(run, measuring, name, content, arguments):
    (measuring / name).write_text(content, encoding="utf-8")
    assert texts_of(run(*EMBED, "--jsonl", "--input", name, *arguments)) == ["one", "two"]


def test_arguments_come_before_the_file(run):
    assert texts_of(run(*EMBED, "--jsonl", "zero", "--input", "-", stdin=b"one\n")) == ["zero", "one"]


def test_piped_text_is_left_alone_where_there_are_arguments(run):
    assert texts_of(run(*EMBED, "--jsonl", "zero", stdin=b"one\n")) == ["zero"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        ((), b"", "there is no text"),
        (("--input", "missing.txt"), b"", "missing.txt cannot be read"),
        (("--input", "-", "--input-format", "json"), b"{", "is not JSON"),
        (("--input", "-", "--input-format", "json"), b"{}", "holds no JSON list"),
        (("--input", "-", "--input-format", "json"), b'["a", 1]', "item 1: a text"),
        (("--input", "-", "--input-format", "jsonl"), b'"a"\n{"a": 1}', "line 2: a text"),
        (("--input", "-"), b"\xff", "not UTF-8"),
        (("one", "--input-format", "json"), b"", "goes with --input"),
        (("one", "--json", "--jsonl"), b"", "choose one"),
        (("one", "--output", "vectors.csv"), b"", "neither in .jsonl nor in .json"),
        (("one", "--output", "nowhere/vectors.json"), b"", "is not there"),
        (("one", "-a", "scripted"), b"", "is for chat, not for embed"),
        (("one", "--set", "inference.nonsense=1"), b"", "inference.nonsense"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_why(run, arguments, stdin, said):
    shown = run(*EMBED, *arguments, stdin=stdin)
    assert shown.code == 1
    assert shown.out == ""
    (line,) = [line for line in shown.err.splitlines() if not line.startswith("note:")]
    assert line.startswith("error: ")
    assert said in line


# --- files -------------------------------------------------------------------------------------------------------


def test_a_file_of_lines_can_be_read_again(run, measuring):
    shown = run(*EMBED, "--output", "vectors.jsonl", "one", "four")
    assert (shown.code, shown.out) == (0, "")
    assert "written to vectors.jsonl" in shown.err
    lines = [json.loads(line) for line in (measuring / "vectors.jsonl").read_text("utf-8").splitlines()]
    assert lines[1] == {"index": 1, "text": "four", "vector": [4.0, 0.0]}
    assert texts_of(run(*EMBED, "--jsonl", "--input", "vectors.jsonl")) == ["one", "four"]


def test_a_json_file_is_the_whole_answer(run, measuring):
    run(*EMBED, "--output", "vectors.json", "one")
    assert json.loads((measuring / "vectors.json").read_text("utf-8"))["vectors"] == [[3.0, 0.0]]


@pytest.mark.skipif(os.name == "nt", reason="a folder of that name is refused otherwise")
def test_vectors_that_cannot_be_written_are_printed(run, measuring):
    (measuring / "vectors.jsonl").mkdir()
    shown = run(*EMBED, "--output", "vectors.jsonl", "one")
    assert shown.code == 1
    assert shown.lines == [{"index": 0, "text": "one", "vector": [3.0, 0.0]}]
    assert "error: vectors.jsonl cannot be written" in shown.err


# --- failures ----------------------------------------------------------------------------------------------------

SOME_FAIL = ("a", "bb", "!limited", "x", "ccc", "!odd")


def test_where_some_fail_the_others_are_kept_and_those_are_listed(run):
    shown = run(*EMBED, "--jsonl", *SOME_FAIL)
    assert shown.code == 1
    assert [line.get("vector", line.get("error", {}).get("code")) for line in shown.lines] == [
        [1.0, 0.0], [2.0, 0.0], "rate_limited", "rate_limited", [3.0, 0.0], "invalid_request",
    ]  # fmt: skip
    told = shown.err.splitlines()[-3:]
    assert told[0] == "error: 3 of 6 texts have no vector"
    assert told[1].startswith("  text 2-3: ")
    assert "slow down" in told[1]
    assert told[2] == "  text 5: it is odd"


def test_the_table_and_the_whole_answer_name_what_failed(run):
    assert "failed" in run(*EMBED, *SOME_FAIL).out
    shown = run(*EMBED, "--json", *SOME_FAIL)
    assert (shown.code, [f["index"] for f in shown.json["failures"]]) == (1, [2, 3, 5])
    assert shown.json["vectors"][4] == [3.0, 0.0]


def test_where_all_fail_there_is_one_error(run):
    shown = run(*EMBED, "--jsonl", "!limited")
    assert (shown.code, shown.out) == (1, "")
    assert "slow down" in shown.err


# --- the rest ----------------------------------------------------------------------------------------------------


def test_a_dry_run_shows_the_first_request_and_sends_nothing(run):
    shown = run(*EMBED, "--dry-run", "--json", "a", "b", "!limited")
    assert shown.json == {
        "method": "POST", "url": "https://measuring.test/", "headers": {"authorization": "Bearer ***"},
        "body": {"said": ["a", "b"]},
    }  # fmt: skip
    assert "first of 2 requests" in run(*EMBED, "--dry-run", "a", "b", "c").err


def test_a_long_answer_is_not_shown_whole_in_the_table(run):
    shown = run(*EMBED, *(f"text {number}" for number in range(30)))
    assert len(shown.out.splitlines()) == 21
    assert "10 more texts are not shown" in shown.err


def test_a_person_sees_how_far_a_long_call_has_come(script):
    pty = pytest.importorskip("pty", reason="terminals are a POSIX thing")
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run([*script, *EMBED, "--jsonl", *"abcde"], stdout=subprocess.PIPE, stderr=theirs, check=True)
        told = os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert len(done.stdout.splitlines()) == 5
    assert "\r5 of 5 texts\r\n" in told


def test_the_installed_command_embeds_what_is_piped_in(command):
    shown = command(*EMBED, "--jsonl", stdin=b"one\ntwo\n")
    assert shown.code == 0
    assert texts_of(shown) == ["one", "two"]
