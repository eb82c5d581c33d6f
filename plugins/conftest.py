"""Tell what a plugin's tests leave to a run with all plugins and their LangChain doors: see `plugins` in noxfile.py."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--left", type=Path, metavar="FILE", help="where to list what is left to another run, one a line")


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--left")
    if file is not None and not hasattr(config, "workerinput"):  # workers tell the process that started them
        config.pluginmanager.register(Left(file))


class Left:
    """Tests and files that were skipped; and tests of LangChain, which pass without it too, in another way."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.names: set[str] = set()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.names.add(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped or "langchain" in report.nodeid.lower():
            self.names.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self.file.write_text("".join(f"{name}\n" for name in sorted(self.names)), encoding="utf-8")
