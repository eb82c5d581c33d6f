"""Whom a draft's calls would be made as: the provider's own check, where it has one."""

from __future__ import annotations

from dragoman.server.workbench.question import Answer, Question


async def who(asked: Question) -> Answer:
    """Return the steps of the provider's check for a draft; each says what it found, or what is missing."""
    asked.require("admin")
    raise NotImplementedError
