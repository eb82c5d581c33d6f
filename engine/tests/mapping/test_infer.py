from __future__ import annotations

import orjson
import pytest
from dragoman.adapter import PayloadMapping, Prompt
from dragoman.errors import DocumentError
from dragoman.mapping import compile_payload
from dragoman.mapping.infer import infer_mapping

TGI = [{"generated_text": "yes", "details": {"finish_reason": "length", "generated_tokens": 5}}]


def payload(proposal):
    prompt = None if proposal.prompt is None else Prompt.model_validate(proposal.prompt)
    return compile_payload(PayloadMapping.model_validate(proposal.mapping), prompt)


PRESETS = [
    (
        "tgi",
        {
            "inputs": "hi",
            "parameters": {"max_new_tokens": 5, "details": True, "return_full_text": False},
            "stream": False,
        },
        TGI,
    ),
    (
        "jumpstart-llama-2-chat",
        {"inputs": [[{"role": "user", "content": "hi"}]], "parameters": {"top_p": 0.9}},
        [{"generation": {"role": "assistant", "content": "yes"}}],
    ),
    ("text2text", {"text_inputs": "hi", "max_length": 5}, {"generated_texts": ["yes"]}),
    (
        "openai-chat",
        {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5},
        {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]},
    ),
    (
        "claude-messages",
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 5,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        },
        {"content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn"},
    ),
    (
        "nova",
        {
            "schemaVersion": "messages-v1",
            "messages": [{"role": "user", "content": [{"text": "hi"}]}],
            "inferenceConfig": {"maxTokens": 5},
        },
        {"output": {"message": {"content": [{"text": "yes"}]}}},
    ),
    (
        "titan-text",
        {"inputText": "User: hi\nBot:", "textGenerationConfig": {"maxTokenCount": 5}},
        {"results": [{"outputText": "yes"}]},
    ),
    ("cohere-command", {"prompt": "hi", "max_tokens": 5, "p": 0.9}, {"generations": [{"text": "yes"}]}),
    ("llama-bedrock", {"prompt": "hi", "max_gen_len": 5}, {"generation": "yes"}),
    ("mistral-bedrock", {"prompt": "<s>[INST] hi [/INST]", "max_tokens": 5}, {"outputs": [{"text": "yes"}]}),
    ("ai21-j2", {"prompt": "hi", "maxTokens": 5}, {"completions": [{"data": {"text": "yes"}}]}),
    ("claude-text", {"prompt": "\n\nHuman: hi\n\nAssistant:", "max_tokens_to_sample": 5}, {"completion": "yes"}),
]


@pytest.mark.parametrize(("preset", "request_", "answer"), PRESETS, ids=[row[0] for row in PRESETS])
def test_preset_is_recognised_by_its_shape(preset, request_, answer, ask) -> None:
    proposal = infer_mapping(request_, answer)
    assert proposal.mapping == {"preset": preset}
    assert payload(proposal).decode(orjson.dumps(answer), ask()).text == "yes"
    assert all(value in (5, 0.9) for value in proposal.inference.values())


@pytest.mark.parametrize(("preset", "request_", "answer"), PRESETS, ids=[row[0] for row in PRESETS])
def test_proposal_sends_the_sample_again(preset, request_, answer, ask) -> None:
    proposal = infer_mapping(request_, answer)
    sent = orjson.loads(payload(proposal).encode(ask("hi", **proposal.inference), "m"))
    added = {name: value for name, value in sent.items() if name not in request_}
    assert {name: sent[name] for name in request_} == request_
    assert set(added) <= {"stream"}


def test_what_the_preset_does_not_write_goes_into_model_kwargs() -> None:
    request = {"inputs": "hi", "parameters": {"temperature": 0.2, "typical_p": 0.3}, "stream": True}
    proposal = infer_mapping(request, TGI)
    assert proposal.inference == {"temperature": 0.2}
    assert proposal.model_kwargs == {"typical_p": 0.3}


def test_sample_that_fits_several_presets_says_so() -> None:
    proposal = infer_mapping({"inputs": "hi", "parameters": {"max_new_tokens": 5}}, {"generated_text": "yes"})
    assert proposal.mapping == {"preset": "tgi"}
    assert not proposal.is_certain
    said = " ".join(finding.message for finding in proposal.findings if not finding.is_certain)
    assert "lmi-json-lines" in said
    assert "falcon" in said


@pytest.mark.parametrize(
    ("text", "prompt", "certain"),
    [
        ("<s>[INST] <<SYS>>\nx\n<</SYS>>\n\nhi [/INST]", "llama-2-chat", True),
        ("<s>[INST] hi [/INST]", "llama-2-chat", False),  # or mistral-instruct
        ("<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>", "llama-3", True),
        ("<|im_start|>user\nhi<|im_end|>\n", "chatml", True),
        ("<|prompter|>hi<|endoftext|><|assistant|>", "falcon-openassistant", True),
        ("<start_of_turn>user\nhi<end_of_turn>\n", "gemma", True),
    ],
)
def test_prompt_is_recognised_by_its_markers(text, prompt, certain) -> None:
    request = {"inputs": text, "parameters": {"max_new_tokens": 5, "details": True}, "stream": False}
    proposal = infer_mapping(request, TGI)
    assert proposal.prompt == {"preset": prompt}
    assert any("role markers" in f.message and f.is_certain is certain for f in proposal.findings)


def test_unknown_shape_is_put_together_from_its_names(ask) -> None:
    request = {"query": "hi", "config": {"temp": 0.1, "maxOutputTokens": 5, "stopWords": ["x"]}, "lang": "en"}
    answer = {"data": {"answer": "yes"}, "usage": {"input_tokens": 3, "outputTokens": 4}, "stopReason": "END_TURN"}
    proposal = infer_mapping(request, answer)
    assert proposal.mapping["response"] == {
        "text": "data.answer",
        "finish": "stopReason",
        "tokens_in": "usage.input_tokens",
        "tokens_out": "usage.outputTokens",
    }
    assert proposal.inference == {"temperature": 0.1, "max_tokens": 5, "stop_sequences": ["x"]}
    made = payload(proposal)
    assert orjson.loads(made.encode(ask("hi", **proposal.inference), "m")) == request
    response = made.decode(orjson.dumps(answer), ask())
    assert (response.text, response.finish_reason, response.usage.total_tokens) == ("yes", "stop", 7)
    assert {f.path: f.message for f in proposal.findings}["request.lang"] == "is kept as it is"


def test_messages_of_an_unknown_shape(ask) -> None:
    request = {"chat": [{"role": "human", "text": "hi"}], "system": "be"}
    proposal = infer_mapping(request, {"reply": {"text": "yes"}})
    sent = orjson.loads(
        payload(proposal).encode(ask([{"role": "system", "content": "be"}, {"role": "user", "content": "hi"}]), "m")
    )
    assert sent == request
    assert not proposal.is_certain


@pytest.mark.parametrize(
    ("answer", "path", "certain"),
    [
        ({"foo": "yes, that is so", "bar": "x"}, "foo", False),
        ({"result": "yes", "id": "a-very-long-identifier"}, "result", True),
        ([["yes"]], "[0][0]", False),
        ({"content": "yes", "text": "no"}, "content", True),
    ],
)
def test_text_is_found_by_name_and_else_guessed(answer, path, certain) -> None:
    proposal = infer_mapping({"question": "hi"}, answer)
    assert proposal.mapping["response"]["text"] == path
    assert [f.is_certain for f in proposal.findings if f.message.startswith("is the answer")] == [certain]


@pytest.mark.parametrize(
    ("request_", "answer", "said"),
    [
        ({"n": 1}, {"text": "yes"}, "the sample request: holds no text"),
        ({}, {"text": "yes"}, "the sample request: holds no text"),
        ({"prompt": "hi"}, {"n": 1}, "the sample answer: holds no text"),
        ({"prompt": "hi"}, [], "the sample answer: holds no text"),
    ],
)
def test_sample_without_text_is_refused(request_, answer, said) -> None:
    with pytest.raises(DocumentError, match=said):
        infer_mapping(request_, answer)
