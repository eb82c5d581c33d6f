"""Prompts of the deployment's folder, as an import writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dragoman.cli.plugin import SUFFIXES, checked_prompt, note, read_document, write_document
from dragoman.errors import DocumentError, Problem

from dragoman_aws.prompts import ImportedPrompt

Document = Mapping[str, Any]


async def into(engine: Any, found: ImportedPrompt, name: str | None, variant: str | None, *, force: bool) -> Document:
    """Return the document with an imported variant in it, checked: that of a name, or one of its own.

    Raises:
        DocumentError: It has such a variant already, or does not hold with it.
    """
    document = found.as_document()
    chosen = variant or found.variant
    if name is not None:
        path = await engine.run_blocking(file_of, engine, name)
        if path is not None:
            document = {"name": name, **await engine.run_blocking(read_document, path)}
        else:
            document = {**document, "name": name, "variants": {}}
    else:
        document = {**document, "variants": {}}
    variants = document.get("variants")
    there = dict(variants) if isinstance(variants, Mapping) else {}
    if there.get(chosen, found.members) != found.members and not force:
        hint = "name another one with --variant, or --force"
        raise DocumentError(
            f"prompt {name}", [Problem(f"variants.{chosen}", "is there, and says something else", hint)]
        )
    document = {**document, "variants": {**there, chosen: dict(found.members)}}
    checked_prompt(document, f"prompt {document['name']}")
    return document


async def save_prompt(engine: Any, name: str, document: Document) -> None:
    """Write a prompt's document into the deployment's folder, and tell its file."""
    path = await engine.run_blocking(_write, engine, name, document)
    note(f"the prompt {name} is saved in {path}")


def file_of(engine: Any, name: str) -> Path | None:
    """Return the file of a prompt's name; ``None`` where there is none."""
    folder = engine.settings.prompts_folder
    if folder is None:
        return None
    return next((path for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()), None)


def _write(engine: Any, name: str, document: Document) -> Path:
    folder = engine.settings.prompts_folder
    if folder is None:
        hint = "create a dragoman.toml, or name one with --config"
        raise DocumentError(f"prompt {name}", [Problem("", "there is no configuration folder to save it in", hint)])
    path: Path = file_of(engine, name) or folder / f"{name}.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    shown = {member: value for member, value in document.items() if member != "name"}
    unfinished.write_text(write_document(shown, path.suffix), encoding="utf-8")
    unfinished.replace(path)
    return path
