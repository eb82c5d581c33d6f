"""Where a model's operations are."""

from __future__ import annotations

from urllib.parse import quote

#: The type of a streamed answer.
EVENT_STREAM = "application/vnd.amazon.eventstream"


def model_url(endpoint: str, model: str) -> str:
    """Return the address under which a model's operations are; the model is one segment of the path, whatever it is."""
    return f"{endpoint}/model/{quote(model, safe='')}"
