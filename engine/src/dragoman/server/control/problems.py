"""What is wrong with a document, for who mends it."""

from __future__ import annotations

from typing import Any

from dragoman.errors import DragomanError, ProblemsError


def problems_in(error: DragomanError) -> list[dict[str, Any]]:
    """Return every field that an error names; an error about no field in particular has the empty path."""
    if isinstance(error, ProblemsError):
        return [{"path": p.path, "message": p.message, "hint": p.hint} for p in error.problems]
    return [{"path": getattr(error, "path", None) or "", "message": error.message, "hint": error.hint}]
