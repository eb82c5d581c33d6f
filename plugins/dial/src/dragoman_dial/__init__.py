"""Dragoman's plugin for AI DIAL: its models become adapters, and adapters become models of it.

This module is what the entry point names, and light.
"""

from __future__ import annotations

from dragoman.plugin import ImporterDescription, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def dragoman_importers() -> list[ImporterDescription]:
    return [
        ImporterDescription(
            name="dial", title="AI DIAL: the models of a configuration", factory="dragoman_dial.importing:import_dial"
        )
    ]
