"""Dragoman: call any language model through an adapter that is data.

    import dragoman

    engine = dragoman.Engine.from_config()
    response = await engine.chat("local", "Tell me about iterators")

Importing this package loads nothing: public names resolve on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dragoman.adapter import Adapter as Adapter
    from dragoman.engine import DryRun as DryRun
    from dragoman.engine import Engine as Engine
    from dragoman.errors import DragomanError as DragomanError
    from dragoman.errors import ProviderError as ProviderError
    from dragoman.events import EmbedResponse as EmbedResponse
    from dragoman.events import Event as Event
    from dragoman.events import RerankResponse as RerankResponse
    from dragoman.events import Response as Response
    from dragoman.events import Usage as Usage
    from dragoman.messages import Audio as Audio
    from dragoman.messages import CachePoint as CachePoint
    from dragoman.messages import Document as Document
    from dragoman.messages import Image as Image
    from dragoman.messages import Message as Message
    from dragoman.messages import ProviderPart as ProviderPart
    from dragoman.messages import Reasoning as Reasoning
    from dragoman.messages import Text as Text
    from dragoman.messages import Tool as Tool
    from dragoman.messages import ToolCall as ToolCall
    from dragoman.messages import ToolChoice as ToolChoice
    from dragoman.messages import ToolResult as ToolResult
    from dragoman.messages import Video as Video
    from dragoman.policy import Caller as Caller
    from dragoman.settings import Settings as Settings
    from dragoman.sync import SyncEngine as SyncEngine

_HOMES = {
    "Adapter": "adapter",
    "Audio": "messages",
    "Caller": "policy",
    "CachePoint": "messages",
    "Document": "messages",
    "DragomanError": "errors",
    "DryRun": "engine",
    "EmbedResponse": "events",
    "Engine": "engine",
    "Event": "events",
    "Image": "messages",
    "Message": "messages",
    "ProviderError": "errors",
    "ProviderPart": "messages",
    "Reasoning": "messages",
    "RerankResponse": "events",
    "Response": "events",
    "Settings": "settings",
    "SyncEngine": "sync",
    "Text": "messages",
    "Tool": "messages",
    "ToolCall": "messages",
    "ToolChoice": "messages",
    "ToolResult": "messages",
    "Usage": "events",
    "Video": "messages",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dragoman' has no attribute {name!r}")
    value = getattr(import_module(f"dragoman.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
