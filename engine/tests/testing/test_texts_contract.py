"""The contracts of embed and rerank find what they promise to find, in faulty copies of a made-up provider."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCES = Path(__file__).parent / "vectors"

#: Operation -> the class that the kit makes for its case, by the order of the cases' names.
TRIALS = {"embed": "Test0", "rerank": "Test1"}


class Fault(NamedTuple):
    """What is wrong with the provider: a text of its module, replaced; and the test that must fail."""

    right: str
    wrong: str
    test: str


FAULTS = {
    "wrong-order": Fault(
        'vectors = answer["vectors"]', 'vectors = answer["vectors"][::-1]', "embed: test_each_text_gets_its_vector"
    ),
    "too-many-texts": Fault(
        "max_texts = 4", "max_texts = None", "embed: test_no_request_holds_more_than_the_provider_takes"
    ),
    "usage-lost": Fault(
        'usage=Usage(answer["tokens"], ', "usage=Usage(1, ", "embed: test_usage_is_summed_or_estimated"
    ),
    "setting-dropped-in-silence": Fault(
        'raise UnsupportedError("this provider does not take it", path=f"inference.{name}")',
        "continue",
        "embed: test_feature_is_sent_or_refused[normalize]",
    ),
    "purpose-dropped": Fault(
        "if request.purpose:", "if False:", "embed: test_purpose_makes_a_difference_where_the_case_says_so"
    ),
    "score-of-another": Fault(
        'Ranked(row["index"], row["score"]) for row',
        'Ranked(len(request.documents) - 1 - row["index"], row["score"]) for row',
        "rerank: test_score_is_the_documents_own",
    ),
    "too-many-documents": Fault(
        "max_documents = 20", "max_documents = None", "rerank: test_no_request_holds_more_than_the_provider_takes"
    ),
    "one-error-for-all": Fault(
        "error_class_for_status(reply.status)(", "error_class_for_status(500)(",
        "rerank: test_status_decides_the_error[whole-429]",
    ),
}  # fmt: skip


def write_plugin(folder: Path, name: str, fault: Fault | None) -> None:
    """Write a copy of the provider under another name, and what an installation leaves beside it."""
    package = f"dragoman_{name.replace('-', '_')}"
    target = folder / package
    target.mkdir()
    (target / "__init__.py").touch()
    for source in SOURCES.glob("*.py"):
        text = source.read_text(encoding="utf-8")
        if fault is not None and source.name == "provider.py":
            assert fault.right in text, "the provider has changed; the fault must be put elsewhere"
            text = text.replace(fault.right, fault.wrong)
        text = text.replace('kind="vectors"', f'kind="{name}"').replace(
            "VECTORS_", f"{name.upper().replace('-', '_')}_"
        )
        (target / source.name).write_text(text, encoding="utf-8")
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dragoman-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[dragoman.plugins]\n{name} = {package}.plugin\n"
        f"[dragoman.cases]\nembed = {package}.case:EMBED\nrerank = {package}.case:RERANK\n"
    )


def process(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_sound_provider_keeps_both_contracts(tmp_path: Path) -> None:
    write_plugin(tmp_path, "vectors", None)
    done = process(tmp_path, "dragoman.testing.outside", "vectors")
    result = json.loads(done.stdout)
    assert [c["failed"] for c in result["checked"]] == [[], []]
    assert result["kept"]
    assert result["unchecked"] == []
    assert {c["contract"]: c["passed"] > 80 for c in result["checked"]} == {"embed": True, "rerank": True}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run one test against each faulty provider, all in one go; fault -> the line that says how it went."""
    folder = tmp_path_factory.mktemp("faulty")
    tests = []
    for name, fault in FAULTS.items():
        write_plugin(folder, name, fault)
        (folder / f"{name}.py").write_text(
            "from dragoman.testing.outside import trials_of\n"
            f"globals().update({{t.title: t.tests for t in trials_of({name!r})}})\n"
        )
        operation, _, test = fault.test.partition(": ")
        tests.append(f"{name}.py::{TRIALS[operation]}::{test}")
    scope = "asyncio_default_fixture_loop_scope=function"
    options = ["-p", "no:cacheprovider", "-rA", "--tb=no", "--rootdir", str(folder), "-o", scope]
    done = process(folder, "pytest", *options, "--import-mode=importlib", *tests)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("PASSED", "FAILED", "ERROR", "SKIPPED"))]
    return {name: next((x for x in lines if f" {name}.py" in x), done.stdout + done.stderr) for name in FAULTS}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found(verdicts: dict[str, str], name: str) -> None:
    assert verdicts[name].startswith("FAILED"), verdicts[name]
