"""What a person may write where an adapter or a prompt is wanted: a name, an alias, or the path of a document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dragoman.engine import Engine
    from dragoman.prompts import Prompt, VersionLike


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


async def prompt_from(engine: Engine, text: str, version: VersionLike | None = None) -> Prompt:
    """Return the prompt of a name, or the one that a file holds: of the file's name, unless it says another one.

    Args:
        engine: Knows the prompts.
        text: A name, or the path of a document.
        version: Of a prompt that is given by name; see :meth:`dragoman.prompts.Prompts.get`.

    Raises:
        DocumentNotFoundError: There is no prompt of that name, or no such version.
        DocumentError: The file cannot be read, or holds no prompt.
    """
    from dragoman.documents import SUFFIXES, read_document

    path = Path(text)
    if path.suffix.lower() not in SUFFIXES and path.name == text:
        return await engine.prompts.get(text, version)
    document = await engine.run_blocking(read_document, path)
    return checked_prompt({"name": path.stem, **document}, text)


def checked_prompt(document: Mapping[str, Any], subject: str) -> Prompt:
    """Return the prompt of a whole document, which is saved nowhere.

    Raises:
        DocumentError: It does not hold; every problem with its path.
    """
    from dragoman.errors import DocumentError
    from dragoman.prompts import prompt_from as prompt_of

    try:
        return prompt_of(document, str(document.get("name")))
    except DocumentError as error:
        raise DocumentError(subject, error.problems) from None
