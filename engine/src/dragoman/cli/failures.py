"""How an error is told to a person."""

from __future__ import annotations

from dragoman.errors import DocumentError, DragomanError, ProviderError


def explain_error(error: DragomanError) -> list[str]:
    """Return an error as lines for a person: one, and beneath it one for each problem where there are several."""
    if isinstance(error, DocumentError) and len(error.problems) > 1:
        first = f"error: {error.subject}: {len(error.problems)} problems"
        return [first, *(f"  {problem}" for problem in error.problems)]
    request_id = error.request_id if isinstance(error, ProviderError) else None
    shown = str(error)
    if request_id and request_id not in shown:
        shown = f"{shown} [request {request_id}]"
    return [f"error: {shown}"]
