"""A test of the contract is kept, or openly expected to fail; never replaced in passing."""

from __future__ import annotations

from typing import Any


def refuse_overrides(cls: type, contract: type) -> None:
    """Refuse a subclass whose own tests stand in the place of the contract's, wherever it has them from.

    Raises:
        TypeError: A test is overridden without ``pytest.mark.xfail(strict=True, reason=...)``; the text names it.
    """
    for name in (name for name in dir(contract) if name.startswith("test_")):
        own = getattr(cls, name)
        if own is not getattr(contract, name) and not _is_expected_to_fail(own):
            raise TypeError(
                f"{cls.__name__}.{name} overrides a test of the contract; mark it "
                "pytest.mark.xfail(strict=True, reason=...) and say what does not hold, or give it another name"
            )


def _is_expected_to_fail(test: Any) -> bool:
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "xfail"]
    return any(mark.kwargs.get("strict") and mark.kwargs.get("reason") for mark in marks)
