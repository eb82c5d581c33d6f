"""``DragomanRerank``: a LangChain document compressor for every adapter with ``operation: rerank``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import Field

from dragoman.errors import DragomanError
from dragoman.langchain.bound import CONFIG, AdapterBound
from dragoman.langchain.failures import as_langchain


class DragomanRerank(AdapterBound, BaseDocumentCompressor):
    """Puts documents in order by their relevance to a query, with the model that an adapter describes.

    Each document that comes back is a copy with its score in ``metadata["relevance_score"]``.
    """

    model_config = CONFIG

    #: How many of the best come back; ``None``: all.
    top_n: int | None = Field(None, ge=1)
    #: Settings of the adapter's ``inference``, by name.
    inference: dict[str, Any] | None = None

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """Return the best documents, best first. LangChain's own retriever calls the callbacks; these are not used."""
        return await self._rerank(documents, query)

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """Return the best documents, best first; see :meth:`acompress_documents`."""
        return self._thread.run(self._rerank(documents, query))

    async def _rerank(self, documents: Sequence[Document], query: str) -> list[Document]:
        if not documents:
            return []
        texts = [document.page_content for document in documents]
        try:
            response = await self.bound_engine.rerank(
                self.adapter, query, texts, top_n=self.top_n, override=self.override, **(self.inference or {})
            )
            ranking = response.complete()
        except DragomanError as error:
            raise as_langchain(error) from error.__cause__
        return [_scored(documents[ranked.index], ranked.score) for ranked in ranking]


def _scored(document: Document, score: float) -> Document:
    return document.model_copy(update={"metadata": {**document.metadata, "relevance_score": score}})
