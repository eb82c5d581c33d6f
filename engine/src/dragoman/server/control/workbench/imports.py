"""Adapters out of the documents of other systems; nothing is saved."""

from __future__ import annotations

import importlib
from typing import Any

from dragoman.errors import DocumentError, DragomanError, PluginError
from dragoman.provider import Imported, ImporterDescription
from dragoman.server.control.problems import problems_in
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.refusals import Refusal


async def read(asked: Asked) -> Answer:
    """Return the adapters of a foreign document, and what could not be taken over."""
    source, text = asked.text("from", needed=True) or "", asked.text("text", needed=True) or ""
    plugins = await asked.engine.run_blocking(lambda: asked.engine.plugins)
    importer = plugins.importers.get(source)
    if importer is None:
        known = ", ".join(sorted(plugins.importers)) or "none"
        raise Refusal(422, "unknown_importer", f"no plugin imports from {source!r}; available: {known}", param="from")
    try:
        imported = await asked.engine.run_blocking(_run, importer, text)
    except DocumentError as error:
        return Answer({"documents": [], "problems": problems_in(error)})
    notes = [{"path": n.path, "message": n.message, "hint": n.hint} for n in imported.notes]
    return Answer({"documents": list(imported.documents), "notes": notes})


def _run(importer: ImporterDescription, text: str) -> Imported:
    module, _, name = importer.factory.partition(":")
    try:
        imported: Imported = getattr(importlib.import_module(module), name)(text, _Tools())
    except DragomanError:
        raise
    except Exception as error:
        raise PluginError(f"the importer {importer.name} failed: {type(error).__name__}") from error
    return imported


class _Tools:
    """See :class:`dragoman.provider.ImportTools`."""

    def shorthand_mapping(self, prompt_path: str, kwargs_path: str | None, output_path: str) -> dict[str, Any]:
        from dragoman.mapping.paths import shorthand_mapping

        return shorthand_mapping(prompt_path, kwargs_path, output_path)


ROUTES = (
    Route(
        "POST", "/api/workbench/import", read, "user", "Turn a document of another system into adapters.",
        body={
            "type": "object",
            "required": ["from", "text"],
            "properties": {"from": {"type": "string"}, "text": {"type": "string"}},
        },
    ),
)  # fmt: skip
