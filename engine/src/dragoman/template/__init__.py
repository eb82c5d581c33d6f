"""A complete small plugin to start from, and the function that makes a new one of it.

``python -m dragoman.template NAME [FOLDER]`` writes FOLDER/NAME. The template in ``plugin/`` is itself a plugin, for a
made-up provider called Acme; a new one is a copy with the name replaced. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

NAME_PATTERN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def create_plugin(name: str, into: Path) -> Path:
    """Write a new plugin into a folder and return the plugin's own folder.

    Args:
        name: The provider's kind, and the last part of the distribution's name: ``my-server`` makes
            ``dragoman-my-server``.
        into: The folder in which one called ``name`` is made.

    Raises:
        ValueError: The name cannot be one.
        FileExistsError: There is something of that name already.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be a plugin's name: lower case letters, digits and hyphens, for example acme"
        )
    folder = into / name
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; choose another name, or remove it first")
    names = _spellings(name)
    for path, source in _files(files(__name__) / "plugin", ""):
        target = folder / _renamed(path, names)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_renamed(source.read_text(encoding="utf-8"), names), encoding="utf-8")
    return folder


def _spellings(name: str) -> Mapping[str, str]:
    """Return what stands in the template -> what takes its place, in the order of replacing."""
    snake, words = name.replace("-", "_"), [word.capitalize() for word in name.split("-")]
    return {
        "dragoman_acme": f"dragoman_{snake}",
        "ACME": snake.upper(),
        "The Acme": f"The {' '.join(words)}",
        "Acme": "".join(words),
        "acme": name,
    }


def _renamed(text: str, names: Mapping[str, str]) -> str:
    pattern = "|".join(map(re.escape, names))
    return re.sub(pattern, lambda found: names[found[0]], text)


def _files(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.name == "__pycache__" or entry.name.startswith("."):  # what tools leave behind
            continue
        if entry.is_dir():
            yield from _files(entry, f"{path}{entry.name}/")
        else:
            yield f"{path}{entry.name}", entry
