"""The LangChain door for embeddings: langchain-openai's classes, which get texts to send and never count tokens.

By themselves they would download a vocabulary and send arrays of tokens, which servers other than OpenAI refuse.
"""

from __future__ import annotations

from typing import Any

from dragoman.plugin import CallSettings, LangChainContext, Target

from dragoman_openai.codec.embeddings import WRITTEN_MEMBERS, EmbeddingsCodec, embed_members
from dragoman_openai.codec.parameters import merge_model_kwargs
from dragoman_openai.langchain_clients import class_arguments, imported, is_dated


def embeddings_model(
    codec: EmbeddingsCodec, target: Target, settings: CallSettings[Any], context: LangChainContext
) -> Any:
    """Return ``AzureOpenAIEmbeddings`` for a dated api-version, else ``OpenAIEmbeddings``; blocks while it is built.

    Raises:
        UnsupportedError: langchain-openai is not installed, or the adapter says something that it cannot.
    """
    classes = imported("langchain_openai")
    make = classes.AzureOpenAIEmbeddings if is_dated(target) else classes.OpenAIEmbeddings
    members = embed_members(settings.inference, codec.dialect)
    merge_model_kwargs(members, settings.model_kwargs, WRITTEN_MEMBERS)
    # The SDK asks for base64 by itself and reads it; told to ask for it, it hands out the text.
    if members.pop("encoding_format", None) != "base64":
        members["encoding_format"] = "float"
    return make(
        **class_arguments(target, codec.endpoint, settings, context),
        check_embedding_ctx_length=False,
        chunk_size=min(codec.max_texts or 1, settings.limits.max_batch_size or codec.max_texts or 1),
        dimensions=members.pop("dimensions", None),
        model_kwargs=members,
    )
