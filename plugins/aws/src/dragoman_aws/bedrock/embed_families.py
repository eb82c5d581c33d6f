"""How embedding models take texts on InvokeModel and give vectors back: rows of data.

As for chats, the family is declared (``connection.family``) or follows from ``base_model`` by an exact row; ``model``
is never read. Members and limits: Bedrock user guide, "Amazon Titan Embeddings", "Cohere Embed" and "Amazon Nova
Multimodal Embeddings", read 2026-11; requests and answers of every row are seen in recordings, but for ``encodings``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dragoman.plugin import Purpose

#: Stand in a row where the texts and a setting's value go.
TEXTS = "$texts"
VALUE = "$value"

Template = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EmbedFamily:
    """One shape of request and answer.

    Args:
        body: The request's members; the first text, or all where ``max_texts`` is above 1, go where :data:`TEXTS` is.
        max_texts: How many texts one request takes.
        answer: The name of the answer's shape; a key of ``dragoman_aws.bedrock.texts.vectors.READERS``.
        settings: Setting -> the members that it becomes, as in the families of Converse. Any other is refused.
        defaults: Setting -> what is sent where it is unset, for members that the model insists on.
        purposes: What the call says that texts are for -> the family's word for ``input_type``. Empty: it has no such
            notion.
    """

    body: Template
    max_texts: int
    answer: Literal["titan", "cohere", "nova"]
    settings: Mapping[str, Template] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    purposes: Mapping[Purpose, str] = field(default_factory=dict)


_SEARCH: Mapping[Purpose, str] = {"document": "search_document", "query": "search_query"}
_COHERE: Mapping[str, Template] = {
    "input_type": {"input_type": VALUE},
    "truncate": {"truncate": VALUE},
    "encodings": {"embedding_types": VALUE},
}

EMBED_FAMILIES: Mapping[str, EmbedFamily] = {
    "titan-embed-v1": EmbedFamily({"inputText": TEXTS}, 1, "titan"),
    "titan-embed-v2": EmbedFamily(
        {"inputText": TEXTS},
        1,
        "titan",
        {
            "dimensions": {"dimensions": VALUE},
            "normalize": {"normalize": VALUE},
            "encodings": {"embeddingTypes": VALUE},
        },
    ),
    "cohere-embed-v3": EmbedFamily({"texts": TEXTS}, 96, "cohere", _COHERE, purposes=_SEARCH),
    "cohere-embed-v4": EmbedFamily(
        {"texts": TEXTS}, 96, "cohere", {**_COHERE, "dimensions": {"output_dimension": VALUE}}, purposes=_SEARCH
    ),
    "nova-embed": EmbedFamily(
        {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"text": {"value": TEXTS}}},
        1,
        "nova",
        {
            "input_type": {"singleEmbeddingParams": {"embeddingPurpose": VALUE}},
            "dimensions": {"singleEmbeddingParams": {"embeddingDimension": VALUE}},
            "truncate": {"singleEmbeddingParams": {"text": {"truncationMode": VALUE}}},
        },
        defaults={"truncate": "NONE"},  # the model insists on the member; too long a text is then refused
        purposes={"document": "GENERIC_INDEX", "query": "GENERIC_RETRIEVAL"},
    ),
}

#: Foundation model -> family, by its whole id.
EMBED_FAMILY_OF: Mapping[str, str] = {
    "amazon.titan-embed-text-v1": "titan-embed-v1",
    "amazon.titan-embed-g1-text-02": "titan-embed-v1",
    "amazon.titan-embed-text-v2:0": "titan-embed-v2",
    "cohere.embed-english-v3": "cohere-embed-v3",
    "cohere.embed-multilingual-v3": "cohere-embed-v3",
    "cohere.embed-v4:0": "cohere-embed-v4",
    "amazon.nova-2-multimodal-embeddings-v1:0": "nova-embed",
}
