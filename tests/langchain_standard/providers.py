"""The providers that the face is held to: one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dragoman.testing.upstream import Received, Reply

from . import chat_completions, cohere_chat, converse


@dataclass(frozen=True)
class Row:
    """One provider: its adapter for a server on loopback, what answers there, and what it can do.

    Args:
        name: Of the test classes.
        document: Makes the adapter for an address.
        answer: The upstream's script; ``None`` where the provider needs no server.
        abilities: Properties of LangChain's test class that differ from its defaults.
        skips: Tests of the suite that make no sense for it, each with the reason.
        method: Which way of structured output the tests take.
        secrets: Names of secrets that the adapter needs.
        details: Figures of usage that the upstream tells beside the totals.
    """

    name: str
    document: Callable[[str], dict[str, Any]]
    answer: Callable[[Received], Reply] | None
    abilities: Mapping[str, Any] = field(default_factory=dict)
    skips: Mapping[str, str] = field(default_factory=dict)
    method: str = "function_calling"
    secrets: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


_SEES = dict.fromkeys(("supports_image_inputs", "supports_image_urls", "supports_pdf_inputs"), True)
_HEARS = {"supports_audio_inputs": True}
_JSON = {"supports_json_mode": True}

_TEXT_RESULTS = "chat completions take text alone as a tool's result; anything else is refused"
_NO_MARKS = "the test sends cache marks, which chat completions have no member for; they are refused"
_CHAT_COMPLETIONS = {
    "test_image_tool_message": _TEXT_RESULTS,
    "test_pdf_tool_message": _TEXT_RESULTS,
    "test_anthropic_inputs": _NO_MARKS,
}
_MEDIA_TESTS = (
    "test_pdf_inputs", "test_audio_inputs", "test_image_inputs", "test_image_tool_message", "test_pdf_tool_message",
    "test_anthropic_inputs",
)  # fmt: skip
_READS_TEXT = "the toy model reads text alone; anything else is refused"
_ONE_MODEL = "there is one toy model, and no other to name instead"
_LOCAL = {
    **dict.fromkeys(_MEDIA_TESTS, _READS_TEXT),
    **dict.fromkeys(
        (
            "test_invoke_with_model_override", "test_ainvoke_with_model_override", "test_stream_with_model_override",
            "test_astream_with_model_override",
        ),
        _ONE_MODEL,
    ),
}  # fmt: skip
_CONVERSE = {
    "test_audio_inputs": "Bedrock's adapter is not declared to hear: the suite's sound is no recording that it takes",
    "test_json_mode": "Converse knows no JSON without a schema; it is refused",
}
_COHERE = {
    **dict.fromkeys(
        ("test_pdf_inputs", "test_audio_inputs"), "Cohere's chat reads texts and images; anything else is refused"
    ),
    **dict.fromkeys(
        ("test_image_tool_message", "test_pdf_tool_message"),
        "Cohere takes texts and documents of text as a tool's result; anything else is refused",
    ),
    "test_anthropic_inputs": "the test sends cache marks, which Cohere has no member for; they are refused",
    "test_tool_choice": "it requires one tool of two by name, which Cohere cannot say; it is refused",
}


_NO_FORCING = "AI21 cannot be told which tool to call, nor take a schema; both are refused"
_AI21 = {
    **dict.fromkeys(_MEDIA_TESTS, "AI21's messages are text alone; anything else is refused"),
    **dict.fromkeys(
        (
            "test_tool_choice", "test_structured_few_shot_examples", "test_structured_output",
            "test_structured_output_async", "test_structured_output_pydantic_2_v1",
            "test_structured_output_optional_param", "test_unicode_tool_call_integration",
        ),
        _NO_FORCING,
    ),
    "test_message_with_name": "AI21 takes no names of authors; they are refused",
}  # fmt: skip
_HTTP = {**_CHAT_COMPLETIONS, "test_audio_inputs": "the preset's shape has no place for sound; it is refused"}


def _document(provider: str, model: str, connection: dict[str, Any]) -> dict[str, Any]:
    return {
        "provider": provider,
        "model": model,
        "connection": connection,
        "limits": {"max_attempts": 1, "timeout_s": 30},
    }


def _local(url: str) -> dict[str, Any]:
    return _document("local", "ngram", {})


def _openai(url: str) -> dict[str, Any]:
    return _document("openai", "m-1", {"base_url": f"{url}/v1"})


def _azure(url: str) -> dict[str, Any]:
    return _document("azure-openai", "m-1", {"endpoint": url})


def _compatible(url: str) -> dict[str, Any]:
    return _document("openai-compatible", "m-1", {"base_url": f"{url}/v1"})


def _bedrock(url: str) -> dict[str, Any]:
    connection = {"region": "us-east-1", "endpoint_url": url, "auth": {"kind": "aws_keys"}}
    return _document("bedrock", "m-1", connection)


def _cohere(url: str) -> dict[str, Any]:
    return _document("cohere", "m-1", {"base_url": url})


def _ai21(url: str) -> dict[str, Any]:
    return _document("ai21", "m-1", {"base_url": f"{url}/studio/v1"})


def _http(url: str) -> dict[str, Any]:
    mapping = {"preset": "openai-chat"}
    return {**_document("http", "m-1", {"url": f"{url}/v1/{{model}}/chat/completions"}), "mapping": mapping}


ROWS = (
    Row("Local", _local, None, {**_JSON, "supports_model_override": False}, _LOCAL, method="json_schema"),
    Row(
        "OpenAI",
        _openai,
        chat_completions.answer,
        {**_SEES, **_HEARS, **_JSON},
        _CHAT_COMPLETIONS,
        method="json_schema",
        secrets=("OPENAI_API_KEY",),
        details=("reasoning_output", "cache_read_input"),
    ),
    Row(
        "AzureOpenAI",
        _azure,
        chat_completions.answer,
        {**_SEES, **_HEARS, **_JSON},
        _CHAT_COMPLETIONS,
        secrets=("AZURE_OPENAI_API_KEY",),
        details=("reasoning_output", "cache_read_input"),
    ),
    Row(
        "OpenAICompatible",
        _compatible,
        chat_completions.answer,
        {**_SEES, **_HEARS, **_JSON},
        _CHAT_COMPLETIONS,
        details=("reasoning_output", "cache_read_input"),
    ),
    Row(
        "Bedrock",
        _bedrock,
        converse.answer,
        {
            "supports_image_inputs": True,
            "supports_pdf_inputs": True,
            "supports_image_tool_message": True,
            "supports_pdf_tool_message": True,
            "supports_anthropic_inputs": True,
        },
        _CONVERSE,
        method="json_schema",
        secrets=("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        details=("cache_read_input", "cache_creation_input"),
    ),
    Row(
        "Cohere",
        _cohere,
        cohere_chat.answer,
        {"supports_image_inputs": True, "supports_image_urls": True, **_JSON},
        _COHERE,
        method="json_schema",
        secrets=("COHERE_API_KEY",),
        details=("cache_read_input",),
    ),
    Row(
        "AI21",
        _ai21,
        chat_completions.answer,
        {**_JSON, "has_tool_choice": False},
        _AI21,
        secrets=("AI21_API_KEY",),
    ),
    Row("Http", _http, chat_completions.answer, {**_SEES, **_JSON}, _HTTP, method="json_schema"),
)
