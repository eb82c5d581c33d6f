"""What is compared with what: each suite has contenders, an answer of the upstream, and what is to be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import upstream_bedrock
import upstream_cohere
import upstream_openai


class Row(NamedTuple):
    """What is measured: ``call`` or ``stream``, with a conversation of so many messages."""

    operation: str
    messages: int

    def __str__(self) -> str:
        return f"{self.operation}, {self.messages} messages"


class Target(NamedTuple):
    """At most this many times the CPU of the other contender."""

    operation: str
    against: str
    at_most: float


@dataclass(frozen=True)
class Suite:
    """Contenders that do the same.

    Args:
        title: What it measures.
        base: Path under the upstream's address that every contender is given.
        contenders: File name in ``contenders/`` -> what the tables call it.
        subject: The one of them that is Dragoman.
        compared: Those that every figure is also given as a multiple of.
        targets: What is to be reached.
        answer: What every contender must read.
        chunks: Pieces of a stream.
        results: The file that is written.
    """

    title: str
    base: str
    contenders: Mapping[str, str]
    subject: str
    compared: tuple[str, ...]
    targets: tuple[Target, ...]
    answer: str
    chunks: int
    results: str


ROWS = [Row(operation, messages) for operation in ("call", "stream") for messages in (2, 20)]

SUITES: Mapping[str, Suite] = {
    "openai": Suite(
        title="OpenAI's chat completions",
        base="/v1",
        contenders={
            "bare_aiohttp": "bare aiohttp + orjson",
            "dragoman_engine": "Dragoman",
            "openai_sdk": "openai SDK",
            "chat_openai": "ChatOpenAI",
            "litellm_sdk": "LiteLLM",
        },
        subject="dragoman_engine",
        compared=("bare_aiohttp", "openai_sdk"),
        targets=(
            Target("call", "openai_sdk", 0.20),
            Target("call", "bare_aiohttp", 2.5),
            Target("stream", "openai_sdk", 0.08),
            Target("stream", "bare_aiohttp", 2.5),
        ),
        answer=upstream_openai.ANSWER,
        chunks=upstream_openai.CHUNKS,
        results="RESULTS.md",
    ),
    "bedrock": Suite(
        title="Bedrock's Converse",
        base="",
        contenders={
            "dragoman_bedrock": "Dragoman",
            "boto3_sdk": "boto3",
            "chat_bedrock": "ChatBedrockConverse",
            "litellm_bedrock": "LiteLLM",
        },
        subject="dragoman_bedrock",
        compared=("boto3_sdk", "litellm_bedrock"),
        targets=(
            Target("call", "boto3_sdk", 0.40),
            Target("call", "litellm_bedrock", 0.10),
            Target("stream", "boto3_sdk", 0.30),
            Target("stream", "litellm_bedrock", 0.04),
        ),
        answer=upstream_bedrock.ANSWER,
        chunks=upstream_bedrock.CHUNKS,
        results="RESULTS-bedrock.md",
    ),
    "cohere": Suite(
        title="Cohere's chat",
        base="",
        contenders={
            "dragoman_at_cohere": "Dragoman",
            "cohere_sdk": "cohere SDK",
        },
        subject="dragoman_at_cohere",
        compared=("cohere_sdk",),
        targets=(
            Target("call", "cohere_sdk", 0.35),
            Target("stream", "cohere_sdk", 0.10),
        ),
        answer=upstream_cohere.ANSWER,
        chunks=upstream_cohere.CHUNKS,
        results="RESULTS-cohere.md",
    ),
}
