"""A plugin made from the template is complete: named throughout, and passing its own tests as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from dragoman.template import create_plugin


def test_no_trace_of_the_template_is_left(tmp_path: Path) -> None:
    created = create_plugin("my-server", tmp_path)
    files = [path for path in created.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"pyproject.toml", "README.md", "plugin.py", "codec.py", "test_contract.py"}
    assert not [path for path in files if "acme" in (str(path) + path.read_text(encoding="utf-8")).lower()]


def test_names_are_spelled_as_each_place_needs_them(tmp_path: Path) -> None:
    created = create_plugin("my-server", tmp_path)
    project = tomllib.loads((created / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "dragoman-my-server"
    assert project["entry-points"]["dragoman.plugins"] == {"my-server": "dragoman_my_server.plugin"}
    plugin = (created / "src" / "dragoman_my_server" / "plugin.py").read_text(encoding="utf-8")
    assert 'kind="my-server"' in plugin
    assert "MY_SERVER_API_KEY" in plugin
    assert "class MyServerConnection" in plugin


@pytest.mark.parametrize("name", ["", "My-Server", "my_server", "-a", "a-", "1a", "a b", "../a", "a/b"])
def test_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a plugin's name"):
        create_plugin(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileExistsError, match="exists already"):
        create_plugin("mine", tmp_path)


def test_command_says_where_the_plugin_is_and_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dragoman.template", "mine", str(tmp_path)]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (first.returncode, first.stdout.strip()) == (0, str(tmp_path / "mine"))
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr.startswith("error: ")
    assert "Traceback" not in second.stderr


def test_its_own_tests_pass(tmp_path: Path, leave_installed: Callable[[Path], Path]) -> None:
    created = create_plugin("my-server", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=created,
        env={**os.environ, "PYTHONPATH": str(leave_installed(created))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " failed" not in done.stdout


@pytest.mark.parametrize("tool", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--strict", "src"]])
@pytest.mark.parametrize("name", ["zz", "a-provider-with-a-rather-long-name"])
def test_it_is_in_good_style(tmp_path: Path, tool: list[str], name: str) -> None:
    program = shutil.which(tool[0], path=Path(sys.executable).parent)
    if program is None:
        pytest.skip(f"{tool[0]} is not installed here; `nox -s lint types` has it")
    done = subprocess.run(
        [program, *tool[1:], *(["."] if tool[0] == "ruff" else [])],
        cwd=create_plugin(name, tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
