"""The hooks of a plugin. Few, synchronous, cheap; each returns values and does no I/O.

A hook implementation may take fewer arguments than its specification; one that asks for an argument, or has a name,
that is not here is refused when the plugin loads.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from dragoman.provider import (
    CallObservation,
    ImporterDescription,
    PredefinedAdapter,
    ProviderDescription,
    SecretSourceDescription,
    SecretView,
)

PROJECT = "dragoman"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def dragoman_providers() -> Iterable[ProviderDescription]:
    """Describe the plugin's providers. Called once, when the plugin loads; an empty answer means that it has none."""
    raise NotImplementedError


@hookspec
def dragoman_adapters(secrets: SecretView) -> Iterable[PredefinedAdapter]:
    """Return predefined adapters: shipped rows, and those that present secrets imply.

    Called when the catalogue is first needed and again when the secrets change. ``secrets`` was loaded before; it
    must be read here and not kept. An empty answer means that there are none.
    """
    raise NotImplementedError


@hookspec
def dragoman_secret_sources() -> Iterable[SecretSourceDescription]:
    """Describe places where secrets can come from. Called once, when the plugin loads."""
    raise NotImplementedError


@hookspec
def dragoman_importers() -> Iterable[ImporterDescription]:
    """Describe foreign documents that the plugin turns into adapters. Called once, when the plugin loads."""
    raise NotImplementedError


@hookspec
def dragoman_observe(call: CallObservation) -> None:
    """Be told of a call's start and end. Called on the event loop, for every call: do little, never block.

    What it raises is logged and does not touch the call.
    """
    raise NotImplementedError
