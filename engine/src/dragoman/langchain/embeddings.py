"""``DragomanEmbeddings``: LangChain embeddings for every adapter with ``operation: embed``."""

from __future__ import annotations

from typing import Any

from langchain_core.embeddings import Embeddings

from dragoman.errors import DragomanError
from dragoman.langchain.bound import CONFIG, AdapterBound
from dragoman.langchain.failures import as_langchain
from dragoman.provider import Purpose


class DragomanEmbeddings(AdapterBound, Embeddings):
    """Embeds texts with the model that an adapter describes.

    LangChain's two methods are the adapter's two purposes: documents to be found, and queries that look for some. A
    provider that makes no difference embeds both alike. Texts go out in as many requests as the provider needs; where
    one of them fails for good, the whole call raises its error, because LangChain has no place for part of an answer.
    """

    model_config = CONFIG

    #: The vectors' length, where the model lets a caller choose; ``None``: the adapter's, or the model's own.
    dimensions: int | None = None
    #: Settings of the adapter's ``inference``, by name, that are not among these.
    inference: dict[str, Any] | None = None

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of documents, in their order."""
        return await self._embed(texts, "document")

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of a query."""
        (vector,) = await self._embed([text], "query")
        return vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of documents, in their order."""
        return self._thread.run(self._embed(texts, "document"))

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a query."""
        (vector,) = self._thread.run(self._embed([text], "query"))
        return vector

    async def _embed(self, texts: list[str], purpose: Purpose) -> list[list[float]]:
        if not texts:
            return []
        inference = {**(self.inference or {}), **({} if self.dimensions is None else {"dimensions": self.dimensions})}
        try:
            response = await self.bound_engine.embed(
                self.adapter, texts, purpose=purpose, override=self.override, **inference
            )
            return response.complete()
        except DragomanError as error:
            raise as_langchain(error) from error.__cause__
