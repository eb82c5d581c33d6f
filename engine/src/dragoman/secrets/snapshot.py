"""The secrets as they were read at one time."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dragoman.errors import SecretError
from dragoman.secret import Secret
from dragoman.secrets.document import NAME_PATTERN, Note
from dragoman.secrets.redaction import Redactor

PROCESS_ENVIRONMENT = "process environment"

# A run of letters and digits this long is rather a key than a word of a name.
_LIKE_A_VALUE = re.compile(r"[A-Za-z0-9]{24}")


class SecretListing(NamedTuple):
    """Where one name comes from: never its value, nor the value's length.

    ``source`` is the label of the source whose value is used, ``process environment``, or ``None`` where the name is
    absent; ``also_in`` are the lower layers that have it too.
    """

    name: str
    source: str | None
    also_in: tuple[str, ...] = ()


class SecretProblem(NamedTuple):
    """What is wrong with a source, or with one name in it."""

    source: str
    message: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source brought. ``failure`` is set where it could not be read; ``values`` are then the last good."""

    label: str
    values: Mapping[str, Secret]
    notes: tuple[Note, ...] = ()
    failure: str | None = None


class Snapshot:
    """The secrets of all sources, and the process environment below them; a :class:`~dragoman.provider.SecretView`.

    ``revision`` is larger than that of an earlier snapshot where the contents differ; ``has_failures`` says whether a
    source could not be read.
    """

    def __init__(
        self, layers: Sequence[Layer], revision: int, redactor: Redactor, exported: Iterable[str] = ()
    ) -> None:
        self.revision = revision
        self.has_failures = any(layer.failure is not None for layer in layers)
        self._layers = tuple(layers)
        self._found = {name: secret for layer in reversed(self._layers) for name, secret in layer.values.items()}
        self._redactor = redactor
        self._exported = frozenset(exported)

    def __repr__(self) -> str:
        return f"<secrets: {len(self._found)} names from {len(self._layers)} sources>"

    def names(self) -> Sequence[str]:
        """Return every name that a source brings, sorted. The process environment is not listed."""
        return sorted(self._found)

    def get(self, name: str) -> Secret | None:
        """Return the secret of that name from the sources, then the process environment; ``None`` where absent."""
        return self._found.get(name) or self._from_environment(name)

    def require(self, name: str) -> Secret:
        """Return the secret of that name.

        Raises:
            SecretError: it is absent; says where it was looked for, what failed there, and what to do.
        """
        secret = self.get(name)
        if secret is None:
            raise self._absent(name)
        return secret

    @property
    def sources(self) -> tuple[str, ...]:
        """The labels of the configured sources, in order."""
        return tuple(layer.label for layer in self._layers)

    @property
    def problems(self) -> tuple[SecretProblem, ...]:
        """Everything that is wrong, source by source."""
        return tuple(problem for layer in self._layers for problem in _problems(layer))

    def listing(self, asked: Iterable[str] = ()) -> list[SecretListing]:
        """Return where each name of the sources comes from, sorted by name.

        Args:
            asked: Further names to look for, such as those that adapters need; they may be in the process environment
                or absent.
        """
        listed = []
        for name in sorted({*self._found, *asked}):
            places = [layer.label for layer in self._layers if name in layer.values]
            # What we exported ourselves is no second place.
            if not (places and name in self._exported) and self._from_environment(name):
                places.append(PROCESS_ENVIRONMENT)
            listed.append(SecretListing(name, places[0] if places else None, tuple(places[1:])))
        return listed

    def _from_environment(self, name: str) -> Secret | None:
        value = os.environ.get(name) if NAME_PATTERN.fullmatch(name) else None
        if not value:
            return None
        if not self._redactor.knows(value):
            self._redactor.remember([value])
        return Secret(value)

    def _absent(self, name: str) -> SecretError:
        if not NAME_PATTERN.fullmatch(name) or _LIKE_A_VALUE.search(name):
            # Whoever wrote a key where its name belongs must not find the key in a log.
            return SecretError(
                "a secret was asked for by something that looks like a value and is no name",
                hint="credentials name a secret, for example MY_API_KEY; its value belongs in a secret source",
            )
        places = ", ".join([*self.sources, f"the {PROCESS_ENVIRONMENT}"])
        related = [str(p) for p in self.problems if p.name in (None, name)]
        where = f"add it to {self.sources[0]}" if self._layers else "name a source in secrets.sources of dragoman.toml"
        return SecretError(
            "; ".join([f"the secret {name} is missing, looked for in {places}", *related]),
            hint=f"{where}, or export {name}",
        )


def _problems(layer: Layer) -> list[SecretProblem]:
    failed = [SecretProblem(layer.label, layer.failure)] if layer.failure is not None else []
    return failed + [SecretProblem(layer.label, note.text, note.name) for note in layer.notes]
