"""Keep which tests wait for more than the plugin alone; `nox -s "plugins(NAME)"` gives it to them and runs them."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--waiting", type=Path, metavar="FILE", help="where to write what waits for more, one a line")


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--waiting")
    if file is not None and not hasattr(config, "workerinput"):  # xdist's workers tell the process that started them
        config.pluginmanager.register(Waiting(file))


class Waiting:
    """Tests and files that were skipped; and tests of LangChain, which pass with it and without it, each in its way."""

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
