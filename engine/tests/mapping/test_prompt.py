from __future__ import annotations

import pytest
from dragoman.adapter import Prompt
from dragoman.errors import DocumentError, UnsupportedError
from dragoman.mapping import prompt_preset, prompt_presets
from dragoman.mapping.presets import expand_prompt
from dragoman.mapping.prompt import PromptWriter, prompt_problems
from dragoman.messages import messages_from
from hypothesis import given
from hypothesis import strategies as st

SYSTEM = {"role": "system", "content": "Be terse."}
U1, A1, U2 = (
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "Why?"},
)

LLAMA_3 = "<|start_header_id|>{}<|end_header_id|>\n\n".format

#: Preset -> one question; system and question; a conversation of three with a system message.
WRITTEN = {
    "plain": ["Hi", "Be terse.\n\nHi"],
    "llama-2-chat": [
        "<s>[INST] Hi [/INST]",
        "<s>[INST] <<SYS>>\nBe terse.\n<</SYS>>\n\nHi [/INST]",
        "<s>[INST] <<SYS>>\nBe terse.\n<</SYS>>\n\nHi [/INST] Hello! </s><s>[INST] Why? [/INST]",
    ],
    "llama-3": [
        f"<|begin_of_text|>{LLAMA_3('user')}Hi<|eot_id|>{LLAMA_3('assistant')}",
        f"<|begin_of_text|>{LLAMA_3('system')}Be terse.<|eot_id|>{LLAMA_3('user')}Hi<|eot_id|>{LLAMA_3('assistant')}",
        (
            f"<|begin_of_text|>{LLAMA_3('system')}Be terse.<|eot_id|>{LLAMA_3('user')}Hi<|eot_id|>"
            f"{LLAMA_3('assistant')}Hello!<|eot_id|>{LLAMA_3('user')}Why?<|eot_id|>{LLAMA_3('assistant')}"
        ),
    ],
    "mistral-instruct": [
        "<s>[INST] Hi [/INST]",
        "<s>[INST] Be terse.\n\nHi [/INST]",
        "<s>[INST] Be terse.\n\nHi [/INST] Hello!</s> [INST] Why? [/INST]",
    ],
    "falcon-openassistant": [
        "<|prompter|>Hi<|endoftext|><|assistant|>",
        "<|system|>Be terse.<|endoftext|><|prompter|>Hi<|endoftext|><|assistant|>",
        (
            "<|system|>Be terse.<|endoftext|><|prompter|>Hi<|endoftext|><|assistant|>Hello!<|endoftext|>"
            "<|prompter|>Why?<|endoftext|><|assistant|>"
        ),
    ],
    "falcon-instruct": [
        "User: Hi\n\nAssistant:",
        "Be terse.\n\nUser: Hi\n\nAssistant:",
        "Be terse.\n\nUser: Hi\n\nAssistant: Hello!\n\nUser: Why?\n\nAssistant:",
    ],
    "chatml": [
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>system\nBe terse.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
        (
            "<|im_start|>system\nBe terse.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
            "Hello!<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
        ),
    ],
    "claude-text": [
        "\n\nHuman: Hi\n\nAssistant:",
        "Be terse.\n\nHuman: Hi\n\nAssistant:",
        "Be terse.\n\nHuman: Hi\n\nAssistant: Hello!\n\nHuman: Why?\n\nAssistant:",
    ],
    "titan": [
        "User: Hi\nBot:",
        "Be terse.\n\nUser: Hi\nBot:",
        "Be terse.\n\nUser: Hi\nBot: Hello!\nUser: Why?\nBot:",
    ],
    "zephyr": [
        "<|user|>\nHi</s>\n<|assistant|>\n",
        "<|system|>\nBe terse.</s>\n<|user|>\nHi</s>\n<|assistant|>\n",
        ("<|system|>\nBe terse.</s>\n<|user|>\nHi</s>\n<|assistant|>\nHello!</s>\n<|user|>\nWhy?</s>\n<|assistant|>\n"),
    ],
    "gemma": [
        "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n",
        "<bos><start_of_turn>user\nBe terse.\n\nHi<end_of_turn>\n<start_of_turn>model\n",
        (
            "<bos><start_of_turn>user\nBe terse.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello!<end_of_turn>\n"
            "<start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n"
        ),
    ],
}
CONVERSATIONS = ([U1], [SYSTEM, U1], [SYSTEM, U1, A1, U2])


def writer(name: str) -> PromptWriter:
    return PromptWriter(expand_prompt(Prompt(preset=name)))


def test_table_covers_every_preset() -> None:
    assert set(WRITTEN) == set(prompt_presets())


@pytest.mark.parametrize("name", WRITTEN)
def test_preset_writes_what_its_family_documents(name: str) -> None:
    for messages, text in zip(CONVERSATIONS, WRITTEN[name], strict=False):
        assert writer(name).write(messages_from(messages)) == text


@pytest.mark.parametrize("name", WRITTEN)
def test_preset_holds_and_names_its_source(name: str) -> None:
    preset = prompt_preset(name)
    assert prompt_problems(expand_prompt(Prompt(preset=name))) == []
    assert preset.source
    assert preset.checked


def test_last_message_of_the_assistant_is_left_open() -> None:
    conversation = messages_from([U1, A1])
    assert writer("chatml").write(conversation).endswith("<|im_start|>assistant\nHello!")
    assert writer("llama-2-chat").write(conversation) == "<s>[INST] Hi [/INST] Hello!"


def test_consecutive_messages_are_joined_where_roles_alternate() -> None:
    assert writer("llama-2-chat").write(messages_from([U1, U2])) == "<s>[INST] Hi\n\nWhy? [/INST]"
    assert writer("chatml").write(messages_from([U1, U2])).count("<|im_start|>user") == 2


def test_several_system_messages_stand_together_in_the_first_user_message() -> None:
    also = {"role": "developer", "content": "In verse."}
    assert "<<SYS>>\nBe terse.\n\nIn verse.\n<</SYS>>" in writer("llama-2-chat").write(
        messages_from([SYSTEM, also, U1])
    )


@pytest.mark.parametrize(
    ("name", "messages", "said"),
    [
        ("plain", [U1, A1, U2], r"messages\[1\]: the prompt has no way to write a message of role assistant"),
        ("llama-2-chat", [U1, SYSTEM, U2], r"messages\[1\]: .*role system after the conversation began"),
        ("llama-2-chat", [SYSTEM], r"messages\[0\]: the system message goes into the user message after it"),
        ("gemma", [SYSTEM, A1], r"messages\[0\]: the system message goes into"),
    ],
)
def test_message_without_a_marker_is_refused_with_its_path(name, messages, said) -> None:
    with pytest.raises(UnsupportedError, match=said):
        writer(name).write(messages_from(messages))


def test_markers_are_data_and_presets_can_be_changed(body_of, ask) -> None:
    own = {"start": "<<", "system": "S({content})", "user": "U({content})", "assistant": "A({content})", "end": ">>"}
    conversation = ask([SYSTEM, U1, A1, U2])
    assert body_of({"p": {"$": "prompt"}}, conversation, prompt=own)["p"] == "<<S(Be terse.)U(Hi)A(Hello!)U(Why?)>>"
    changed = {"preset": "titan", "end": "Bot: well,"}
    assert body_of({"p": {"$": "prompt"}}, ask([U1]), prompt=changed)["p"] == "User: Hi\nBot: well,"


@given(st.text(), st.text(), st.sampled_from(sorted(set(WRITTEN) - {"plain"})))
def test_content_is_never_read_as_a_template(question: str, system: str, name: str) -> None:
    """Braces, markers and back slashes in a message are text, wherever it is put."""
    asked, told = f"|{{system}}{question}|", f"{{content}}{system}|"
    conversation = [{"role": "system", "content": told}, {"role": "user", "content": asked}]
    text = writer(name).write(messages_from(conversation))
    assert asked in text
    assert text.count("{content}") == (asked + told).count("{content}")


@pytest.mark.parametrize(
    ("prompt", "problem"),
    [
        ({"user": "no place"}, r"prompt\.user: must hold \{content\} once"),
        ({"user": "{content}{content}"}, r"prompt\.user: must hold \{content\} once"),
        ({"system": "x", "user": "{content}"}, r"prompt\.system: must hold"),
        ({"user": "{content}", "user_with_system": "{content}"}, r"prompt\.user_with_system: must hold \{system\}"),
        ({"user": "{content}", "user_with_system": "{content}{system}"}, r"prompt\.user_with_system"),
        ({"system": "{content}"}, r"prompt\.user: is missing"),
        ({"preset": "llama-9"}, r"prompt\.preset: there is no preset 'llama-9' \(there are chatml"),
    ],
)
def test_prompt_that_does_not_hold_is_refused(prompt, problem, body_of, ask) -> None:
    with pytest.raises(DocumentError, match=problem):
        body_of({"p": {"$": "prompt"}}, ask(), prompt=prompt)


def test_prompt_that_nothing_reads_is_refused(body_of, ask) -> None:
    skeleton = {"m": {"$each": "messages", "do": {"$": "content"}}}
    with pytest.raises(DocumentError, match="prompt: is not used"):
        body_of(skeleton, ask(), prompt="titan")
