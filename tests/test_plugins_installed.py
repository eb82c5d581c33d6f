"""Plugins as real distributions in a real environment: a bad one is reported and never stops the others."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dragoman.template import create_plugin
from dragoman.testing import Reply, Upstream

HEAD = """
from dragoman.plugin import ProviderDescription, hookimpl

PLUGIN_API = (1, 0)
"""

PROVIDER = """
@hookimpl
def dragoman_providers():
    return [ProviderDescription(kind="{kind}", title="A provider", factory="nowhere:Nothing")]
"""

#: Plugin -> its module, and what is said of it.
BAD = {
    "broken": (
        "import a_module_that_is_not_there",
        "ModuleNotFoundError: No module named 'a_module_that_is_not_there'",
    ),
    "crashing": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "misspelt": (
        HEAD + "@hookimpl\ndef dragoman_provider():\n    return []",
        "implements the hook 'dragoman_provider', which does not exist",
    ),
    "unknown-argument": (
        HEAD + "@hookimpl\ndef dragoman_adapters(secretz):\n    return []",
        "secretz",
    ),
    "unmarked": (HEAD + "def dragoman_providers():\n    return []", "dragoman_providers lacks @hookimpl"),
    "raising": (
        HEAD + "@hookimpl\ndef dragoman_providers():\n    raise RuntimeError('out of order')",
        "RuntimeError: out of order",
    ),
    "wrong-type": (
        HEAD + "@hookimpl\ndef dragoman_providers():\n    return ['acme']",
        "returned a str where a ProviderDescription is expected",
    ),
    "unversioned": (HEAD.replace("PLUGIN_API", "MY_API"), "states no contract version"),
    "from-the-future": (HEAD.replace("(1, 0)", "(2, 0)"), "is written for contract 2.0"),
    "same-kind-1": (HEAD + PROVIDER.format(kind="same"), "the kind 'same' is brought by several plugins"),
    "same-kind-2": (HEAD + PROVIDER.format(kind="same"), "the kind 'same' is brought by several plugins"),
    "taking-ours": (HEAD + PROVIDER.format(kind="taken"), "another distribution also brings a plugin named 'twin'"),
    "taking-theirs": (HEAD + PROVIDER.format(kind="taken"), "another distribution also brings a plugin named 'twin'"),
}
TWINS = ("taking-ours", "taking-theirs")

LATE = HEAD + PROVIDER.format(kind="late") + "@hookimpl\ndef dragoman_adapters():\n    return 1 / 0\n"

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def wheel(folder: Path, name: str, source: str, entry_point: str | None = None) -> Path:
    """Build a distribution of one module: the whole format, without a build tool."""
    module = f"plugin_{name.replace('-', '_')}"
    distribution = f"dragoman_{name.replace('-', '_')}"
    info = f"{distribution}-1.0.dist-info"
    members = {
        f"{module}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: dragoman-{name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[dragoman.plugins]\n{entry_point or name} = {module}\n",
    }
    members[f"{info}/RECORD"] = "".join(f"{member},,\n" for member in [*members, f"{info}/RECORD"])
    path = folder / f"{distribution}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return path


def built_from_the_template(folder: Path) -> Path:
    """Build the template's plugin as its author would, with its own build backend."""
    source = create_plugin("acme", folder)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return next(folder.glob("dragoman_acme-*.whl"))


@pytest.fixture(scope="module")
def dragoman(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Return the command of a fresh environment with all those plugins beside what is installed here."""
    folder = tmp_path_factory.mktemp("installed")
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    wheels = [wheel(folder, n, source, "twin" if n in TWINS else None) for n, (source, _) in BAD.items()]
    wheels += [wheel(folder, "late", LATE), built_from_the_template(folder)]
    install = [sys.executable, "-m", "uv", "pip", "install", "--python", str(python), "--offline", "--no-deps"]
    subprocess.run([*install, *map(str, wheels)], check=True, capture_output=True)
    # What is installed here is there too, .pth files of editable installations included.
    here = sysconfig.get_path("purelib")
    (next(environment.glob("lib/*/site-packages")) / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-c", "import sys; from dragoman.cli.main import main; sys.exit(main())", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    return run


def result(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def report(dragoman: Command) -> Any:
    return result(dragoman("plugins", "--json"))


def test_good_plugins_load_beside_all_the_bad_ones(report: Any) -> None:
    loaded = {row["name"]: row for row in report["loaded"]}
    assert {"acme", "late", "local", "openai"} <= set(loaded)
    assert loaded["acme"]["distribution"] == "dragoman-acme"
    assert [provider["kind"] for provider in loaded["acme"]["providers"]] == ["acme"]


@pytest.mark.parametrize("name", BAD)
def test_bad_plugin_is_listed_with_its_distribution_and_the_reason(report: Any, name: str) -> None:
    reasons = {row["distribution"]: row["reason"] for row in report["failed"]}
    assert BAD[name][1] in reasons[f"dragoman-{name}"]
    assert "\n" not in reasons[f"dragoman-{name}"]


def test_every_failure_is_one_of_them(report: Any) -> None:
    assert {row["distribution"] for row in report["failed"]} == {f"dragoman-{name}" for name in BAD}


def test_adapters_of_good_plugins_are_listed_beside_what_failed(dragoman: Command) -> None:
    listing = result(dragoman("adapters", "list", "--json"))
    assert {"acme-one", "local"} <= {row["name"] for row in listing["adapters"] if row["problem"] is None}
    failed = {row["where"]: row["reason"] for row in listing["failures"]}
    assert "ZeroDivisionError" in failed["dragoman-late"]
    assert "ModuleNotFoundError" in failed["plugin broken"]


def test_a_good_plugin_answers_beside_the_bad_ones(dragoman: Command) -> None:
    assert result(dragoman("chat", "-a", "local", "--json", "Tell me about iterators"))["text"]


def test_a_third_party_provider_is_in_the_schema_and_can_be_asked(dragoman: Command) -> None:
    schema = result(dragoman("adapters", "schema"))
    assert "base_url" in schema["$defs"]["connection.acme"]["properties"]
    shown = result(dragoman("chat", "-a", "acme-one", "--dry-run", "--json", "Hello"))
    assert shown["url"] == "https://api.acme.example/answer"
    assert shown["body"]["conversation"] == [{"who": "user", "says": "Hello"}]


def test_a_third_party_plugin_is_listed_for_people_too(dragoman: Command) -> None:
    row = next(line for line in dragoman("plugins").stdout.splitlines() if line.startswith("acme "))
    assert row.split() == ["acme", "dragoman-acme", "0.1.0.dev0", "acme"]
    assert re.search(r"^acme-one +acme +one +", dragoman("adapters", "list").stdout, re.MULTILINE)


def test_a_third_party_provider_answers(dragoman: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "of-no-value")
    end = {"ended": "done", "tokens": {"read": 1, "written": 2}}
    with Upstream() as upstream:
        address = ("--set", f"connection.base_url={upstream.url}")
        upstream.answer(Reply.jsonl([{"says": "Good "}, {"says": "day"}, end]))
        assert dragoman("chat", "-a", "acme-one", *address, "Hello").stdout == "Good day\n"
        upstream.answer(Reply.json({"says": "Good day", **end}))
        whole = result(dragoman("chat", "-a", "acme-one", *address, "--no-stream", "--json", "Hello"))
    assert whole["text"] == "Good day"
    assert whole["usage"]["output_tokens"] == 2
    assert upstream.received[0].headers["authorization"] == "Bearer of-no-value"


def test_a_third_party_plugin_keeps_the_contract_where_it_is_installed(dragoman: Command) -> None:
    checked = result(dragoman("plugins", "check", "acme", "--json"))
    assert [c["failed"] for c in checked["checked"]] == [[]]
    assert checked["unchecked"] == []
    assert checked["checked"][0]["contract"] == "chat"


def test_using_a_provider_whose_plugin_failed_says_why(dragoman: Command, tmp_path: Path) -> None:
    document = tmp_path / "mine.json"
    document.write_text('{"provider": "broken", "model": "m"}')
    done = dragoman("chat", "-a", str(document), "Hello")
    assert done.returncode == 1
    assert "a_module_that_is_not_there" in done.stderr
    assert "Traceback" not in done.stderr
