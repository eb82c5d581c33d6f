"""Known OpenAI-compatible servers, as rows of data. A new one is one more row.

Each row says what is not the same everywhere; what it leaves out is the default of :class:`Server`. Looked up in the
servers' documentation and source in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dragoman_openai.codec.dialect import MaxTokensField, SendReasoning, SystemRole


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of server.

    Args:
        title: What a person sees.
        documentation_url: Where the row's facts come from.
        base_url: Its usual address; ``None`` where there is no usual one.
        max_tokens_field, stream_usage, system_role, send_reasoning, top_k: As in the codec's ``Dialect``.
    """

    title: str
    documentation_url: str
    base_url: str | None = None
    max_tokens_field: MaxTokensField = "max_tokens"
    stream_usage: bool = True
    system_role: SystemRole = "system"
    send_reasoning: SendReasoning = "never"
    top_k: bool = False


SERVERS: Mapping[str, Server] = {
    "vllm": Server(
        "vLLM",
        "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        base_url="http://127.0.0.1:8000/v1",
        top_k=True,
    ),
    "ollama": Server(
        "Ollama", "https://docs.ollama.com/api/openai-compatibility", base_url="http://127.0.0.1:11434/v1"
    ),
    "llama-cpp": Server(
        "llama.cpp server",
        "https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
        base_url="http://127.0.0.1:8080/v1",
        top_k=True,
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
    ),
    "cohere": Server(
        "Cohere compatibility API",
        "https://docs.cohere.com/docs/compatibility-api",
        base_url="https://api.cohere.ai/compatibility/v1",
        stream_usage=False,
    ),
    "groq": Server("Groq", "https://console.groq.com/docs/openai", base_url="https://api.groq.com/openai/v1"),
    # Refuses a turn with tool calls whose reasoning does not come back.
    "deepseek": Server(
        "DeepSeek",
        "https://api-docs.deepseek.com/guides/thinking_mode",
        base_url="https://api.deepseek.com",
        send_reasoning="reasoning_content",
    ),
    "openrouter": Server(
        "OpenRouter",
        "https://openrouter.ai/docs/api-reference/overview",
        base_url="https://openrouter.ai/api/v1",
        top_k=True,
    ),
}
