"""docs/write-a-provider.md does what it says: each of its providers is built from its blocks, installed, and asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from dragoman.template import create_plugin
from dragoman.testing import Received, Reply, Upstream

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "write-a-provider.md").read_text(encoding="utf-8")
TEMPLATE = ROOT / "engine" / "src" / "dragoman" / "template" / "plugin" / "src" / "dragoman_acme"

#: What a LangChain package of the vendor would be: a class with the vendor's address.
VENDOR = """
from langchain_openai import ChatOpenAI
from pydantic import Field

class ChatAcme(ChatOpenAI):
    openai_api_base: str = Field({address!r}, alias="base_url")
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def files() -> Mapping[str, str]:
    """Return the blocks that name their file in their first line."""
    named = (re.match(r"# (\S+\.(?:py|toml|yaml))\n", block) for block in blocks(r"(?:python|toml|yaml)"))
    return {match[1]: match.string[match.end() :] for match in named if match}


def save(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text, encoding="utf-8")


def install(source: Path, site: Path) -> None:
    """Build a wheel as the author would, with its own build backend, and install it."""
    dist = site.parent / "dist" / source.name
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(dist)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = dist.glob("*.whl")
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--offline",
        "--no-deps",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def site(tmp_path: Path, deployment: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where plugins are installed, on the path of the command; the working directory is a deployment."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("ACME_API_KEY", "of-no-value")
    return tmp_path / "site"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


def dragoman(*arguments: str) -> str:
    program = Path(sys.executable).with_name("dragoman")
    done = subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def answer(sent: Received) -> Reply:
    """Answer as a server of OpenAI's API does."""
    message = {"role": "assistant", "content": f"{sent.json()['model']} says hello"}
    usage = {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return Reply.json({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage})


# --- 1: a row of data ----------------------------------------------------------------------------------------------


def test_document_alone_is_enough(site: Path, deployment: Path) -> None:
    save(deployment, "config/adapters/acme.yaml", files()["config/adapters/acme.yaml"])
    command = blocks("bash")[0].strip()
    shown = json.loads(dragoman("chat", "-a", "acme", "--dry-run", "--json", "Hello"))
    assert command == 'dragoman chat -a acme --dry-run "Hello"'
    assert "large-2" in dragoman("chat", "-a", "acme", "--dry-run", "Hello")
    assert shown["url"] == "https://api.acme.example/v1/chat/completions"
    assert shown["body"]["model"] == "large-2"


def test_rows_are_a_plugin(site: Path, tmp_path: Path, upstream: Upstream) -> None:
    for path, text in files().items():
        if path.startswith("rows/"):
            save(tmp_path, path, text)
    install(tmp_path / "rows", site)
    listed = {row["name"]: row for row in json.loads(dragoman("adapters", "list", "--json"))["adapters"]}
    assert {"acme-large", "acme-small"} <= set(listed)
    upstream.answer(answer)
    address = f"connection.base_url={upstream.url}/v1"
    assert dragoman("chat", "-a", "acme-small", "--no-stream", "--set", address, "Hi").strip() == "small-2 says hello"
    assert upstream.received[0].headers["authorization"] == "Bearer of-no-value"


# --- 2: a LangChain class ------------------------------------------------------------------------------------------


def test_wrapper_is_at_most_15_lines() -> None:
    assert len(files()["wrapper/src/dragoman_acme/plugin.py"].splitlines()) <= 15


def test_langchain_class_answers(site: Path, tmp_path: Path, upstream: Upstream) -> None:
    pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
    save(tmp_path, "wrapper/pyproject.toml", files()["rows/pyproject.toml"])
    save(tmp_path, "wrapper/src/dragoman_acme/plugin.py", files()["wrapper/src/dragoman_acme/plugin.py"])
    install(tmp_path / "wrapper", site)
    save(site, "langchain_acme.py", VENDOR.format(address=f"{upstream.url}/v1"))
    save(tmp_path, "mine.json", json.dumps({"provider": "acme", "model": "large-2"}))
    upstream.answer(answer)
    said = dragoman(
        "chat", "-a", str(tmp_path / "mine.json"), "--no-stream", "--set", "inference.temperature=0.5", "Hi"
    )
    assert said.strip() == "large-2 says hello"
    sent = upstream.received[0]
    assert sent.headers["authorization"] == "Bearer of-no-value"
    assert sent.json()["temperature"] == 0.5
    checked = json.loads(dragoman("plugins", "check", "acme", "--json"))
    assert [c["failed"] for c in checked["checked"]] == [[]]


# --- 3: a codec ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [b for b in blocks("python") if not b.startswith("# ")])
def test_quoted_code_is_the_templates(block: str) -> None:
    assert any(block in source.read_text(encoding="utf-8") for source in TEMPLATE.glob("*.py"))


def test_commands_are_those_that_make_and_check_a_plugin() -> None:
    assert blocks("bash")[1].splitlines() == ["dragoman plugins new acme", "dragoman plugins check acme"]


def test_operation_is_added_as_the_page_says(site: Path, tmp_path: Path) -> None:
    created = create_plugin("acme", tmp_path)
    for path, text in files().items():
        if path.startswith("acme/"):
            save(tmp_path, path, text)
    plugin, project = created / "src" / "dragoman_acme" / "plugin.py", created / "pyproject.toml"
    operations, entry = 'operations=("chat", "embed")', 'acme-embed = "dragoman_acme.embed_case:CASE"'
    assert f"`{operations}`" in PAGE
    assert f"`{entry}`" in PAGE
    text = plugin.read_text(encoding="utf-8")
    plugin.write_text(text.replace('kind="acme",', f'kind="acme",\n            {operations},'), encoding="utf-8")
    cases = '[project.entry-points."dragoman.cases"]\n'
    project.write_text(project.read_text(encoding="utf-8").replace(cases, f"{cases}{entry}\n"), encoding="utf-8")
    assert len(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"]["dragoman.cases"]) == 2
    install(created, site)
    checked = json.loads(dragoman("plugins", "check", "acme", "--json"))
    assert {c["contract"]: c["failed"] for c in checked["checked"]} == {"chat": [], "embed": []}
    assert checked["unchecked"] == []
    passed = {c["contract"]: c["passed"] for c in checked["checked"]}
    assert 140 <= passed["chat"] <= 180, "the page says: some 150 tests"
