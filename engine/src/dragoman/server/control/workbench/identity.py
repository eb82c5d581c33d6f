"""Whom a draft's calls would be made as: the provider's own check, where it has one."""

from __future__ import annotations

from dragoman.server.control.routes import Answer, Asked, Route
