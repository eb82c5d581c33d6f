"""Adapters out of the ``models`` section of an AI DIAL configuration.

Meanings are those of DIAL Core's documentation of models, read 2026-11. What an adapter cannot say is noted with its
path, never dropped in silence. A key is never copied: the adapter names a secret, and a note says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dragoman.plugin import Imported, ImportTools, slug

from dragoman_dial.meanings import read_capabilities, read_defaults, read_limits, read_pricing
from dragoman_dial.reading import Json, Reading, at, mapping, parsed, plain_number, refuse
from dragoman_dial.upstreams import read_upstreams

#: What an adapter allows at most.
MAX_ATTEMPTS = 10
OPERATIONS: Mapping[str, str] = {"chat": "chat", "embedding": "embed"}

#: Sections beside the models. Names in `keys` are the keys themselves, so no section's members are repeated.
_SECTIONS: Mapping[str, tuple[str, str | None]] = {
    "keys": ("holds keys, which are not copied", "`dragoman keys create` makes keys with a project and a role"),
    "roles": ("says who may use what, and how much", "keys name the adapters that they open"),
    "applications": ("belongs to DIAL", None),
    "assistants": ("belongs to DIAL", None),
    "addons": ("belongs to DIAL", None),
    "assistant": ("belongs to DIAL", None),
    "toolsets": ("belongs to DIAL", None),
    "routes": ("belongs to DIAL", None),
    "interceptors": ("belongs to DIAL", None),
    "globalInterceptors": ("belongs to DIAL", None),
    "translators": ("belongs to DIAL", None),
    "applicationTypeSchemas": ("belongs to DIAL", None),
    "rateLimitSchedule": ("is about roles' limits", None),
    "retriableErrorCodes": ("is left out: which errors are tried again is known here", None),
}

#: Members of a model that no adapter has a place for -> what is said of them.
_NO_PLACE: Mapping[str, str] = {
    **dict.fromkeys(
        ("iconUrl", "description", "intro", "descriptionKeywords", "author", "createdAt", "updatedAt", "reference",
         "dependencies", "topics"), "is for DIAL's own pages"),
    **dict.fromkeys(("responsesEndpoint", "responsesDefaults"), "is for the Responses API, which adapters do not use"),
    "interfaces": "is left out, but for an address of the adapter where there is no endpoint",
    "tokenizerModel": "is left out: input is counted by the provider, or estimated",
    "embeddingDimensions": "is only informative in DIAL; inference.dimensions would ask for that length",
    "forwardAuthToken": "is left out: a caller's own token is never passed on",
    "maxInputAttachments": "is left out: attachments are not counted",
    "interceptors": "is left out: there are none",
    "fieldsHashingOrder": "is ignored by DIAL too",
}  # fmt: skip
_READ = (
    "type", "endpoint", "overrideName", "upstreams", "maxRetryAttempts", "defaults", "defaultHeaders", "limits",
    "pricing", "features", "userRoles", "inputAttachmentTypes", "displayName", "displayVersion", "name",
)  # fmt: skip


def import_dial(text: str, _tools: ImportTools) -> Imported:
    """Return the adapters of a DIAL configuration.

    Raises:
        DocumentError: The text is no such configuration.
    """
    document = parsed(text)
    if "models" not in document:
        refuse("models", "is missing", "an aidial.config.json is expected")
    reading = Reading()
    importer = _Importer(reading)
    documents = list(importer.models(mapping(document["models"], "models")))
    for name in document:
        if name in _SECTIONS:
            reading.note(name, *_SECTIONS[name])
        elif name != "models":
            reading.note(name, "is not known, and is left out")
    return Imported(documents, reading.notes)


class _Importer:
    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._names: set[str] = set()

    def models(self, models: Json) -> Iterator[Json]:
        """Yield an adapter for each model that can be one."""
        for name, given in models.items():
            path = f"models.{name}"
            adapter = self._adapter(name, mapping(given, path), path)
            if adapter is not None:
                yield adapter

    def _adapter(self, name: str, model: Json, path: str) -> Json | None:
        kind = model.get("type", "chat")
        if kind not in OPERATIONS:
            self.reading.note(at(path, "type"), f"is {kind!r}: only chat and embedding can be adapters; left out")
            return None
        target = read_upstreams(self.reading, model, name, path)
        if target is None:
            self.reading.note(path, "is left out: no provider is known for it")
            return None
        adapter = self._identity(name, model)
        if OPERATIONS[kind] != "chat":
            adapter["operation"] = OPERATIONS[kind]
        adapter |= target
        for read in _READERS:
            read(self.reading, model, adapter, path)
        self._access(model, path)
        for member in model:
            if member in _NO_PLACE:
                self.reading.note(at(path, member), _NO_PLACE[member])
        self.reading.unread(model, (*_READ, *_NO_PLACE), path)
        return adapter

    def _identity(self, original: str, model: Json) -> Json:
        name = plain = slug(original) or "dial-model"
        count = 1
        while name in self._names:
            count += 1
            name = f"{plain}-{count}"
        self._names.add(name)
        identity: Json = {"version": 1, "name": name}
        if original != name:
            identity["aliases"] = [original]
        title, version = model.get("displayName"), model.get("displayVersion")
        title = f"{title} ({version})" if title and version else title or (original if original != name else None)
        if title:
            identity["title"] = str(title)
        return identity

    def _access(self, model: Json, path: str) -> None:
        roles = model.get("userRoles")
        if roles is None:
            return
        what = "lets nobody in" if roles == [] else "lets some roles in"
        hint = "here the keys say which adapters they open; `dragoman keys create` takes their names"
        self.reading.note(at(path, "userRoles"), f"{what}, and is left out", hint)


def _read_attempts(reading: Reading, model: Json, adapter: Json, path: str) -> None:
    given = model.get("maxRetryAttempts")
    if given is None:
        return
    attempts = plain_number(given)
    if attempts is None or attempts > MAX_ATTEMPTS:
        reading.note(at(path, "maxRetryAttempts"), f"is not between 1 and {MAX_ATTEMPTS}, and is left out or lowered")
    if attempts is not None:
        adapter["limits"] = {"max_attempts": min(attempts, MAX_ATTEMPTS)}


_READERS: tuple[Callable[[Reading, Json, Json, str], Any], ...] = (
    read_defaults,
    read_capabilities,
    read_limits,
    read_pricing,
    _read_attempts,
)
