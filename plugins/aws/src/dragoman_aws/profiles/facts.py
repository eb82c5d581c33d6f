"""Shipped facts about cross-region profiles and default routers, for where no account is asked: rows of data.

Each file says its source and the day it was read. A profile that is not in them is not refused: what is not known is
said to be unknown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

#: Stands for every commercial region: the list of a global profile grows.
EVERYWHERE = "*"
GLOBAL = "global"


class Route(NamedTuple):
    """The regions from which a profile is called, and those to which it then sends requests."""

    sources: tuple[str, ...]
    destinations: tuple[str, ...]


@cache
def _file(name: str) -> Mapping[str, Any]:
    text = (files("dragoman_aws.profiles") / "data" / f"{name}.json").read_text(encoding="utf-8")
    read: Mapping[str, Any] = json.loads(text)
    return read


def provenance() -> str:
    """Return where the routes come from and when they were read, for a person."""
    return f"shipped facts of {_file('cross_region')['checked']}"


# --- profiles ----------------------------------------------------------------------------------------------------


@cache
def profiles() -> Mapping[str, tuple[Route, ...]]:
    """Return every profile of which it is known where it routes to, by its id."""
    rows = _file("cross_region")["profiles"]
    return {name: tuple(Route(tuple(r["from"]), tuple(r["to"])) for r in routes) for name, routes in rows.items()}


@cache
def _geographies_by_model() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {m: set(geos) for m, geos in _file("cross_region")["unrouted"]["models"].items()}
    for profile_id in profiles():
        geo, _, model = profile_id.partition(".")
        found.setdefault(model, set()).add(geo)
    return {model: tuple(sorted(geos)) for model, geos in found.items()}


def geographies_of_model(model: str) -> tuple[str, ...]:
    """Return the geographies that have a profile of a model; empty where the model is not among the facts."""
    return _geographies_by_model().get(model, ())


def destinations(profile_id: str, source: str) -> tuple[str, ...] | None:
    """Return where requests from a region go; ``None`` where that is not known, ``("*",)`` = every commercial one."""
    return next((r.destinations for r in profiles().get(profile_id, ()) if source in r.sources), None)


def split_profile(profile_id: str, base_model: str | None = None) -> tuple[str, str] | None:
    """Return geography and model of a profile's id; ``None`` where it is the id of a model.

    The prefix is anything: what makes a profile of it is that the rest is a model's id, declared or among the facts,
    or that the prefix is a geography of the facts.
    """
    geo, _, model = profile_id.partition(".")
    if not model:
        return None
    known = model == base_model or model in _geographies_by_model() or geo in geographies() or geo == GLOBAL
    return (geo, model) if known else None


# --- geographies -------------------------------------------------------------------------------------------------


@cache
def geographies() -> Mapping[str, tuple[str, ...]]:
    """Return the regions of each geography."""
    return {geo: tuple(regions) for geo, regions in _file("geographies")["geographies"].items()}


def geographies_of_region(region: str) -> tuple[str, ...]:
    """Return the geographies that a region belongs to, the usual one first: ``apac`` and ``jp`` for Tokyo."""
    return tuple(geo for geo, regions in geographies().items() if region in regions)


# --- routers -----------------------------------------------------------------------------------------------------


def default_routers() -> Mapping[str, tuple[str, ...]]:
    """Return the models behind each default prompt router."""
    return {router: tuple(models) for router, models in _file("routers")["routers"].items()}
