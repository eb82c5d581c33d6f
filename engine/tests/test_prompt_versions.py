"""Versions of prompts: numbered, written once, and refused where somebody changed one."""

import pytest
from dragoman import Engine, Settings
from dragoman.catalog import Saved
from dragoman.documents import read_document, write_document
from dragoman.errors import DocumentError, DocumentNotFoundError
from dragoman.merge import Layer
from dragoman.plugins import load_plugins
from dragoman.prompts import PROMPT, PROMPT_VERSION


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
async def engine(folder, echo_plugin):
    write(folder, "one")
    async with Engine(Settings(prompts_directory=folder), plugins=load_plugins(found=[echo_plugin])) as engine:
        yield engine


def write(folder, text, **rest):
    document = {**rest, "variants": {"a": {"adapter": "echo", "text": text}, "b": {"adapter": "echo", "text": "b"}}}
    (folder / "greeting.yaml").write_text(write_document(document, ".yaml"), encoding="utf-8")


async def said(engine, version=None):
    return (await engine.prompt("greeting", version=version)).text.strip()


async def test_a_version_stays_while_the_draft_goes_on(engine, folder):
    first = await engine.prompts.publish("greeting", by="alice", description="the first")
    write(folder, "two")
    second = await engine.prompts.publish("greeting")
    write(folder, "three")
    assert (first.version.version, second.version.version, first.is_new) == (1, 2, True)
    found = {version: await said(engine, version) for version in (None, "draft", 1, 2, "latest")}
    assert found == {None: "three", "draft": "three", 1: "one", 2: "two", "latest": "two"}
    kept = (await engine.prompts.versions("greeting")).versions[0]
    assert (kept.published_by, kept.description, kept.digest) == ("alice", "the first", first.version.digest)
    listed = await engine.prompts.list()
    assert (listed.versions, listed.failures) == ({"greeting": [1, 2]}, {})


@pytest.mark.parametrize(("default", "text"), [(1, "one"), ("latest", "two"), ("draft", "three")])
async def test_the_document_says_which_version_counts_where_a_call_names_none(engine, folder, default, text):
    await engine.prompts.publish("greeting")
    write(folder, "two")
    await engine.prompts.publish("greeting")
    write(folder, "three", default_version=default)
    assert await said(engine) == text


async def test_what_says_the_same_makes_no_new_version(engine, folder):
    await engine.prompts.publish("greeting")
    write(folder, "two")
    await engine.prompts.publish("greeting")
    write(folder, "one", default_version=2)  # which version counts is no part of what one says
    version, is_new = await engine.prompts.publish("greeting")
    assert (version.version, is_new) == (1, False)
    variants = (await engine.prompts.get("greeting", "draft")).variants
    turned = {"variants": {"b": {"adapter": "echo", "text": "b"}, "a": {"adapter": "echo", "text": "one"}}}
    (folder / "greeting.yaml").write_text(write_document(turned, ".yaml"), encoding="utf-8")
    assert list(variants) == ["a", "b"]
    assert (await engine.prompts.publish("greeting")).version.version == 3  # the default variant is another one


async def test_a_version_that_is_not_there_names_those_that_are(engine):
    await engine.prompts.publish("greeting")
    with pytest.raises(DocumentNotFoundError, match=r"has no version 2 \(there are: draft, 1\)"):
        await engine.prompt("greeting", version=2)
    with pytest.raises(DocumentNotFoundError, match="there is no prompt 'other'"):
        await engine.prompts.publish("other")


async def test_without_a_version_there_is_no_latest_one(engine):
    with pytest.raises(DocumentNotFoundError, match="has no version 'latest'"):
        await engine.prompt("greeting", version="latest")


async def test_a_version_that_was_changed_is_refused_and_the_others_go_on(engine, folder):
    await engine.prompts.publish("greeting")
    write(folder, "two")
    await engine.prompts.publish("greeting")
    path = folder / "greeting.versions" / "1.yaml"
    changed = read_document(path)
    changed["prompt"]["variants"]["a"]["text"] = "something else"
    path.write_text(write_document(changed, ".yaml"), encoding="utf-8")
    with pytest.raises(DocumentError, match="was changed after it was published"):
        await engine.prompt("greeting", version=1)
    assert await said(engine, 2) == "two"
    assert "was changed" in (await engine.prompts.list()).failures["greeting@1"]
    write(folder, "three")
    assert (await engine.prompts.publish("greeting")).version.version == 3  # its number is not given again


async def test_a_version_is_kept_under_its_own_number(engine, folder):
    await engine.prompts.publish("greeting")
    versions = folder / "greeting.versions"
    (versions / "1.yaml").rename(versions / "7.yaml")
    with pytest.raises(DocumentError, match="is 1, and it is kept as 7"):
        await engine.prompt("greeting", version=7)


async def test_publishing_at_the_same_time_overwrites_nothing(engine, folder):
    (folder / "greeting.versions").mkdir()
    (folder / "greeting.versions" / "1.json").write_text("{", encoding="utf-8")  # half of somebody's file
    published = await engine.prompts.publish("greeting")
    assert published.version.version == 2
    assert (folder / "greeting.versions" / "1.json").read_text(encoding="utf-8") == "{"


async def test_saved_prompts_and_versions_lie_over_the_files(engine, folder):
    version = (await engine.prompts.publish("greeting")).version
    draft = {"variants": {"a": {"adapter": "echo", "text": "saved"}}}
    kept = {"greeting@2": Layer("saved revision 1 by bob", {**version.as_document(), "version": 2})}
    documents = {PROMPT: {"greeting": Layer("saved revision 3 by bob", draft)}, PROMPT_VERSION: kept}
    await engine.use_saved(Saved(documents=documents))
    assert [await said(engine, version) for version in (None, 1, 2)] == ["saved", "one", "one"]
    assert await engine.prompts.origin("greeting") == "saved revision 3 by bob"
    with pytest.raises(DocumentError, match=r"saved revision 3 by bob.*through the gateway"):
        await engine.prompts.publish("greeting")


async def test_a_number_that_means_two_things_is_none(engine, folder):
    version = (await engine.prompts.publish("greeting")).version
    write(folder, "two")
    other = (await engine.prompts.next_version("greeting")).version
    kept = {"greeting@1": Layer("saved revision 1 by bob", {**other.as_document(), "version": 1})}
    await engine.use_saved(Saved(documents={PROMPT_VERSION: kept}))
    assert version.digest != other.digest
    with pytest.raises(DocumentError, match="is not the same as a file and as it was saved"):
        await engine.prompt("greeting", version=1)
