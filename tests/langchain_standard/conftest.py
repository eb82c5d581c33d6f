"""What LangChain's standard tests want around them: no downloads, no recorder, no variable of the machine."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f0005000"
    "1ff89993d1d0000000049454e44ae426082"
)
MEDIA = {".png": PNG, ".jpg": PNG, ".pdf": b"%PDF-1.4\n%%EOF\n", ".wav": b"RIFF\x24\x00\x00\x00WAVEfmt "}


@pytest.fixture(autouse=True)
def on_loopback_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hand the suite's pictures, sounds and papers out, and let it start without anybody's configuration."""

    httpx = pytest.importorskip("httpx", reason="langchain-tests is not installed")

    def get(url: str, **_: object) -> Any:
        name = url.partition("?")[0].lower()
        return httpx.Response(200, content=next((data for end, data in MEDIA.items() if name.endswith(end)), PNG))

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "dragoman")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, str]:
    return {"record_mode": "none"}


# --- a test is skipped for a reason of ours, or it runs -------------------------------------------------------------

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what the table of the test's class says, with its reason."""
    for item in items:
        reasons = getattr(getattr(item, "cls", None), "skips", {}) if item.path.parent == _HERE else {}
        if reason := reasons.get(getattr(item, "originalname", None)):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what the suite skips by itself: nobody has said why."""
    report = yield
    is_ours = item.get_closest_marker("skip") is not None or item.path.parent != _HERE
    if report.skipped and not is_ours and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped without a reason in the tables of this folder: {_reason(report)}"
    return report


def _reason(report: pytest.TestReport) -> Any:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
