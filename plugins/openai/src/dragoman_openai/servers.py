"""Known OpenAI-compatible servers, as rows of data. A new one is one more row.

Each row says what is not the same everywhere; what it leaves out is the default of :class:`Server`. Looked up in the
servers' documentation and source in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dragoman.adapter import Operation

from dragoman_openai.codec.dialect import MAX_TEXTS, MaxTokensField, RerankShape, SendReasoning, SystemRole


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of server.

    Args:
        title: What a person sees.
        documentation_url: Where the row's facts come from.
        base_url: Its usual address; ``None`` where there is no usual one.
        max_tokens_field, stream_usage, system_role, send_reasoning, top_k: As in the codec's ``Dialect``.
        operations: What it documents.
        rerank: How its ``rerank`` is spoken to; ``None`` where it has none, or none that is known.
        max_batch_size: How many texts it takes in one request; OpenAI's limit where it documents none of its own.
        input_type: Whether its embeddings take ``input_type``.
    """

    title: str
    documentation_url: str
    base_url: str | None = None
    max_tokens_field: MaxTokensField = "max_tokens"
    stream_usage: bool = True
    system_role: SystemRole = "system"
    send_reasoning: SendReasoning = "never"
    top_k: bool = False
    operations: tuple[Operation, ...] = ("chat", "embed")
    rerank: RerankShape | None = None
    max_batch_size: int = MAX_TEXTS
    input_type: bool = False


SERVERS: Mapping[str, Server] = {
    "vllm": Server(
        "vLLM",
        "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        base_url="http://127.0.0.1:8000/v1",
        top_k=True,
        operations=("chat", "embed", "rerank"),
        rerank="jina",
    ),
    "ollama": Server(
        "Ollama", "https://docs.ollama.com/api/openai-compatibility", base_url="http://127.0.0.1:11434/v1"
    ),
    "llama-cpp": Server(
        "llama.cpp server",
        "https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
        base_url="http://127.0.0.1:8080/v1",
        top_k=True,
        operations=("chat", "embed", "rerank"),
        rerank="jina",
    ),
    "lm-studio": Server(
        "LM Studio",
        "https://lmstudio.ai/docs/developer/openai-compat",
        base_url="http://127.0.0.1:1234/v1",
        top_k=True,
    ),
    "tgi": Server(
        "Text Generation Inference",
        "https://huggingface.co/docs/text-generation-inference/messages_api",
        base_url="http://127.0.0.1:3000/v1",
        operations=("chat",),
    ),
    # Its limit is that of its option --max-client-batch-size, as it is where nobody sets it.
    "tei": Server(
        "Text Embeddings Inference",
        "https://huggingface.github.io/text-embeddings-inference/",
        base_url="http://127.0.0.1:8080/v1",
        operations=("embed", "rerank"),
        rerank="tei",
        max_batch_size=32,
    ),
    "jina": Server(
        "Jina",
        "https://api.jina.ai/redoc",
        base_url="https://api.jina.ai/v1",
        operations=("embed", "rerank"),
        rerank="jina",
    ),
    "cohere": Server(
        "Cohere compatibility API",
        "https://docs.cohere.com/docs/compatibility-api",
        base_url="https://api.cohere.ai/compatibility/v1",
        stream_usage=False,
    ),
    "groq": Server(
        "Groq",
        "https://console.groq.com/docs/openai",
        base_url="https://api.groq.com/openai/v1",
        operations=("chat",),
    ),
    # Refuses a turn with tool calls whose reasoning does not come back.
    "deepseek": Server(
        "DeepSeek",
        "https://api-docs.deepseek.com/guides/thinking_mode",
        base_url="https://api.deepseek.com",
        send_reasoning="reasoning_content",
        operations=("chat",),
    ),
    "openrouter": Server(
        "OpenRouter",
        "https://openrouter.ai/docs/api-reference/overview",
        base_url="https://openrouter.ai/api/v1",
        top_k=True,
        input_type=True,
    ),
}
