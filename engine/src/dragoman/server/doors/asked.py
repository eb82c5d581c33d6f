"""What a body asks for: adapter, override, settings, and what cannot be passed on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dragoman.engine import Engine
from dragoman.errors import DragomanError
from dragoman.policy import Caller
from dragoman.resolve import AdapterLike, Resolved
from dragoman.server.refusals import Refusal

#: OpenAI's fields that say something about the request and nothing about the answer. They go to providers that know
#: them and nowhere else, so that a client that always sends them works with every provider.
BOOKKEEPING = frozenset(
    {
        "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
        "stream_options",
    }
)  # fmt: skip

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
MAX_NAMED = 20


@dataclass(slots=True)
class Asked:
    """A request, taken apart.

    Args:
        adapter: The adapter's name, or a whole document.
        override: The caller's layer over it; ``None`` for none.
        inference: The call's own settings, in our vocabulary.
        unknown: Fields without a place of their own: name -> value.
        left_out: Names of what cannot be passed on.
    """

    adapter: AdapterLike
    override: dict[str, Any] | None = None
    inference: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def is_saved(self) -> bool:
        """Whether the name is one of the catalogue's, and not one that the caller made up."""
        return isinstance(self.adapter, str) and "name" not in (self.override or {})

    async def resolve(self, engine: Engine, caller: Caller) -> Resolved:
        """Return what is called: the adapter with all that the caller adds and may add."""
        if self.unknown:
            await self._place(engine, caller)
        return await engine.resolve(self.adapter, self.override, self.inference or None, caller=caller)

    async def _place(self, engine: Engine, caller: Caller) -> None:
        """Put every unknown field where the adapter's provider knows it, else into model_kwargs, else leave it out."""
        known = await self._settings_of_provider(engine)
        kwargs: dict[str, Any] = {}
        for name, value in self.unknown.items():
            if name in known:
                self.inference[name] = value
            elif name not in BOOKKEEPING and engine.policy.may_change(caller.role, "model_kwargs", name):
                kwargs[name] = value
            else:
                self.left_out.append(name)
        if kwargs:
            override = self.override or {}
            self.override = {**override, "model_kwargs": {**(override.get("model_kwargs") or {}), **kwargs}}

    async def _settings_of_provider(self, engine: Engine) -> Mapping[str, Any]:
        try:  # not as the caller: nothing is called yet, and what they change is judged and written down once
            resolved = await engine.resolve(self.adapter, self.override, trusted=False)
        except DragomanError:
            return {}  # resolving it for the call says what is wrong
        known: Mapping[str, Any] = type(resolved.settings.inference).model_fields
        return known

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the header that names what was left out."""
        if not self.left_out:
            return []
        named = [name if _PLAIN_NAME.fullmatch(name) else "?" for name in self.left_out[:MAX_NAMED]]
        more = ["..."] if len(self.left_out) > MAX_NAMED else []
        return [(b"x-dragoman-left-out", ", ".join([*dict.fromkeys(named), *more]).encode())]


Take = Callable[[Any], Any]


def take_fields(
    body: Mapping[str, Any], own: frozenset[str], settings: Mapping[str, tuple[str, Take]], asked: Asked
) -> None:
    """Sort a body's fields: ``own`` are the door's, ``settings`` have a place in our vocabulary, the rest is unknown.

    A field that is ``null`` counts as not sent.
    """
    for name, value in body.items():
        if value is None or name in own:
            continue
        place = settings.get(name)
        if place is None:
            asked.unknown[name] = value
        else:
            asked.inference[place[0]] = place[1](value)


def as_it_is(value: Any) -> Any:
    """Return the value."""
    return value


async def asked_for(engine: Engine, body: Mapping[str, Any], deployment: str | None) -> Asked:
    """Read which adapter a body asks for, and its extension ``dragoman``.

    Args:
        engine: Knows the default adapter and which names there are.
        body: The request.
        deployment: The adapter that the address names; it wins over ``model``. ``None``: the body names it.

    Raises:
        Refusal: No adapter is named, or the extension is not what it should be.
    """
    named = deployment if deployment is not None else body.get("model")
    if named is not None and not isinstance(named, str):
        raise Refusal(400, "invalid_model", "model must be the name of an adapter", param="model")
    document = _extension(body.get("dragoman"))
    name = named or engine.settings.default_adapter
    if document is None:
        if not name:
            raise Refusal(400, "invalid_model", "model is missing: name an adapter", param="model")
        return Asked(name)
    catalog = await engine.catalog()
    if name and (name in catalog.entries or name in catalog.by_alias):
        return Asked(name, override=document)
    if "provider" in document or "base" in document:
        return Asked(document)
    return Asked(name or "", override=document)


def _extension(extension: Any) -> dict[str, Any] | None:
    if extension is None:
        return None
    if not isinstance(extension, dict):
        raise Refusal(400, "invalid_extension", "dragoman must be an object", param="dragoman")
    if unknown := sorted(set(extension) - {"adapter"}):
        what = f"dragoman.{unknown[0]} is not known; there is dragoman.adapter"
        raise Refusal(400, "invalid_extension", what, param=f"dragoman.{unknown[0]}")
    document = extension.get("adapter")
    if document is not None and not isinstance(document, dict):
        what = "dragoman.adapter must be an object: an override of the adapter, or a whole document"
        raise Refusal(400, "invalid_extension", what, param="dragoman.adapter")
    return document
