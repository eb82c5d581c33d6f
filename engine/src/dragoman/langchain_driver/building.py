"""Building a plugin's LangChain model, and making sure that no setting of the adapter was forgotten on the way."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import fields
from typing import Any

from pydantic import ValidationError

from dragoman.adapter import Inference, problems_of
from dragoman.errors import DragomanError, PluginError, UnsupportedError
from dragoman.provider import CallSettings, LangChainContext, Target
from dragoman.secret import Secret
from dragoman.secrets.snapshot import Snapshot

#: Takes the call's settings and what a class can be built from; ``Provider.langchain`` of one target. May block.
Build = Callable[[CallSettings, LangChainContext], Any]


class BuildContext:
    """What a LangChain class is built from; see :class:`dragoman.provider.LangChainContext`.

    Args:
        secrets: The secrets, already read.
        classes: The classes that the deployment's settings name.
    """

    def __init__(self, secrets: Snapshot, classes: Mapping[str, str]) -> None:
        self._secrets = secrets
        self._classes = classes
        self._closers: list[Callable[[], Awaitable[None] | None]] = []

    def secret(self, name: str) -> Secret:
        """Return a secret; raise ``SecretError`` where it is absent."""
        return self._secrets.require(name)

    def chat_model(
        self, named: str, target: Target, settings: CallSettings, arguments: Mapping[str, Any] | None = None
    ) -> Any:
        """Build a chat model from the class's own fields."""
        from dragoman.langchain_driver.constructing import construct, own_clients

        model = construct(named, target, settings, arguments or {}, self.secret)
        for client in own_clients(model):
            if close := getattr(client, "aclose", None) or getattr(client, "close", None):
                self.on_close(close)
        return model

    def class_named(self, name: str) -> str:
        """Return the class that the settings have under a name."""
        if name not in self._classes:
            known = ", ".join(sorted(self._classes)) or "none"
            hint = f"there are: {known}; a row of [langchain.classes] in dragoman.toml adds one"
            raise UnsupportedError(f"the settings name no LangChain class {name!r}", path="connection.class", hint=hint)
        return self._classes[name]

    def on_close(self, close: Callable[[], Awaitable[None] | None]) -> None:
        """Have this called when the model is no longer driven, last first."""
        self._closers.append(close)

    async def aclose(self) -> None:
        """Close what the plugin asked to have closed."""
        for close in reversed(self._closers):
            with contextlib.suppress(Exception):  # what a client says while it is closed helps nobody
                waiting = close()
                if inspect.isawaitable(waiting):
                    await waiting
        self._closers.clear()


def build_model(build: Build, settings: CallSettings, context: LangChainContext, provider: str) -> Any:
    """Return what the plugin builds; blocks.

    A setting that the plugin did not even look at cannot have reached its class, so the call is refused: a short
    plugin may leave out what it likes, and nothing is dropped in silence.

    Raises:
        UnsupportedError: A setting was not looked at; or the plugin's own, for a missing package for example.
        PluginError: It failed otherwise.
    """
    subject = f"the LangChain class of provider {provider}"
    seen: set[str] = set()
    token = _SEEN.set(seen)
    try:
        model = build(_watched(settings), context)
    except DragomanError:
        raise
    except ImportError as error:
        raise PluginError(f"{subject} cannot be built: {error}", hint="install the package that it is from") from None
    except ValidationError as error:  # the text of this one would quote what it was given
        found = "; ".join(str(problem) for problem in problems_of(error))
        raise PluginError(f"{subject} refuses its settings: {found}") from None
    except Exception as error:  # noqa: BLE001  (a plugin's code may raise whatever it likes)
        raise PluginError(f"{subject} cannot be built: {type(error).__name__}: {error}") from None
    finally:
        _SEEN.reset(token)
    _refuse_overlooked(settings, seen, subject)
    return model


# --- what the plugin looked at -----------------------------------------------------------------------------------

_SEEN: ContextVar[set[str] | None] = ContextVar("dragoman_langchain_settings_seen", default=None)

#: Ways to read every setting at once.
_ALL_AT_ONCE = frozenset({"__dict__", "model_dump", "model_dump_json", "model_copy", "dict", "json", "copy"})
_BESIDE_INFERENCE = ("model_kwargs", "endpoint_kwargs")


def _note(name: str) -> None:
    seen = _SEEN.get()
    if seen is not None:
        seen.add(name)


class _WatchedSettings(CallSettings):
    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        _note(name)
        return super().__getattribute__(name)


@functools.lru_cache(maxsize=64)
def _watched_model(kind: type[Inference]) -> type[Inference]:
    class Watched(kind):  # type: ignore[misc, valid-type]
        def __getattribute__(self, name: str) -> Any:
            _note(name)
            return super().__getattribute__(name)

    Watched.__name__, Watched.__qualname__, Watched.__doc__ = kind.__name__, kind.__qualname__, kind.__doc__
    return Watched


def _watched(settings: CallSettings) -> CallSettings:
    inference = settings.inference
    watched = _watched_model(type(inference)).model_construct(inference.model_fields_set, **inference.__dict__)
    rest = {field.name: getattr(settings, field.name) for field in fields(CallSettings)}
    return _WatchedSettings(**{**rest, "inference": watched})


def _refuse_overlooked(settings: CallSettings, seen: set[str], subject: str) -> None:
    overlooked = [name for name in _BESIDE_INFERENCE if getattr(settings, name) and name not in seen]
    if not seen & _ALL_AT_ONCE:
        overlooked += [f"inference.{name}" for name in _set_in(settings.inference) if name not in seen]
    if overlooked:
        path, *others = overlooked
        also = f"; nor of {', '.join(others)}" if others else ""
        raise UnsupportedError(f"{subject} makes nothing of it{also}", path=path, hint="remove it with null")


def _set_in(inference: Inference) -> Iterable[str]:
    return (n for n in type(inference).model_fields if n != "configuration" and getattr(inference, n) is not None)
