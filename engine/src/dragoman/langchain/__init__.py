"""The LangChain face: one class for every adapter, for programs written for LangChain and LangGraph.

    from dragoman.langchain import ChatDragoman

    model = ChatDragoman(adapter="local")
    message = await model.ainvoke("Tell me about iterators")

Needs the package langchain-core (``pip install 'dragoman[langchain]'``), which is imported when a class is first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dragoman.langchain.chat import ChatDragoman as ChatDragoman
    from dragoman.langchain.embeddings import DragomanEmbeddings as DragomanEmbeddings
    from dragoman.langchain.rerank import DragomanRerank as DragomanRerank

_HOMES = {"ChatDragoman": "chat", "DragomanEmbeddings": "embeddings", "DragomanRerank": "rerank"}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dragoman.langchain' has no attribute {name!r}")
    try:
        import langchain_core  # noqa: F401
    except ImportError:
        raise ImportError(
            "dragoman.langchain needs the package langchain-core (pip install 'dragoman[langchain]')"
        ) from None
    value = getattr(import_module(f"dragoman.langchain.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
