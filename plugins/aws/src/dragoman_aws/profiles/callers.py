"""Which adapters call a profile by its ARN, and giving them another one, in their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dragoman.errors import DocumentError, Problem

_FILE = "file "


class _Layer(Protocol):
    @property
    def origin(self) -> str: ...
    @property
    def document(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Calling:
    """An adapter that names an ARN.

    Args:
        adapter: Its name.
        paths: Where in its document.
        origin: Where the document is kept, for a person.
        file: Its file; ``None`` = it is in none, and changed where it was saved.
    """

    adapter: str
    paths: tuple[str, ...]
    origin: str
    file: Path | None = None


def calling(arn: str, catalog: Any, saved: Mapping[str, Mapping[str, Any]] | None = None) -> list[Calling]:
    """Return the adapters that name an ARN, as a model or anywhere else.

    Args:
        arn: A profile's.
        catalog: ``await engine.catalog()``.
        saved: Documents that were saved at run time and that the catalogue does not hold, by name.
    """
    found = []
    for name, entry in catalog.entries.items():
        layers: Iterable[_Layer] = entry.layers
        for layer in layers:
            if paths := tuple(_places(layer.document, arn, "")):
                file = Path(layer.origin.removeprefix(_FILE)) if layer.origin.startswith(_FILE) else None
                found.append(Calling(str(name), paths, layer.origin, file))
    for name, document in (saved or {}).items():
        if paths := tuple(_places(document, arn, "")):
            found.append(Calling(name, paths, "saved through the gateway"))
    return found


def _places(value: Any, arn: str, path: str) -> Iterator[str]:
    if value == arn:
        yield path
    members = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in members:
        yield from _places(inner, arn, f"{path}.{name}" if path else str(name))


def rewrite(file: Path, old: str, new: str) -> None:
    """Put one ARN in the place of another in a file, and leave everything else as it is, comments as well. Blocks.

    Raises:
        DocumentError: The file cannot be read or written, or writes the ARN in another spelling.
    """
    try:
        text = file.read_bytes().decode()  # ends of lines stay what they are
        if old not in text:
            what = f"does not hold {old} in one piece"
            raise DocumentError(str(file), [Problem("", what, f"write {new} in its place")])
        unfinished = file.with_name(f".{file.name}.new")
        unfinished.write_bytes(_replaced(text, old, new).encode())
        unfinished.replace(file)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise DocumentError(str(file), [Problem("", f"cannot be changed: {reason}")]) from None


def _replaced(text: str, old: str, new: str) -> str:
    """Return a text with an ARN replaced where it ends: one that only begins with it is another one."""
    head, *rest = text.split(old)
    written = head
    for piece in rest:
        longer = piece[:1].isalnum() or piece[:1] in ("-", ".")
        written += (old if longer else new) + piece
    return written
