"""What the face's classes have in common: an adapter, and the engine that serves it."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from pickle import PicklingError
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from dragoman.adapter import Adapter
from dragoman.engine import Engine
from dragoman.settings import Settings
from dragoman.sync import LoopThread, SyncEngine, shared_loop_thread

_NO_KEYS = (
    "credentials come from the deployment's secrets, by name: credentials: {api_key: NAME_OF_THE_SECRET} in the adapter"
    " or in override"
)


#: Unknown arguments are refused, and no error shows what was given: it may be a key. A class with several bases takes
#: the last one's configuration, so each of the face's classes says it again.
CONFIG = ConfigDict(arbitrary_types_allowed=True, extra="forbid", hide_input_in_errors=True, protected_namespaces=())


class AdapterBound(BaseModel):
    """An adapter with the engine that serves it.

    A copy that travels (pickled, or written as JSON by LangChain) carries the adapter's name or document and the path
    of the configuration, never an engine and never a secret: the receiving process has an engine and secrets of its
    own. All objects of one configuration share one engine, which lives as long as the process.
    """

    model_config = CONFIG

    #: A name or alias, or a whole document that is saved nowhere. ``None``: the deployment's default adapter.
    adapter: str | dict[str, Any] | None = None
    #: A ``dragoman.toml`` or its folder. ``None``: found as :meth:`dragoman.Engine.from_config` finds it.
    config: str | None = None
    #: One more layer of the adapter document.
    override: dict[str, Any] | None = None
    #: An engine to use instead of one for ``config``: an ``Engine`` or a ``SyncEngine``, which its owner closes.
    engine: Engine | SyncEngine | None = Field(None, exclude=True, repr=False)

    _found: Engine | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _no_secrets(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "api_key" in given:
            raise ValueError(_NO_KEYS)
        return given

    @field_validator("adapter", mode="before")
    @classmethod
    def _as_document(cls, value: Any) -> Any:
        return value.as_document() if isinstance(value, Adapter) else value

    @field_validator("config", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(Path(value).expanduser().absolute()) if isinstance(value, str | Path) else value

    @model_validator(mode="after")
    def _know_the_file(self) -> Self:
        if self.engine is None:
            return self
        if self.config is not None:
            raise ValueError("name a config or give an engine, not both: an engine has its configuration")
        self._found = self.engine.engine if isinstance(self.engine, SyncEngine) else self.engine
        if self._found.settings.file is not None:
            self.config = str(self._found.settings.file)
        return self

    @property
    def bound_engine(self) -> Engine:
        """The engine that serves this object; found, or made, when it is first needed."""
        if self._found is None:
            self._found = _shared_engine(self.config)
        return self._found

    @property
    def _thread(self) -> LoopThread:
        """The thread that runs this object's engine for synchronous callers."""
        return self.engine.thread if isinstance(self.engine, SyncEngine) else shared_loop_thread()

    # --- copies --------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[Any, Any]:
        if self.engine is not None and self.config is None:
            raise PicklingError(
                f"this {type(self).__name__} was given an engine without a configuration file, which cannot travel"
                " (give it config= instead)"
            )
        state = super().__getstate__()
        private = dict.fromkeys(state["__pydantic_private__"] or {})
        fields_set = state["__pydantic_fields_set__"] - {"engine"}
        own = {**state["__dict__"], "engine": None}
        return {**state, "__dict__": own, "__pydantic_fields_set__": fields_set, "__pydantic_private__": private}

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return a copy of its own that has the same engine: an engine is shared, never copied."""
        return super().__deepcopy__({**(memo or {}), **{id(e): e for e in (self.engine, self._found) if e is not None}})

    def __copy__(self) -> Self:
        return super().__copy__()


_ENGINES: dict[tuple[int, Path | None, str], Engine] = {}
_MAKING = threading.Lock()


def _shared_engine(config: str | None) -> Engine:
    """Return the process's engine for a configuration as it reads now: files, environment and all."""
    settings = Settings.load(config)
    key = (os.getpid(), settings.file, settings.model_dump_json())
    with _MAKING:
        if key not in _ENGINES:
            _ENGINES[key] = Engine(settings)
        return _ENGINES[key]
