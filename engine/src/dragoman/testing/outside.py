"""The contract from outside: run on an installed plugin, without its source.

``python -m dragoman.testing.outside NAME`` prints one JSON object. ``dragoman plugins check`` runs it in a process of
its own, so that neither the command nor the engine imports this kit.

A plugin ships cases through the entry-point group ``dragoman.cases``: each entry names a
:class:`~dragoman.testing.ProviderCase`, and gets the contract of its operation. A provider without a case is held to
its description alone: complete, light, in the schema.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest

from dragoman.plugins import LoadedPlugin, Plugins, load_plugins
from dragoman.provider import ProviderDescription
from dragoman.secret import Secret
from dragoman.testing.case import ProviderCase
from dragoman.testing.contract import CONTRACTS, Description, Lightness

CASES_GROUP = "dragoman.cases"

_SETTINGS = """\
[pytest]
asyncio_default_fixture_loop_scope = function
"""

_TESTS = """\
from dragoman.testing.outside import trials_of

globals().update({trial.title: trial.tests for trial in trials_of(%r) if trial.tests})
"""


@dataclass(slots=True)
class Trial:
    """What is held to a contract: a case, or a provider's description where no case is there.

    ``title`` is the class's name in pytest; ``tests`` the class, ``None`` where the case cannot be used (``problem``).
    """

    title: str
    name: str
    provider: str | None
    contract: str
    tests: type | None = None
    problem: str | None = None


@dataclass(slots=True)
class Outcome:
    """How one trial did. ``failed`` and ``skipped`` pair a test with what was said."""

    name: str
    provider: str | None
    contract: str
    passed: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


class Recorder:
    """A plugin of pytest that keeps how the tests of each trial went."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.outcomes = {s.title: Outcome(s.name, s.provider, s.contract) for s in trials}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a test that ran, and a fixture that failed."""
        _, title, test = report.nodeid.split("::", 2)
        outcome = self.outcomes[title]
        if report.failed:
            outcome.failed.append((test, _said(report)))
        elif report.skipped:
            outcome.skipped.append((test, _said(report)))
        elif report.when == "call":
            outcome.passed += 1


def check(name: str, match: str | None = None) -> dict[str, Any]:
    """Return how an installed plugin keeps its contract, as JSON.

    Args:
        name: The plugin's name: that of its entry point in ``dragoman.plugins``.
        match: Runs only the tests that match, as pytest's ``-k`` does; ``None`` runs all.

    Raises:
        LookupError: No plugin of that name has loaded; the text says why.
    """
    plugins = load_plugins()
    plugin = _plugin(plugins, name)
    trials = trials_of(name)
    recorder = Recorder(trials)
    code = _run(name, recorder, match)
    for trial in trials:
        if trial.problem is not None:
            recorder.outcomes[trial.title].failed.append(("the case", trial.problem))
    outcomes = list(recorder.outcomes.values())
    kept = not any(outcome.failed for outcome in outcomes) and code in (pytest.ExitCode.OK, _NOTHING_TO_RUN)
    return {
        "plugin": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "kept": kept,
        "checked": [asdict(outcome) for outcome in outcomes],
        "unchecked": list(_unchecked(plugin, trials)),
    }


def trials_of(name: str) -> list[Trial]:
    """Return what of a plugin is held to a contract, each with its class of tests."""
    plugins = load_plugins()
    plugin = _plugin(plugins, name)
    trials = [_case(entry, index, plugin) for index, entry in enumerate(_entries(plugin))]
    covered = {trial.provider for trial in trials}
    bare = [d for d in plugin.providers if d.kind not in covered]
    trials += [_described(d, plugins, len(trials) + index) for index, d in enumerate(bare)]
    if not plugin.providers:
        title = f"Test{len(trials)}"
        given = {"plugin": lambda _: plugin, "light_modules": lambda _: ()}
        trials.append(Trial(title, name, None, "lightness", _tests(title, Lightness, given)))
    return trials


_NOTHING_TO_RUN = pytest.ExitCode.NO_TESTS_COLLECTED


def _plugin(plugins: Plugins, name: str) -> LoadedPlugin:
    if failed := [f for f in plugins.failed if f.name == name]:
        raise LookupError(f"the plugin {name!r} did not load: {failed[0].reason}")
    for plugin in plugins.loaded:
        if plugin.name == name:
            return plugin
    known = ", ".join(plugin.name for plugin in plugins.loaded) or "none"
    raise LookupError(f"no plugin is called {name!r} (there are: {known})")


def _entries(plugin: LoadedPlugin) -> list[EntryPoint]:
    """Return the entry points of the cases that the plugin's own distribution ships, by name."""
    found = entry_points(group=CASES_GROUP)
    return sorted((e for e in found if e.dist and e.dist.name == plugin.distribution), key=lambda e: e.name)


def _case(entry: EntryPoint, index: int, plugin: LoadedPlugin) -> Trial:
    title = f"Test{index}"
    try:
        case = entry.load()
        problem = _problem(case, plugin)
    except Exception as error:  # noqa: BLE001  (a plugin's own code; whatever it raises is the finding)
        problem = f"{entry.value} cannot be loaded: {type(error).__name__}: {error}"
    if problem is not None:
        return Trial(title, entry.name, None, "case", problem=problem)
    operation = case.operation
    return Trial(title, entry.name, case.kind, operation, _tests(title, CONTRACTS[operation], {"case": lambda _: case}))


def _problem(case: Any, plugin: LoadedPlugin) -> str | None:
    if not isinstance(case, ProviderCase):
        return f"it is a {type(case).__name__}, not a ProviderCase"
    if case.kind not in {d.kind for d in plugin.providers}:
        return f"it is about the provider {case.kind!r}, which the plugin does not bring"
    operation = case.operation
    return None if operation in CONTRACTS else f"there is no contract for the operation {operation!r}"


def _described(description: ProviderDescription, plugins: Plugins, index: int) -> Trial:
    title = f"Test{index}"
    case = ProviderCase(kind=description.kind, document=_predefined(description.kind, plugins))
    return Trial(
        title, description.kind, description.kind, "description", _tests(title, Description, {"case": lambda _: case})
    )


def _predefined(kind: str, plugins: Plugins) -> dict[str, Any]:
    """Return the document of an adapter that the plugin brings for the provider; the least one where it has none."""
    answers, _ = plugins.call_each("dragoman_adapters", secrets=_NoSecrets())
    documents = [adapter.document for adapters in answers.values() for adapter in adapters if adapter.document]
    return next((dict(d) for d in documents if d.get("provider") == kind), {"model": "any"})


class _NoSecrets:
    """The secrets of a deployment that has none."""

    def names(self) -> Sequence[str]:
        return ()

    def get(self, name: str) -> Secret | None:
        return None


def _tests(title: str, contract: type, given: dict[str, Any]) -> type:
    return type(title, (contract,), {name: pytest.fixture(value) for name, value in given.items()})


def _unchecked(plugin: LoadedPlugin, trials: Sequence[Trial]) -> Iterator[str]:
    """Yield what no case covers, a line each."""
    checked = {(trial.provider, trial.contract) for trial in trials}
    for description in plugin.providers:
        for operation in description.operations:
            if (description.kind, operation) not in checked:
                yield f"{operation} of {description.kind}: the plugin ships no case for it"


def _run(name: str, recorder: Recorder, match: str | None) -> int:
    os.environ.pop("PYTEST_ADDOPTS", None)  # the check is the same whoever runs it
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with tempfile.TemporaryDirectory(prefix="dragoman-check-") as folder:
        settings, tests = Path(folder) / "pytest.ini", Path(folder) / "test_plugin.py"
        settings.write_text(_SETTINGS, encoding="utf-8")
        tests.write_text(_TESTS % name, encoding="utf-8")
        arguments = ["-c", str(settings), "--rootdir", folder, "--confcutdir", folder, "--import-mode=importlib"]
        arguments += ["-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider", "-p", "no:terminal"]
        arguments += [] if match is None else ["-k", match]
        return int(pytest.main([*arguments, str(tests)], plugins=[recorder]))


def _said(report: pytest.TestReport) -> str:
    """Return a report's reason in one line."""
    if isinstance(report.longrepr, tuple):  # a skip: file, line, reason
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else report.longreprtext
    return " ".join(text.split())


def main() -> None:
    """Check the plugin that the first argument names, with the tests that the second one matches, where it is given.

    The JSON goes to stdout, a failure to be told to stderr.
    """
    try:
        checked = check(*sys.argv[1:3])
    except LookupError as error:
        sys.exit(str(error.args[0]))
    sys.stdout.write(json.dumps(checked))


if __name__ == "__main__":
    main()
