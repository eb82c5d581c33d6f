"""Prompts: what is rendered, and what is refused."""

import pytest
from dragoman import Engine, Settings
from dragoman.errors import DocumentError, MessageError
from dragoman.plugins import load_plugins
from dragoman.prompts import MAX_RENDERED_CHARS

GREETING = """
description: Greets somebody.
default_variant: formal
variants:
  short: {text: "Greet {{name}}!", adapter: echo}
  formal:
    adapter: echo
    system: "You write {{ language }}."
    messages:
      - {role: user, content: "Who is there?"}
      - {role: assistant, content: "{{name}}"}
      - {role: user, content: "Greet {{ name }}, {{count}} times, {{ loud }}"}
    inference: {temperature: 0.2, volume: 3}
"""
VALUES = {"name": "Maria", "language": "English", "count": 2, "loud": True}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "greeting.yaml").write_text(GREETING, encoding="utf-8")
    return tmp_path


@pytest.fixture
async def engine(folder, echo_plugin):
    async with Engine(Settings(prompts_directory=folder), plugins=load_plugins(found=[echo_plugin])) as engine:
        yield engine


async def test_the_default_variant_is_asked_with_its_values(engine):
    response = await engine.prompt("greeting", VALUES)
    assert response.text == "Greet Maria, 2 times, true "
    assert response.adapter == "echo"


async def test_another_variant_another_adapter_and_settings_of_the_call(engine):
    document = {"name": "mine", "provider": "echo", "model": "m"}
    response = await engine.prompt("greeting", {"name": "Jo"}, variant="short", adapter=document, volume=1)
    assert (response.text, response.adapter) == ("Greet Jo! ", "mine")


async def test_settings_of_the_variant_are_checked_as_an_adapters_are(engine, folder):
    (folder / "loud.yaml").write_text(
        'variants: {a: {text: "Hi", adapter: echo, inference: {volume: "very"}}}', encoding="utf-8"
    )
    with pytest.raises(DocumentError, match=r"inference\.volume"):
        await engine.prompt("loud")


async def test_a_value_is_never_read_as_a_template(engine):
    response = await engine.prompt("greeting", {"name": "{{ language }} {{name}}"}, variant="short")
    assert response.text == "Greet {{ language }} {{name}}! "


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "name has no value"),
        ({"name": "Jo", "age": 7}, "age is no variable of it"),
        ({"name": ["Jo"]}, "the value of name is no text"),
        ({"name": "x" * (MAX_RENDERED_CHARS + 1)}, "is longer than"),
    ],
)
async def test_values_that_do_not_fit_are_refused(engine, values, said):
    with pytest.raises(MessageError, match=said):
        await engine.prompt("greeting", values, variant="short")


async def test_what_is_not_there_names_what_is(engine):
    with pytest.raises(MessageError, match="there are: greeting"):
        await engine.prompt("nothing")
    with pytest.raises(MessageError, match="there are: short, formal"):
        await engine.prompt("greeting", variant="loud")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('variants: {a: {text: "{{ name | upper }}"}}', "stand around the name of a variable alone"),
        ('variants: {a: {text: "{% for x in y %}}}"}}', "stand around the name"),
        ('variants: {a: {text: "Hi", messages: [{role: user, content: Hi}]}}', "one of text and messages"),
        ("variants: {a: {system: Hi}}", "one of text and messages"),
        ("variants: {a: {text: Hi}, b: {text: Hi}, c: {text: Hi}, d: {text: Hi}}", "variants"),
        ("variants: {}", "variants"),
        ("{default_variant: b, variants: {a: {text: Hi}}}", "default_variant is none of a"),
        ("{colour: red, variants: {a: {text: Hi}}}", "colour"),
        ("{name: other, variants: {a: {text: Hi}}}", "is not the file's name"),
        ("variants: [", "is not YAML"),
        ("variants: {a: {messages: [{role: assistant, content: Hi}]}}", "at least one message of the user"),
        ("variants: {a: {messages: [{role: user, content: Hi}, {role: user, content: Hi}]}}", "take turns"),
        (
            "variants: {a: {text: Hi, inference: {topP: 0.1, top_p: 0.2}}}",
            "variants.a.inference: top_p: is given twice",
        ),
        ("variants: {a: {text: Hi, tool_choice: required}}", "there are no tools"),
        ("variants: {a: {text: Hi, tool_choice: search, tools: [{name: find}]}}", "auto, none, required, find"),
        ("variants: {a: {text: Hi, base_model: m}}", "there is no model"),
        ("variants: {'': {text: Hi}}", "a variant's name begins with a letter or digit"),
        ("{default_version: newest, variants: {a: {text: Hi}}}", "default_version"),
    ],
)
async def test_a_document_that_does_not_hold_is_listed_with_its_reason(engine, folder, text, said):
    (folder / "broken.yaml").write_text(text, encoding="utf-8")
    found = await engine.prompts.list()
    assert [prompt.name for prompt in found.prompts] == ["greeting"]
    (reason,) = found.failures.values()
    assert said in reason
    with pytest.raises(DocumentError):
        await engine.prompts.get("broken")


async def test_a_change_of_the_file_counts_at_once(engine, folder):
    (folder / "greeting.yaml").write_text('variants: {a: {text: "Bye", adapter: echo}}', encoding="utf-8")
    assert (await engine.prompt("greeting")).text == "Bye "


async def test_without_a_folder_there_are_none(echo_plugin):
    async with Engine(Settings(), plugins=load_plugins(found=[echo_plugin])) as engine:
        assert (await engine.prompts.list()).prompts == []
        with pytest.raises(MessageError, match="their folder is not set"):
            await engine.prompts.get("greeting")


async def test_a_value_that_stands_there_often_is_counted_before_it_is_put_in(engine, folder):
    text = "{{x}}" * 100_000
    (folder / "often.yaml").write_text(f"variants: {{a: {{text: '{text}', adapter: echo}}}}", encoding="utf-8")
    with pytest.raises(MessageError, match="is longer than"):  # and not: 100 GB
        await engine.prompt("often", {"x": "y" * 1_000_000})
