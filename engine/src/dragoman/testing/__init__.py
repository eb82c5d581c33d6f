"""The contract kit: tests for the author of a plugin, and a scripted server to test against.

Here is what a case is made of, without pytest, so that a plugin can ship one. :mod:`dragoman.testing.contract` holds
the class to subclass (it needs the extra ``dragoman[testing]``). Nothing of the engine imports this package.
"""

from __future__ import annotations

import sys

from dragoman.testing.case import UPSTREAM, Answer, EmbedWire, ProviderCase, RerankWire, Wire
from dragoman.testing.upstream import HOLD, RESET, Received, Reply, Upstream

__all__ = [
    "HOLD",
    "RESET",
    "UPSTREAM",
    "Answer",
    "EmbedWire",
    "ProviderCase",
    "Received",
    "Reply",
    "RerankWire",
    "Upstream",
    "Wire",
]

if (pytest := sys.modules.get("pytest")) is not None:  # a failing assertion of the kit then shows its values
    pytest.register_assert_rewrite("dragoman.testing.contract")
