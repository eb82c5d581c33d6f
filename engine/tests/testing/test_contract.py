"""The contract kit finds what it promises to find: faulty copies of the template's plugin, each with one fault."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
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
        "test_status_decides_the_error[whole-429]",
    ),
    "error-said-to-be-final": Fault(
        "codec", "status=reply.status)", "status=reply.status, retryable=False)",
        "test_status_decides_the_error[whole-503]",
    ),
    "error-holds-what-cannot-travel": Fault(
        "codec", "return error_class_for_status(reply.status)(problem, status=reply.status)",
        "error = error_class_for_status(reply.status)(problem, status=reply.status)\n"
        "    error.reply = lambda: reply\n    return error",
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
        "plugin", "from pydantic import Field", "import httptools\nfrom pydantic import Field",
        "test_loading_imports_no_sdk_and_does_nothing_else",
    ),
    "factory-imported-at-start": Fault(
        "plugin", "PLUGIN_API = (1, 0)", "PLUGIN_API = (1, 0)\n__import__(__package__ + '.provider')",
        "test_factory_is_imported_on_first_use",
    ),
    "field-without-a-word": Fault(
        "plugin", "description=\"the server's address, without a path\",", "",
        "test_every_field_explains_itself_in_a_form",
    ),
    "case-that-the-schema-refuses": Fault(
        "case", '"connection": {', '"connection": {"colour": "red", ',
        "test_schema_accepts_the_document_of_the_case",
    ),
    "schema-that-takes-anything": Fault(
        "plugin", "class AcmeConnection(Connection):", "class AcmeConnection(Connection, extra='allow'):",
        "test_schema_refuses_an_unknown_member[connection]",
    ),
    "header-that-the-dry-run-hides": Fault(
        "provider", "authorizer = HeaderKey(",
        "sign = HeaderKey.sign\n        HeaderKey.sign = lambda self, request, credentials: sign(\n"
        "            self, replace(request, headers={**request.headers, 'X-Late': '1'})"
        " if '*' not in repr(credentials.value.reveal()) else request, credentials)\n"
        "        authorizer = HeaderKey(",
        "test_dry_run_equals_what_is_sent[whole]",
    ),
    "secret-in-the-log": Fault(
        "provider", "authorizer = HeaderKey(",
        "import logging, os\n        logging.getLogger('acme').debug('%s', dict(os.environ))\n"
        "        authorizer = HeaderKey(",
        "test_secret_shows_in_no_log_and_no_answer[whole]",
    ),
    "address-differs-each-time": Fault(
        "codec", "return WireRequest(", "self._url += '/again'\n        return WireRequest(",
        "test_dry_run_equals_what_is_sent[whole]",
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
    """Write a plugin with the fault."""
    created = create_plugin(name, folder)
    module = created / "src" / f"dragoman_{name.replace('-', '_')}" / f"{fault.module}.py"
    source = module.read_text(encoding="utf-8")
    right, wrong = (text.replace("Acme", spelled(name)) for text in (fault.right, fault.wrong))
    assert right in source, "the template has changed; the fault must be put elsewhere"
    module.write_text(source.replace(right, wrong), encoding="utf-8")
    return created


def spelled(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory, leave_installed: Callable[[Path], Path]) -> dict[str, str]:
    """Run one test against each faulty plugin, all in one go; fault -> the line that says how it went."""
    folder = tmp_path_factory.mktemp("faulty")
    created = {name: plugin_with(fault, name, folder) for name, fault in FAULTS.items()}
    tests = [f"{name}/tests/test_contract.py::TestContract::{fault.test}" for name, fault in FAULTS.items()]
    path = os.pathsep.join(str(leave_installed(plugin)) for plugin in created.values())
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


def test_mixin_in_front_of_the_contract_overrides_nothing_either() -> None:
    class Shortcuts:
        def test_description_is_complete(self) -> None:
            """Pass."""

    with pytest.raises(TypeError, match=r"TestMine\.test_description_is_complete overrides a test of the contract"):
        type("TestMine", (Shortcuts, ProviderContract), {})


@pytest.mark.parametrize(
    "mark", [pytest.mark.skip(reason="later"), pytest.mark.xfail(reason="no"), pytest.mark.xfail(strict=True)]
)
def test_mark_that_could_hide_a_pass_or_says_no_reason_does_not_do(mark: pytest.MarkDecorator) -> None:
    def test_description_is_complete(self: ProviderContract) -> None:
        raise AssertionError

    with pytest.raises(TypeError, match="say what does not hold"):
        type("TestMine", (ProviderContract,), {"test_description_is_complete": mark(test_description_is_complete)})


def test_test_of_the_contract_may_be_expected_to_fail_with_a_reason() -> None:
    @pytest.mark.xfail(strict=True, reason="this provider has no title")
    def test_description_is_complete(self: ProviderContract) -> None:
        raise AssertionError

    type("TestMine", (ProviderContract,), {"test_description_is_complete": test_description_is_complete})
