"""What is known of the containers that serve models on SageMaker, from data: `data/containers.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import orjson


@dataclass(frozen=True)
class Container:
    """One kind of container.

    Args:
        title: For a person.
        source: Where its facts are from, with the date.
        image_contains: Parts of an image's name, any of which gives it away.
        model_variable: Variable that names a model of Hugging Face; ``None`` = it takes model data alone.
        revision_variable: Variable that names the model's revision.
        environment: Variables it needs besides; what a document says wins.
        adapter: Members of an adapter that fits.
    """

    title: str
    source: str
    image_contains: tuple[str, ...] = ()
    model_variable: str | None = None
    revision_variable: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    adapter: Mapping[str, Any] = field(default_factory=dict)


@cache
def containers() -> dict[str, Container]:
    """Return the containers that are known, by name."""
    rows = orjson.loads(files(__package__).joinpath("data/containers.json").read_bytes())
    return {
        name: Container(**{**row, "image_contains": tuple(row.get("image_contains", ()))}) for name, row in rows.items()
    }


def container_of(image: str) -> str | None:
    """Return which container an image's name gives away; ``None`` where it does not."""
    return next((n for n, row in containers().items() if any(part in image for part in row.image_contains)), None)
