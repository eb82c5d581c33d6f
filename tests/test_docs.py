"""What the pages say is so: their code blocks run, their documents hold, their links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from dragoman import Engine, Settings
from dragoman.adapter import Adapter, check_document
from dragoman.documents import parse_document
from dragoman.plugins import load_plugins
from dragoman.secrets import SecretStore

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "engine/README.md")
]
PAGES += sorted((ROOT / "docs").glob("*.md")) + sorted((ROOT / "plugins").glob("*/README.md"))

#: Blocks with these commands make environments or write into the repository; other tests and CI run them.
RUN_ELSEWHERE = ("pip install", "nox ")


#: Pages that build something up from block to block, with a test of their own; here only their documents are read.
OWN_TEST = {"docs/write-a-provider.md"}


class Block(NamedTuple):
    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(str(page.relative_to(ROOT)), line, match[1], match[2]))
    return [b for b in found if b.language in languages and (b.language == "yaml" or b.page not in OWN_TEST)]


def saved_in(deployment: Path, block: Block) -> Path | None:
    """Save a document whose first line names its file, and return the file."""
    named = re.match(r"# (config/\S+\.yaml)\n", block.text)
    if named is None:
        return None
    path = deployment / named[1]
    path.write_text(block.text, encoding="utf-8")
    return path


def run(command: list[str], stdin: str | None = None) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command, input=stdin or "", capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr.strip()
    return done.stdout


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_runs(deployment: Path, block: Block) -> None:
    program = deployment / "program.py"
    program.write_text(block.text, encoding="utf-8")
    printed = run([sys.executable, "-W", "error", str(program)])
    assert bool(printed.strip()) == ("print(" in block.text)


@pytest.mark.parametrize("block", [b for b in blocks("bash") if not any(c in b.text for c in RUN_ELSEWHERE)], ids=str)
def test_commands_run(deployment: Path, block: Block) -> None:
    for line in block.text.splitlines():
        assert run(["bash", "-euo", "pipefail", "-c", line]).strip()


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
async def test_documents_hold(deployment: Path, block: Block) -> None:
    document = parse_document(block.text, ".yaml", str(block))
    check_document(document, str(block))
    for other in blocks("yaml"):
        if other.page == block.page:
            saved_in(deployment, other)
    path = saved_in(deployment, block)
    async with Engine.from_config() as engine:
        assert not (await engine.catalog()).failures
        if path is not None:
            await engine.resolve(path.stem)
        elif "provider" in document:
            await engine.resolve(document)


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
async def test_settings_hold(tmp_path: Path, block: Block) -> None:
    path = tmp_path / "dragoman.toml"
    path.write_text(block.text, encoding="utf-8")
    settings = Settings.load(path)
    assert settings.file == path
    kinds = load_plugins().secret_sources
    for source in settings.secrets.sources:
        if description := kinds.get(source["kind"]):  # reading it would ask a service
            description.settings.model_validate({name: value for name, value in source.items() if name != "kind"})
    built_in = [source for source in settings.secrets.sources if source["kind"] not in kinds]
    problems = (await SecretStore(Settings(secrets={"sources": built_in})).load()).problems
    assert [p for p in problems if "is absent" not in str(p)] == []


@pytest.mark.parametrize("block", blocks("json"), ids=str)
async def test_secrets_can_be_read(tmp_path: Path, block: Block) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(block.text, encoding="utf-8")
    store = SecretStore(Settings(secrets={"sources": [{"kind": "file", "path": str(path)}]}))
    read = await store.load()
    assert not read.problems
    assert set(read.names()) == set(json.loads(block.text))


async def test_azure_convention_makes_the_adapters_that_the_page_names(tmp_path: Path) -> None:
    block = next(block for block in blocks("json") if "AZURE_OPENAI_MODELS" in block.text)
    path = tmp_path / "secrets.json"
    path.write_text(block.text, encoding="utf-8")
    async with Engine(Settings(secrets={"sources": [{"kind": "file", "path": str(path)}]})) as engine:
        listing = await engine.adapters.list()
    assert not listing.failures
    assert {"azure-model1", "azure-model2"} <= {row.name for row in listing.adapters}
    assert {row.title for row in listing.adapters} >= {"Model1", "Model2"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [heading.lower().replace(" ", "-") for heading in headings], target


# --- in step with the code ---------------------------------------------------------------------------------------


def table(page: str) -> set[str]:
    """Return the names in the first column of a page's tables."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE))


def test_every_member_of_a_document_is_described() -> None:
    assert table("docs/adapter.md") == set(Adapter.model_fields)


def test_every_setting_is_described() -> None:
    assert table("docs/settings.md") == {setting.name for setting in Settings().origins()}


@pytest.mark.parametrize("member", ["mapping", "prompt", "rules", "capabilities", "pricing"])
def test_full_example_shows_all_of_a_member(member: str) -> None:
    shown = [parse_document(b.text, ".yaml", str(b)) for b in blocks("yaml") if b.page == "docs/adapter.md"]
    examples = [document[member] for document in shown if member in document]
    adapter = check_document({member: examples[-1]}, member)
    value = getattr(adapter, member)
    if member == "rules":
        assert len({type(rule) for rule in value}) == 3
    else:
        assert value.model_fields_set == set(type(value).model_fields)


def test_ci_runs_exactly_what_the_readme_says() -> None:
    commands = [b.text.strip() for b in blocks("bash") if b.page == "README.md"]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert script[-1] in commands


def test_readme_installs_every_distribution_and_asks_the_first_question() -> None:
    command = next(b.text for b in blocks("bash") if "./engine" in b.text)
    assert command == 'python -m pip install ./engine ./plugins/*/ && dragoman chat "Tell me about iterators"\n'
