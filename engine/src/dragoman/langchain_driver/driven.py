"""A LangChain chat model as the driver calls it: which of its methods are its own, and whether they block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from dragoman.errors import PluginError, UnsupportedError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


class Way(NamedTuple):
    """How an answer is got: in pieces or whole, by a blocking method or an asynchronous one."""

    streams: bool
    blocks: bool


@dataclass(frozen=True, slots=True)
class Driven:
    """A chat model and the call arguments that are bound to it.

    LangChain's asynchronous methods exist in every class; where a class does not write them itself they run the
    blocking ones in the event loop's default executor, which everything else in the process shares.
    """

    model: BaseChatModel
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, runnable: Any, maker: str) -> Driven:
        """Take a chat model, or one with arguments bound to it, apart.

        Args:
            runnable: What a plugin or ``bind_tools`` returned.
            maker: Who returned it, for the error's text.

        Raises:
            PluginError: It is neither.
            UnsupportedError: LangChain is not installed.
        """
        try:
            from langchain_core.language_models import BaseChatModel
            from langchain_core.runnables.base import RunnableBindingBase
        except ImportError:
            raise UnsupportedError(
                "runtime: langchain needs the package langchain-core", hint="install the plugin's LangChain packages"
            ) from None
        options: dict[str, Any] = {}
        while isinstance(runnable, RunnableBindingBase):
            options = {**runnable.kwargs, **options}
            runnable = runnable.bound
        if not isinstance(runnable, BaseChatModel):
            raise PluginError(f"{maker} returned {type(runnable).__name__}, which is no LangChain chat model")
        return cls(runnable, options)

    @property
    def subject(self) -> str:
        """What an error's text calls the class."""
        return f"the LangChain class {type(self.model).__name__}"

    def with_tools(self, bound: Any) -> Driven:
        """Return what ``bind_tools`` of the model made of it, with the arguments that were bound before."""
        if bound is self.model:
            return self
        tools = Driven.of(bound, f"bind_tools of {self.subject}")
        return Driven(tools.model, {**self.options, **tools.options})

    @property
    def is_streaming_off(self) -> bool:
        """Whether the class can stream, and has been told not to (some tell themselves so, by a model's name)."""
        off: Any = self.model.disable_streaming
        if off == "tool_calling":
            off = bool(self.options.get("tools"))
        told = "streaming" in self.model.model_fields_set and getattr(self.model, "streaming", None) is False
        return bool(off) or told

    def way(self, *, streamed: bool) -> Way:
        """Return how an answer is got, wanted in pieces or whole."""
        off = self.is_streaming_off
        if streamed and not off and not self._writes("_astream") and self._writes("_stream"):
            return Way(streams=True, blocks=True)
        if (streamed or not self._writes("_agenerate")) and not off and self._writes("_astream"):
            return Way(streams=True, blocks=False)
        return Way(streams=False, blocks=not self._writes("_agenerate"))

    def _writes(self, method: str) -> bool:
        from langchain_core.language_models import BaseChatModel, SimpleChatModel

        written = getattr(type(self.model), method)
        return all(written is not getattr(parent, method) for parent in (BaseChatModel, SimpleChatModel))
