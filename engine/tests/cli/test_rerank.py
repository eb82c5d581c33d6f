"""``dragoman rerank``: the ranking as a table and as JSON, and what happens where documents fail."""

import pytest

pytestmark = pytest.mark.usefixtures("measuring")

RERANK = ("rerank", "-a", "numbers", "the query")
DOCUMENTS = ("0.25 low", "0.75 high\n  and long", "0.5 middle")


def test_a_table_has_the_most_relevant_first(run):
    shown = run(*RERANK, *DOCUMENTS)
    assert shown.code == 0
    assert shown.out.splitlines() == [
        "rank  score   document  text",
        "1     0.7500  1         0.75 high and long",
        "2     0.5000  2         0.5 middle",
        "3     0.2500  0         0.25 low",
    ]
    assert "tokens read" in shown.err


def test_json_holds_the_texts_as_they_were(run):
    shown = run(*RERANK, "--json", "--top-n", "1", *DOCUMENTS)
    assert shown.json["results"] == [{"rank": 1, "index": 1, "score": 0.75, "text": DOCUMENTS[1]}]
    assert shown.json["adapter"] == "numbers"
    assert shown.json["usage"]["source"] == "estimated"


def test_documents_come_from_arguments_then_a_file_or_from_a_pipe(run, measuring):
    (measuring / "documents.json").write_text('["0.5 two", {"text": "0.75 three"}]', encoding="utf-8")
    shown = run(*RERANK, "--json", "0.25 one", "--input", "documents.json")
    assert [result["index"] for result in shown.json["results"]] == [2, 1, 0]
    shown = run(*RERANK, "--json", stdin=b"0.25 one\n0.5 two\n")
    assert [result["text"] for result in shown.json["results"]] == ["0.5 two", "0.25 one"]


def test_where_some_fail_the_others_are_ranked_and_those_are_listed(run):
    shown = run(*RERANK, "0.25 a", "0.75 b", "!limited", "0.5 c")
    assert shown.code == 1
    assert [line.split()[2] for line in shown.out.splitlines()[1:]] == ["1", "0"]
    assert "error: 2 of 4 documents have no score" in shown.err
    assert "  document 2-3: " in shown.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("rerank",), 2, "QUERY"),
        (RERANK, 1, "there is no text"),
        ((*RERANK, "0.5 a", "--top-n", "0"), 1, "--top-n"),
        ((*RERANK, "0.5 a", "-a", "lengths"), 1, "is for embed, not for rerank"),
        ((*RERANK, "!limited"), 1, "slow down"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_why(run, arguments, code, said):
    shown = run(*arguments)
    assert (shown.code, shown.out) == (code, "")
    assert said in shown.err


def test_a_dry_run_sends_nothing(run):
    shown = run(*RERANK, "--dry-run", "--json", "!limited", "0.5 a")
    assert shown.json["body"] == {"said": ["the query", "!limited", "0.5 a"]}
