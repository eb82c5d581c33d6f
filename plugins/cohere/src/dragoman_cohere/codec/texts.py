"""What the codecs of embeddings and rerank have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dragoman.events import NO_USAGE, Report, Usage

from dragoman_cohere.wire import figure, refuse


def refuse_unknown(inference: Any, written: Mapping[str, Any]) -> None:
    """Raise for a setting that is set and not among those that were written."""
    for name in type(inference).model_fields:
        if name != "configuration" and name not in written and getattr(inference, name) is not None:
            refuse("Cohere does not take it", f"inference.{name}", "remove it with null")
    for name in inference.model_extra or ():
        refuse("Cohere does not take it", f"inference.{name}", "a body member goes into model_kwargs")


class Meta(NamedTuple):
    """What an answer's ``meta`` says."""

    usage: Usage
    reports: tuple[Report, ...]

    @classmethod
    def of(cls, raw: Any) -> Meta:
        """Read it. Tokens where it counts them, else the billed ones; searches stay in the usage's ``detail``."""
        if not isinstance(raw, Mapping):
            return cls(NO_USAGE, ())
        detail = {name: raw[name] for name in ("billed_units", "tokens") if raw.get(name)}
        if not detail:
            return cls(NO_USAGE, _warnings(raw))
        counted = raw.get("tokens") or raw.get("billed_units")
        read = figure(counted, "input_tokens")
        if read is not None:
            read += figure(counted, "image_tokens") or 0
        return cls(Usage(input_tokens=read, total_tokens=read, source="provider", detail=detail), _warnings(raw))


def _warnings(raw: Mapping[str, Any]) -> tuple[Report, ...]:
    return tuple(Report("provider_warning", str(text)) for text in raw.get("warnings") or ())
