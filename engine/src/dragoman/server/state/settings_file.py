"""Seeing that the settings' file is not any more what this process was started with; it is read at the start alone."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from typing import Any

from dragoman.errors import SettingsError
from dragoman.merge import value_at
from dragoman.settings import Settings

logger = logging.getLogger("dragoman.state")


class SettingsFile:
    """Compares the file with what the settings were made from. Reading it blocks.

    Args:
        settings: What this process goes by.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known = self._started_with = self._content()
        #: Which settings wait for a restart, or why the file could not be started with; ``None``: all of it holds.
        self.problem: str | None = None

    def look(self) -> None:
        """Read the file, and say once in the log where it has changed."""
        content = self._content()
        if content == self._known:
            return
        self._known = content
        before, self.problem = self.problem, self._difference(content)
        if self.problem is not None:
            logger.warning("%s", self.problem)
        elif before is not None:
            logger.warning("%s is again what this process was started with", self._settings.file)

    def _content(self) -> bytes | None:
        try:
            return self._settings.file.read_bytes() if self._settings.file else None
        except OSError:
            return None

    def _difference(self, content: bytes | None) -> str | None:
        file = self._settings.file
        if content is None:
            return f"{file} is gone or unreadable since the start; this process goes on with what it read"
        try:
            Settings.load(file)
        except SettingsError as error:
            return f"{file} has changed and does not hold, a restart would fail: {error}"
        changed = self._changed(_read(self._started_with), _read(content))
        if not changed:
            return None
        return f"{file} has changed since the start: restart to take over {', '.join(changed)}"

    def _changed(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
        """Return the names of the settings that differ, without those that something above the file decides."""
        by_file = [one.name for one in self._settings.origins() if not one.origin.startswith(("environment", "flag"))]
        return [name for name in by_file if value_at(before, name.split(".")) != value_at(after, name.split("."))]


def _read(content: bytes | None) -> dict[str, Any]:
    try:
        return tomllib.loads((content or b"").decode())
    except ValueError:
        return {}
