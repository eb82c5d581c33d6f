"""A secret value that does not show itself."""

from __future__ import annotations

from typing import NoReturn

MASK = "***"


class Secret:
    """A credential's value. Printing, formatting, comparing and pickling never show it; :meth:`reveal` does."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself; call it where the request is signed, and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled; send its name and resolve it where it is used")
