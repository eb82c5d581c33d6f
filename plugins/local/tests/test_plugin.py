"""What the plugin tells about itself, and what it costs to load it."""

import subprocess
import sys

import pytest
from dragoman import DragomanError
from dragoman.errors import DocumentError, ModelNotFoundError


def test_loading_the_plugin_learns_nothing():
    program = (
        "import sys, dragoman_local.plugin\n"
        "print(*(m for m in sys.modules if m.startswith(('dragoman_local', 'pydoc_data', 'langchain', 'httptools'))))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["dragoman_local", "dragoman_local.plugin"]


async def test_the_plugin_brings_a_chat_adapter_that_says_what_it_is(engine):
    resolved = await engine.resolve("local")
    assert "not for answers" in resolved.adapter.title
    assert resolved.adapter.capabilities.tools is True
    assert resolved.adapter.capabilities.images is False
    assert resolved.adapter.pricing is None
    assert resolved.description.title == resolved.adapter.title


async def test_another_model_is_refused_with_the_one_there_is(engine):
    with pytest.raises(ModelNotFoundError, match="ngram"):
        await engine.chat("local", "Hello", override={"model": "gpt-4"})


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ({"connection": {"order": 0}}, "connection.order"),
        ({"connection": {"order": 6}}, "connection.order"),
        ({"connection": {"tokens_per_second": 0}}, "connection.tokens_per_second"),
        ({"connection": {"host": "x"}}, "connection.host"),
        ({"inference": {"min_tokens": 0}}, "inference.min_tokens"),
        ({"inference": {"mirostat": 1}}, "inference.mirostat"),
    ],
)
async def test_a_document_that_does_not_hold_names_the_field(engine, override, path):
    with pytest.raises(DocumentError) as refusal:
        await engine.chat("local", "Hello", override=override)
    assert [problem.path for problem in refusal.value.problems] == [path]


async def test_there_is_no_langchain_class(engine):
    with pytest.raises(DragomanError, match="no LangChain class"):
        await engine.langchain_model("local")


async def test_its_models_are_listed_and_a_row_is_a_ready_adapter(engine):
    (listed,) = await engine.models(provider="local")
    rows = listed.lists[0].models
    assert [(row.id, row.can_invoke) for row in rows] == [("ngram", True), ("hashing", True)]
    written = listed.adapter_for(rows[1], "vectors")
    assert len((await engine.embed(written, "a text")).complete()[0]) > 0
