"""Each preset against the wire that its source documents: requests, whole answers, streams cut anywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from dragoman.adapter import PayloadMapping, Prompt
from dragoman.errors import DocumentError, UnsupportedError
from dragoman.mapping import compile_payload, mapping_problems, payload_preset, payload_preset_names, prompt_presets
from dragoman.messages import Document, Image, Message, Reasoning, Text, ToolCall, ToolResult, Video

CHAT = [name for name in payload_preset_names() if payload_preset(name).operation == "chat"]

SYSTEM = {"role": "system", "content": "Be terse."}
CONVERSATION = [
    SYSTEM,
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "Why?"},
]
TOOL = {"name": "weather", "description": "of a city", "parameters": {"type": "object", "properties": {"city": {}}}}
SETTINGS = {"max_tokens": 64, "temperature": 0.5, "top_p": 0.9}
PNG = b"\x89PNG"

#: The rich conversation: an image, reasoning, a tool call with its result, and what the user says next.
LOOP = [
    Message("system", (Text("Be terse."),)),
    Message("user", (Text("Where?"), Image(data=PNG, media_type="image/png"))),
    Message(
        "assistant", (Text("I look."), ToolCall("c1", "weather", '{"city":"Paris"}'), ToolCall("c2", "weather", ""))
    ),
    Message("tool", (ToolResult("c1", (Text("sunny"),)), ToolResult("c2", (Text("no city"),), is_error=True))),
    Message("user", (Text("And?"),)),
]

LLAMA_2 = "<s>[INST] <<SYS>>\nBe terse.\n<</SYS>>\n\nHi [/INST] Hello! </s><s>[INST] Why? [/INST]"
FALCON = (
    "<|system|>Be terse.<|endoftext|><|prompter|>Hi<|endoftext|><|assistant|>Hello!<|endoftext|>"
    "<|prompter|>Why?<|endoftext|><|assistant|>"
)
MISTRAL = "<s>[INST] Be terse.\n\nHi [/INST] Hello!</s> [INST] Why? [/INST]"
TITAN = "Be terse.\n\nUser: Hi\nBot: Hello!\nUser: Why?\nBot:"
CLAUDE_TEXT = "Be terse.\n\nHuman: Hi\n\nAssistant: Hello!\n\nHuman: Why?\n\nAssistant:"
PLAIN = "Be terse.\n\nHi"


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


class Wire:
    """What one preset puts on the wire for CONVERSATION (PLAIN_ONE where it takes one question) with SETTINGS."""

    def __init__(self, body: dict[str, Any], *, prompt: str | None = None, one: bool = False, **more: Any) -> None:
        self.body, self.prompt, self.one, self.settings = body, prompt, one, {**SETTINGS, **more}


WIRES = {
    "tgi": Wire(
        {
            "inputs": LLAMA_2,
            "parameters": {
                "max_new_tokens": 64,
                "temperature": 0.5,
                "top_p": 0.9,
                "top_k": 40,
                "stop": ["END"],
                "seed": 7,
                "return_full_text": False,
                "details": True,
            },
            "stream": False,
        },
        prompt="llama-2-chat",
        top_k=40,
        stop_sequences=["END"],
        seed=7,
    ),
    "lmi-json-lines": Wire(
        {
            "inputs": LLAMA_2,
            "parameters": {
                "do_sample": True,
                "max_new_tokens": 64,
                "temperature": 0.5,
                "top_p": 0.9,
                "stop_sequences": ["END"],
                "details": True,
            },
            "stream": False,
        },
        prompt="llama-2-chat",
        stop_sequences=["END"],
    ),
    "lmi-sse": Wire(
        {
            "inputs": PLAIN,
            "parameters": {"do_sample": True, "max_new_tokens": 64, "temperature": 0.5, "top_p": 0.9, "details": True},
            "stream": False,
        },
        one=True,
    ),
    "lmi-dynamic-batch": Wire(
        {"inputs": PLAIN, "parameters": {"do_sample": True, "max_new_tokens": 64, "temperature": 0.5, "top_p": 0.9}},
        one=True,
    ),
    "jumpstart-text-generation": Wire(
        {"text_inputs": PLAIN, "max_new_tokens": 64, "do_sample": True, "temperature": 0.5, "top_p": 0.9}, one=True
    ),
    "text2text": Wire(
        {"text_inputs": PLAIN, "max_length": 64, "do_sample": True, "temperature": 0.5, "top_p": 0.9}, one=True
    ),
    "jumpstart-llama-2-chat": Wire(
        {"inputs": [CONVERSATION], "parameters": {"max_new_tokens": 64, "temperature": 0.5, "top_p": 0.9}}
    ),
    "falcon": Wire(
        {
            "inputs": FALCON,
            "parameters": {
                "max_new_tokens": 64,
                "do_sample": True,
                "temperature": 0.5,
                "top_p": 0.9,
                "return_full_text": False,
            },
        }
    ),
    "mistral": Wire(
        {
            "inputs": MISTRAL,
            "parameters": {
                "do_sample": True,
                "max_new_tokens": 64,
                "top_p": 0.9,
                "temperature": 0.5,
                "stop": ["###", "</s>"],
                "return_full_text": False,
            },
        },
        stop_sequences=["###", "</s>"],
    ),
    "openai-chat": Wire(
        {
            "messages": CONVERSATION,
            "max_tokens": 64,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 7,
            "stop": ["END"],
            "reasoning_effort": "low",
            "stream": False,
        },
        seed=7,
        stop_sequences=["END"],
        reasoning={"effort": "low"},
    ),
    "claude-messages": Wire(
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 64,
            "system": "Be terse.",
            "messages": [
                {"role": "user", "content": [text("Hi")]},
                {"role": "assistant", "content": [text("Hello!")]},
                {"role": "user", "content": [text("Why?")]},
            ],
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "stop_sequences": ["END"],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
        top_k=40,
        stop_sequences=["END"],
        reasoning={"budget_tokens": 1024},
    ),
    "nova": Wire(
        {
            "schemaVersion": "messages-v1",
            "system": [{"text": "Be terse."}],
            "messages": [
                {"role": "user", "content": [{"text": "Hi"}]},
                {"role": "assistant", "content": [{"text": "Hello!"}]},
                {"role": "user", "content": [{"text": "Why?"}]},
            ],
            "inferenceConfig": {"maxTokens": 64, "temperature": 0.5, "topP": 0.9, "topK": 40, "stopSequences": ["END"]},
        },
        top_k=40,
        stop_sequences=["END"],
    ),
    "titan-text": Wire(
        {
            "inputText": TITAN,
            "textGenerationConfig": {"maxTokenCount": 64, "temperature": 0.5, "topP": 0.9, "stopSequences": ["|"]},
        },
        stop_sequences=["|"],
    ),
    "cohere-command": Wire(
        {"prompt": PLAIN, "max_tokens": 64, "temperature": 0.5, "p": 0.9, "k": 40, "stop_sequences": ["END"]},
        one=True,
        top_k=40,
        stop_sequences=["END"],
    ),
    "llama-bedrock": Wire(
        {"prompt": LLAMA_2, "max_gen_len": 64, "temperature": 0.5, "top_p": 0.9}, prompt="llama-2-chat"
    ),
    "mistral-bedrock": Wire(
        {"prompt": MISTRAL, "max_tokens": 64, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop": ["END"]},
        top_k=40,
        stop_sequences=["END"],
    ),
    "ai21-j2": Wire(
        {
            "prompt": PLAIN,
            "maxTokens": 64,
            "temperature": 0.5,
            "topP": 0.9,
            "stopSequences": ["END"],
            "countPenalty": {"scale": 1.0},
        },
        one=True,
        stop_sequences=["END"],
        frequency_penalty=1,
    ),
    "claude-text": Wire(
        {
            "prompt": CLAUDE_TEXT,
            "max_tokens_to_sample": 64,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "stop_sequences": ["\n\nHuman:"],
        },
        top_k=40,
        stop_sequences=["\n\nHuman:"],
    ),
}


def compiled(name: str, prompt: str | None = None):
    return compile_payload(PayloadMapping(preset=name), None if prompt is None else Prompt(preset=prompt))


def test_table_covers_every_preset() -> None:
    assert set(WIRES) == set(CHAT) == set(ANSWERS)


@pytest.mark.parametrize("name", WIRES)
def test_conversation_goes_over_the_wire_as_documented(name: str, ask) -> None:
    wire = WIRES[name]
    request = ask(CONVERSATION[:2] if wire.one else CONVERSATION, **wire.settings)
    assert orjson.loads(compiled(name, wire.prompt).encode(request, "endpoint")) == wire.body


@pytest.mark.parametrize("name", CHAT)
def test_preset_holds_and_names_its_source(name: str) -> None:
    preset = payload_preset(name)
    assert mapping_problems(PayloadMapping(preset=name), None, "chat") == []
    assert preset.source
    assert preset.checked
    assert preset.prompt is None or preset.prompt in prompt_presets()


@pytest.mark.parametrize("name", sorted(set(CHAT) - {"openai-chat", "claude-messages", "nova"}))
def test_preset_that_takes_text_refuses_tools_and_images(name: str, ask) -> None:
    with pytest.raises(UnsupportedError, match=r"^tools: "):
        compiled(name).encode(ask(tools=[TOOL]), "m")
    with pytest.raises(UnsupportedError, match=r"^messages\[0\]\.content\[0\]: "):
        compiled(name).encode(ask([Message("user", (Image(data=PNG, media_type="image/png"),))]), "m")


@pytest.mark.parametrize(
    "name", ["tgi", "lmi-json-lines", "falcon", "mistral", "jumpstart-text-generation", "text2text"]
)
def test_temperature_zero_means_greedy(name: str, ask) -> None:
    body = orjson.loads(compiled(name).encode(ask(temperature=0), "m"))
    parameters = body.get("parameters", body)
    assert "temperature" not in parameters
    assert parameters.get("do_sample", False) is False


@pytest.mark.parametrize("name", CHAT)
def test_stream_is_asked_for_only_where_it_can_be_read(name: str, ask) -> None:
    payload = compiled(name)
    body = orjson.loads(payload.encode(ask(stream=True), "m"))
    assert body.get("stream", payload.streams) is payload.streams


# --- tools, images and reasoning ---------------------------------------------------------------------------------


def test_openai_chat_sends_the_whole_loop(ask) -> None:
    body = orjson.loads(compiled("openai-chat").encode(ask(LOOP, tools=[TOOL], choice="weather", stream=True), "m"))
    assert body == {
        "messages": [
            {"role": "system", "content": "Be terse."},
            {
                "role": "user",
                "content": [
                    text("Where?"),
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                ],
            },
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}},
                    {"id": "c2", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "content": "sunny", "tool_call_id": "c1"},
            {"role": "tool", "content": "no city", "tool_call_id": "c2"},
            {"role": "user", "content": "And?"},
        ],
        "tools": [{"type": "function", "function": TOOL}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_openai_chat_sends_structured_output(ask) -> None:
    schema = {"type": "object", "properties": {"a": {"default": None}}}
    asked = {"type": "json_schema", "json_schema": {"schema": schema, "strict": True}}
    body = orjson.loads(compiled("openai-chat").encode(ask(response_format=asked), "m"))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }
    body = orjson.loads(compiled("openai-chat").encode(ask(response_format={"type": "json_object"}), "m"))
    assert body["response_format"] == {"type": "json_object"}


def test_tgi_takes_a_schema_as_grammar(ask) -> None:
    asked = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}
    body = orjson.loads(compiled("tgi").encode(ask(response_format=asked), "m"))
    assert body["parameters"]["grammar"] == {"type": "json", "value": {"type": "object"}}
    with pytest.raises(UnsupportedError, match="no case for json_object"):
        compiled("tgi").encode(ask(response_format={"type": "json_object"}), "m")


def test_claude_messages_sends_the_whole_loop(ask) -> None:
    thought = Message(
        "assistant", (Reasoning("hm", "sig"), Reasoning(redacted="sealed"), Text("I look."), *LOOP[2].parts[1:])
    )
    file = Message("user", (Document(data=b"%PDF", media_type="application/pdf", name="a.pdf"), Text("And?")))
    request = ask([*LOOP[:2], thought, LOOP[3], file], tools=[TOOL], choice="required")
    assert orjson.loads(compiled("claude-messages").encode(request, "m")) == {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 4096,
        "system": "Be terse.",
        "messages": [
            {
                "role": "user",
                "content": [
                    text("Where?"),
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "redacted_thinking", "data": "sealed"},
                    text("I look."),
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}},
                    {"type": "tool_use", "id": "c2", "name": "weather", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": [text("sunny")]},
                    {"type": "tool_result", "tool_use_id": "c2", "content": [text("no city")], "is_error": True},
                    {
                        "type": "document",
                        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
                        "title": "a.pdf",
                    },
                    text("And?"),
                ],
            },
        ],
        "tools": [{"name": "weather", "description": "of a city", "input_schema": TOOL["parameters"]}],
        "tool_choice": {"type": "any"},
    }


def test_nova_sends_the_whole_loop(ask) -> None:
    body = orjson.loads(compiled("nova").encode(ask(LOOP, tools=[TOOL], choice="weather"), "m"))
    assert body["messages"] == [
        {
            "role": "user",
            "content": [{"text": "Where?"}, {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}}],
        },
        {
            "role": "assistant",
            "content": [
                {"text": "I look."},
                {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Paris"}}},
                {"toolUse": {"toolUseId": "c2", "name": "weather", "input": {}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "c1", "content": [{"text": "sunny"}]}},
                {"toolResult": {"toolUseId": "c2", "content": [{"text": "no city"}], "status": "error"}},
                {"text": "And?"},
            ],
        },
    ]
    assert body["toolConfig"] == {
        "tools": [
            {"toolSpec": {"name": "weather", "description": "of a city", "inputSchema": {"json": TOOL["parameters"]}}}
        ],
        "toolChoice": {"tool": {"name": "weather"}},
    }


@pytest.mark.parametrize(
    ("name", "part", "what"),
    [
        ("claude-messages", Image(url="https://example.org/a.png"), "image_url"),
        ("nova", Document(data=b"%PDF", media_type="application/pdf"), "document"),
        ("claude-messages", Video(data=b"x", media_type="video/mp4"), "video"),
        ("openai-chat", Video(url="https://example.org/a.mp4"), "video_url"),
        ("openai-chat", Document(url="https://example.org/a.pdf"), "document_url"),
    ],
)
def test_part_that_a_preset_cannot_say_is_refused(name, part, what, ask) -> None:
    with pytest.raises(UnsupportedError, match=rf"^messages\[0\]\.content\[0\]: .*no case for {what} "):
        compiled(name).encode(ask([Message("user", (part,))]), "m")


# --- whole answers -----------------------------------------------------------------------------------------------

TGI_ANSWER = [{"generated_text": "Hello.", "details": {"finish_reason": "eos_token", "generated_tokens": 3}}]

#: Preset -> (documented answer, text, finish reason, its word, tokens read, tokens written).
ANSWERS: dict[str, list[tuple[Any, str, str, str | None, int | None, int | None]]] = {
    "tgi": [
        (TGI_ANSWER, "Hello.", "stop", "eos_token", None, 3),
        (TGI_ANSWER[0], "Hello.", "stop", "eos_token", None, 3),
        ([{"generated_text": ""}], "", "unknown", None, None, None),
        (
            [{"generated_text": "a", "details": {"finish_reason": "length", "generated_tokens": 1}}],
            "a",
            "length",
            "length",
            None,
            1,
        ),
    ],
    "lmi-json-lines": [
        (
            {"generated_text": "Deep", "details": {"finish reason": "length", "generated_tokens": 8}},
            "Deep",
            "length",
            "length",
            None,
            8,
        ),
        ({"generated_text": "Deep"}, "Deep", "unknown", None, None, None),
    ],
    "lmi-sse": [
        (
            [{"generated_text": "Deep", "details": {"finish_reason": "stop_sequence", "generated_tokens": 8}}],
            "Deep",
            "stop_sequence",
            "stop_sequence",
            None,
            8,
        ),
    ],
    "lmi-dynamic-batch": [([{"generated_text": "Deep"}], "Deep", "unknown", None, None, None)],
    "jumpstart-text-generation": [
        ([{"generated_text": "a"}], "a", "unknown", None, None, None),
        ([[{"generated_text": "a"}]], "a", "unknown", None, None, None),
    ],
    "text2text": [({"generated_texts": ["a", "b"]}, "a", "unknown", None, None, None)],
    "jumpstart-llama-2-chat": [
        ([{"generation": {"role": "assistant", "content": " a"}}], " a", "unknown", None, None, None),
        ([{"generation": " a"}], " a", "unknown", None, None, None),
    ],
    "falcon": [([{"generated_text": "a"}], "a", "unknown", None, None, None)],
    "mistral": [([{"generated_text": "a"}], "a", "unknown", None, None, None)],
    "openai-chat": [
        (
            {
                "id": "1",
                "model": "m",
                "choices": [{"message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 3},
            },
            "a",
            "stop",
            "stop",
            5,
            3,
        ),
        ({"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}, "", "length", "length", None, None),
        (
            {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]},
            "",
            "content_filter",
            "content_filter",
            None,
            None,
        ),
    ],
    "claude-messages": [
        (
            {
                "content": [text("a"), text("b")],
                "stop_reason": "max_tokens",
                "usage": {"input_tokens": 5, "cache_read_input_tokens": 10, "output_tokens": 3},
            },
            "ab",
            "length",
            "max_tokens",
            15,
            3,
        ),
        ({"content": [], "stop_reason": "end_turn"}, "", "stop", "end_turn", None, None),
        ({"content": [], "stop_reason": "new_reason"}, "", "unknown", "new_reason", None, None),
    ],
    "nova": [
        (
            {
                "output": {"message": {"content": [{"text": "a"}]}},
                "stopReason": "end_turn",
                "usage": {"inputTokens": 5, "outputTokens": 3, "cacheReadInputTokenCount": 2},
            },
            "a",
            "stop",
            "end_turn",
            7,
            3,
        ),
        (
            {"output": {"message": {"content": [{"text": ""}]}}, "stopReason": "content_filtered"},
            "",
            "content_filter",
            "content_filtered",
            None,
            None,
        ),
    ],
    "titan-text": [
        (
            {"inputTextTokenCount": 5, "results": [{"tokenCount": 3, "outputText": "a", "completionReason": "FINISH"}]},
            "a",
            "stop",
            "FINISH",
            5,
            3,
        ),
    ],
    "cohere-command": [
        (
            {"generations": [{"finish_reason": "COMPLETE", "id": "1", "text": "a"}], "id": "2", "prompt": "p"},
            "a",
            "stop",
            "COMPLETE",
            None,
            None,
        ),
    ],
    "llama-bedrock": [
        (
            {"generation": "a", "prompt_token_count": 5, "generation_token_count": 3, "stop_reason": "stop"},
            "a",
            "stop",
            "stop",
            5,
            3,
        ),
    ],
    "mistral-bedrock": [({"outputs": [{"text": "a", "stop_reason": "length"}]}, "a", "length", "length", None, None)],
    "ai21-j2": [
        (
            {
                "id": 1,
                "prompt": {"tokens": [{}, {}]},
                "completions": [{"data": {"text": "a", "tokens": [{}]}, "finishReason": {"reason": "endoftext"}}],
            },
            "a",
            "stop",
            "endoftext",
            2,
            1,
        ),
    ],
    "claude-text": [
        (
            {"completion": " a", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"},
            " a",
            "stop",
            "stop_sequence",
            None,
            None,
        )
    ],
}


@pytest.mark.parametrize(("name", "row"), [(name, row) for name, rows in ANSWERS.items() for row in rows])
def test_documented_answer_is_read(name: str, row, ask, answer_of) -> None:
    answer, said, reason, word, read, written = row
    payload = compiled(name)
    response = payload.decode(orjson.dumps(answer), ask())
    if not payload.streams:  # the stream of such an endpoint is the whole answer at its end
        for size in (1, 7, None):
            streamed = answer_of(payload, orjson.dumps(answer, option=orjson.OPT_INDENT_2), size)
            assert [report.code for report in streamed.reports] == ["not_streamed"]
            assert replace(streamed, reports=()) == response
    assert (response.text, response.finish_reason, response.provider_finish_reason) == (said, reason, word)
    assert (response.usage.input_tokens, response.usage.output_tokens) == (read, written)
    assert response.usage.source == ("provider" if written is not None else "absent")


CALLS = [("c1", "weather", '{"city":"Paris"}'), ("c2", "time", "{}")]


@pytest.mark.parametrize(
    ("name", "answer", "reasoning"),
    [
        (
            "openai-chat",
            {
                "choices": [
                    {
                        "message": {
                            "content": None,
                            "reasoning_content": "hm",
                            "tool_calls": [
                                {"id": call, "type": "function", "function": {"name": name, "arguments": arguments}}
                                for call, name, arguments in CALLS
                            ],
                        },
                        "finish_reason": "stop",
                    }
                ]
            },
            (Reasoning("hm"),),
        ),
        (
            "claude-messages",
            {
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    *(
                        {"type": "tool_use", "id": call, "name": name, "input": orjson.loads(given)}
                        for call, name, given in CALLS
                    ),
                ],
                "stop_reason": "tool_use",
            },
            (Reasoning("hm", "sig"),),
        ),
        (
            "nova",
            {
                "output": {
                    "message": {
                        "content": [
                            {"toolUse": {"toolUseId": call, "name": name, "input": orjson.loads(given)}}
                            for call, name, given in CALLS
                        ]
                    }
                },
                "stopReason": "tool_use",
            },
            (),
        ),
    ],
)
def test_tool_calls_are_read(name: str, answer, reasoning, ask) -> None:
    response = compiled(name).decode(orjson.dumps(answer), ask())
    assert response.message.parts == (*reasoning, *(ToolCall(*call) for call in CALLS))
    assert response.finish_reason == "tool_calls"


# --- the document ------------------------------------------------------------------------------------------------


def test_changes_beside_a_preset_are_merged_over_it(ask) -> None:
    payload = compile_payload(
        PayloadMapping.model_validate(
            {
                "preset": "tgi",
                "request": {"q": {"$": "prompt"}},
                "response": {"text": "answer", "error": ""},
                "finish_map": {"eos_token": "length", "own": "stop"},
            }
        )
    )
    assert payload.encode(ask(), "m") == b'{"q":"hi"}', "the skeleton is replaced whole"
    answer = {
        "answer": "a",
        "error": "no error rule is left",
        "details": {"finish_reason": "eos_token", "generated_tokens": 2},
    }
    response = payload.decode(orjson.dumps(answer), ask())
    assert (response.text, response.finish_reason, response.usage.output_tokens) == ("a", "length", 2)


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        ({"preset": "nope"}, r"mapping\.preset: there is no preset 'nope' \(there are ai21-j2, claude-messages"),
        ({"preset": "titan-embed"}, r"mapping\.preset: titan-embed is for operation embed, not for chat"),
        ({"preset": "../../secrets"}, r"mapping\.preset: there is no preset"),
    ],
)
def test_preset_that_does_not_fit_is_refused(mapping, problem) -> None:
    with pytest.raises(DocumentError, match=problem):
        compile_payload(PayloadMapping.model_validate(mapping))


@pytest.mark.parametrize("name", ["titan-embed", "cohere-embed"])
def test_embedding_preset_holds_for_embeddings(name: str) -> None:
    assert mapping_problems(PayloadMapping(preset=name), None, "embed") == []
    changed = PayloadMapping.model_validate({"preset": name, "response": {"embeddings": "", "text": "x"}})
    assert [p.path for p in mapping_problems(changed, None, "embed")] == ["mapping.response.embeddings"]
    chat = PayloadMapping(preset="tgi")
    assert mapping_problems(chat, None, "embed")[0].path == "mapping.preset"
