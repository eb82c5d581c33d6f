"""The contract kit: tests for the author of a plugin, and a scripted server to test against.

:mod:`dragoman.testing.contract` holds the class to subclass (it needs the extra ``dragoman[testing]``),
:mod:`dragoman.testing.upstream` the server. Nothing of the engine imports this package.
"""

from __future__ import annotations

import sys

if (pytest := sys.modules.get("pytest")) is not None:  # a failing assertion of the kit then shows its values
    pytest.register_assert_rewrite("dragoman.testing.contract")
