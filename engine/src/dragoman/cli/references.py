"""What a person may write where an adapter is wanted: a name, an alias, or the path of a document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dragoman.engine import Engine


async def adapter_from(engine: Engine, text: str) -> str | dict[str, Any]:
    """Return a name for the catalogue, or the document that a file holds; the file's name gives it none.

    A file is meant where the text ends like a document and is there; also where it ends like one or holds a path
    separator, and no adapter has that name: an alias may look like a path.

    Raises:
        DocumentError: The file cannot be read.
    """
    from dragoman.documents import SUFFIXES, read_document

    path = Path(text)
    ends_like_a_document = path.suffix.lower() in SUFFIXES
    if not ends_like_a_document and path.name == text:
        return text
    if not (ends_like_a_document and await engine.run_blocking(path.is_file)):
        catalog = await engine.catalog()
        if text in catalog.entries or text in catalog.by_alias:
            return text
    return await engine.run_blocking(read_document, path)
