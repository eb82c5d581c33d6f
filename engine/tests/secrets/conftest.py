"""A plugin's secret source whose contents a test decides, and a clock that a test moves."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from dragoman.provider import SecretSourceDescription
from dragoman.secrets import SecretStore
from dragoman.settings import Settings
from pydantic import BaseModel


class ShelfSettings(BaseModel, extra="forbid"):
    board: str

    @property
    def label(self) -> str:
        return self.board


class Shelf:
    """What the source ``shelf`` reads: text, ``None`` for absent, or an exception to raise.

    ``reads`` counts; while ``gate`` is closed a reading waits, and ``entered`` says that one does.
    """

    def __init__(self) -> None:
        self.boards: dict[str, str | BaseException | None] = {}
        self.built = 0
        self.reads = 0
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def read(self, board: str) -> str | None:
        self.reads += 1
        self.threads.add(threading.current_thread().name)
        found = self.boards[board]
        self.entered.set()
        assert self.gate.wait(30)
        if isinstance(found, BaseException):
            raise found
        return found


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    shelf = Shelf()

    class ShelfSource:
        def __init__(self, settings: ShelfSettings) -> None:
            shelf.built += 1
            self._board = settings.board

        def read(self) -> str | None:
            return shelf.read(self._board)

    module = ModuleType("a_plugin_with_a_shelf")
    module.ShelfSource = ShelfSource  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return shelf


KINDS = {"shelf": SecretSourceDescription("shelf", "Shelf", ShelfSettings, "a_plugin_with_a_shelf:ShelfSource")}


@pytest.fixture
def open_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shelf: Shelf, clock: Clock
) -> Callable[..., SecretStore]:
    """Return a function that opens a store on sources, relative to ``tmp_path``."""
    for name in [name for name in os.environ if name.upper().startswith("DRAGOMAN_") or name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    file = tmp_path / "dragoman.toml"
    file.touch()

    def open_store(*sources: dict[str, Any], **rest: Any) -> SecretStore:
        settings = Settings.load(file, secrets={"sources": list(sources), **rest})
        return SecretStore(settings, KINDS, clock=clock)

    return open_store
