"""What an adapter's ``connection`` and ``inference`` say for AI21."""

from __future__ import annotations

from typing import (
    Annotated,
    Required,  # pydantic wants this one before Python 3.12
)

from dragoman.plugin import Connection, Inference
from dragoman_openai.connection import Address
from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

BASE_URL = "https://api.ai21.com/studio/v1"


class AI21Connection(Connection):
    """AI21 Studio, or a proxy that speaks its chat API."""

    base_url: Address = Field(BASE_URL, description="address of the API, up to and with /studio/v1")


@with_config(ConfigDict(extra="forbid"))
class ContextDocument(TypedDict, total=False):
    """A text that the answer may draw on."""

    content: Required[Annotated[str, Field(min_length=1, description="the text")]]
    id: Annotated[str, Field(description="a name that tells it from the others; absent = AI21 makes one up")]
    metadata: Annotated[dict[str, str], Field(description="facts about it, for example its author")]


class AI21Inference(Inference):
    """The common settings that Jamba takes, and the documents that an answer is to draw on."""

    documents: list[ContextDocument] | None = Field(None, description="texts that the answer may draw on")
