"""The contract kit finds what it promises to find: faulty copies of the template's plugin, each with one fault."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from dragoman.template import create_plugin
from dragoman.testing.contract import ProviderContract


class Fault(NamedTuple):
    """What is wrong with a plugin: a text of one of its modules, replaced; and the test that must fail."""

    module: str
    right: str
    wrong: str
    test: str


FAULTS = {
    "setting-dropped-in-silence": Fault(
        "codec", '_refuse(f"inference.{name}", "this provider does not take it")', "pass",
        "test_feature_is_sent_or_refused[top_p]",
    ),
    "setting-declared-and-not-sent": Fault(
        "codec", "value for name, value in given.items()}", "value for name, value in given.items() if value != 0.25}",
        "test_feature_is_sent_or_refused[temperature]",
    ),
    "image-dropped-in-silence": Fault(
        "codec", '_refuse("messages", "this provider takes text only")', "pass",
        "test_feature_is_sent_or_refused[images]",
    ),
    "tools-dropped-in-silence": Fault(
        "codec", '_refuse("tools", "this provider takes no tools")', "pass",
        "test_feature_is_sent_or_refused[tools]",
    ),
    "half-an-answer": Fault(
        "codec", "return []", 'return [Finished("stop")]',
        "test_stream_that_breaks_off_is_no_answer[ended]",
    ),
    "usage-twice": Fault(
        "codec", "return [UsageReported(_usage(line)), ", "return [UsageReported(_usage(line))] * 2 + [",
        "test_events_come_in_order",
    ),
    "usage-lost": Fault(
        "codec", "usage=_usage(answer)", "usage=Usage()",
        "test_answer_is_what_the_provider_said[whole]",
    ),
    "one-error-for-all": Fault(
        "codec", "error_class_for_status(reply.status)(problem", "ProviderError(problem",
        "test_status_decides_the_error[429-whole]",
    ),
    "error-holds-what-cannot-travel": Fault(
        "codec", "return error_class_for_status(reply.status)(problem, status=reply.status)",
        "error = error_class_for_status(reply.status)(problem, status=reply.status)\n"
        "        error.reply = lambda: reply\n        return error",
        "test_error_survives_pickling[500]",
    ),
    "request-differs-each-time": Fault(
        "codec", '"stream": request.stream,', '"stream": request.stream, "stamp": id(object()) + id(request),',
        "test_dry_run_equals_what_is_sent[whole]",
    ),
    "own-member-overwritten": Fault(
        "codec", "if name in body or name in SETTINGS.values():", "if False:",
        "test_own_body_member_replaces_nothing_that_the_codec_writes",
    ),
    "sdk-imported-at-start": Fault(
        "plugin", "from pydantic import Field", "import aiohttp\nfrom pydantic import Field",
        "test_loading_imports_no_sdk_and_does_nothing_else",
    ),
    "factory-imported-at-start": Fault(
        "plugin", "PLUGIN_API = (1, 0)", "PLUGIN_API = (1, 0)\n__import__(__package__ + '.provider')",
        "test_factory_is_imported_on_first_use",
    ),
    "field-without-a-word": Fault(
        "plugin", ', description="the server\'s address, without a path"', "",
        "test_every_field_explains_itself_in_a_form",
    ),
    "secret-in-the-dry-run": Fault(
        "provider", "authorizer = HeaderKey(",
        "import os\n        HeaderKey.placeholder = lambda self: "
        "__import__('dragoman.plugin').plugin.Credentials(__import__('dragoman.secret').secret.Secret(os.environ[self._secret]))\n"
        "        authorizer = HeaderKey(",
        "test_secret_shows_in_no_dry_run",
    ),
}  # fmt: skip


def plugin_with(fault: Fault, name: str, folder: Path) -> Path:
    """Write a plugin with the fault, and beside it what an installation would leave for its discovery."""
    created = create_plugin(name, folder)
    package = created / "src" / f"dragoman_{name.replace('-', '_')}"
    module = package / f"{fault.module}.py"
    source = module.read_text(encoding="utf-8")
    assert fault.right in source, "the template has changed; the fault must be put elsewhere"
    module.write_text(source.replace(fault.right, fault.wrong), encoding="utf-8")
    info = created / "src" / f"{package.name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dragoman-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[dragoman.plugins]\n{name} = {package.name}.plugin\n")
    (info / "top_level.txt").write_text(f"{package.name}\n")
    return created


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run one test against each faulty plugin, all in one go; fault -> the line that says how it went."""
    folder = tmp_path_factory.mktemp("faulty")
    created = {name: plugin_with(fault, name, folder) for name, fault in FAULTS.items()}
    tests = [f"{name}/tests/test_contract.py::TestContract::{fault.test}" for name, fault in FAULTS.items()]
    path = os.pathsep.join(str(plugin / "src") for plugin in created.values())
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", "-rA", "--tb=no"]
    command += [
        "--import-mode=importlib",
        "--rootdir",
        str(folder),
        "-o",
        "asyncio_default_fixture_loop_scope=function",
    ]
    done = subprocess.run(
        [*command, *tests],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(("PASSED", "FAILED", "ERROR", "SKIPPED"))]
    return {name: next((x for x in lines if f" {name}/" in x), done.stdout + done.stderr) for name in FAULTS}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(verdicts: dict[str, str], fault: str) -> None:
    assert verdicts[fault].startswith("FAILED"), verdicts[fault]


def test_test_of_the_contract_is_not_overridden_in_passing() -> None:
    with pytest.raises(TypeError, match="overrides a test of the contract"):
        type("TestMine", (ProviderContract,), {"test_description_is_complete": lambda self: None})


def test_test_of_the_contract_may_be_expected_to_fail_with_a_reason() -> None:
    @pytest.mark.xfail(strict=True, reason="this provider has no title")
    def test_description_is_complete(self: ProviderContract) -> None:
        raise AssertionError

    type("TestMine", (ProviderContract,), {"test_description_is_complete": test_description_is_complete})
