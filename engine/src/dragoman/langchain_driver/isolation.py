"""Keeps a driven call to itself, whatever the environment says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def untraced() -> Iterator[None]:
    """Send no trace of what runs inside.

    The driver's own calls start none. A class that calls further LangChain objects inside would: they look at
    ``LANGSMITH_TRACING`` and send prompts to ``LANGSMITH_ENDPOINT``. So would an agent.
    """
    from langsmith import tracing_context

    with tracing_context(enabled=False, parent=False):
        yield
