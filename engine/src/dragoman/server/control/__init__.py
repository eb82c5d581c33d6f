"""The control API under ``/api``: adapters, keys, usage and the rest. Imported when somebody first asks for it."""

from dragoman.server.control.plane import ControlPlane

__all__ = ["ControlPlane"]
