"""The catalogue while it changes: saved documents over files, and files that are read again."""

import asyncio

import pytest
from dragoman.catalog import Saved
from dragoman.engine import Engine
from dragoman.errors import AdapterNotFoundError, DragomanError
from dragoman.merge import Layer
from dragoman.plugins import load_plugins
from dragoman.settings import Settings


@pytest.fixture
def folder(tmp_path):
    """Return a deployment's folder with one adapter and one inference configuration."""
    (tmp_path / "adapters").mkdir()
    (tmp_path / "inference").mkdir()
    (tmp_path / "adapters" / "mine.yaml").write_text("provider: echo\nmodel: m1\ninference: {configuration: calm}\n")
    (tmp_path / "inference" / "calm.yaml").write_text("temperature: 0.1\n")
    return tmp_path


@pytest.fixture
async def engine(folder, echo_plugin):
    settings = Settings(adapters_directory=folder / "adapters", inference_directory=folder / "inference")
    async with Engine(settings, plugins=load_plugins(found=[echo_plugin])) as engine:
        await engine.catalog()
        yield engine


def saved(**adapters):
    return Saved({name: Layer("saved revision 1 by alice", document) for name, document in adapters.items()})


# --- saved documents ---------------------------------------------------------------------------------------------


async def test_a_saved_adapter_lies_over_the_file_of_its_name(engine):
    await engine.use_saved(saved(mine={"model": "m2", "inference": {"seed": 7}}))
    resolved = await engine.resolve("mine")
    assert resolved.document["model"] == "m2"
    assert resolved.document["provider"] == "echo"
    assert resolved.document["inference"] == {"temperature": 0.1, "seed": 7}
    assert resolved.origins["model"] == "saved revision 1 by alice"
    assert resolved.origins["provider"].endswith("mine.yaml")
    assert (await engine.adapters.get("mine")).source.startswith("saved revision 1 by alice over file ")


async def test_a_null_in_a_saved_adapter_removes_what_the_file_says(engine):
    await engine.use_saved(saved(mine={"inference": {"configuration": None, "temperature": None}}))
    assert "temperature" not in (await engine.resolve("mine")).document.get("inference", {})


async def test_a_saved_adapter_can_be_new_and_others_can_build_on_it(engine):
    await engine.use_saved(saved(fresh={"base": "mine", "model": "m3"}, child={"base": "fresh", "title": "Child"}))
    assert (await engine.resolve("child")).document["model"] == "m3"
    assert (await engine.chat("fresh", "hello there")).text == "hello there "


async def test_the_base_lies_below_the_file_and_the_saved_layer(engine, folder):
    (folder / "adapters" / "root.yaml").write_text("provider: echo\nmodel: root\ntitle: Root\ninference: {seed: 1}\n")
    (folder / "adapters" / "child.yaml").write_text("base: root\nmodel: child\n")
    await engine.reload()
    await engine.use_saved(saved(child={"title": "Saved"}))
    resolved = await engine.resolve("child")
    assert resolved.document["model"] == "child"
    assert resolved.document["inference"] == {"seed": 1}
    assert resolved.document["title"] == "Saved"
    await engine.use_saved(saved(child={"base": "mine"}))
    resolved = await engine.resolve("child")
    assert resolved.document["model"] == "child"
    assert resolved.document["inference"] == {"temperature": 0.1}


async def test_a_saved_adapter_over_a_predefined_one(engine):
    await engine.use_saved(saved(echo={"title": "Quiet"}))
    resolved = await engine.resolve("echo")
    assert (resolved.document["title"], resolved.document["model"]) == ("Quiet", "loud")


async def test_taking_a_saved_adapter_away_brings_the_file_back(engine):
    await engine.use_saved(saved(mine={"model": "m2"}, fresh={"base": "mine"}))
    await engine.use_saved(Saved())
    assert (await engine.resolve("mine")).document["model"] == "m1"
    with pytest.raises(AdapterNotFoundError):
        await engine.resolve("fresh")


async def test_saved_documents_stay_when_files_are_read_again(engine, folder):
    await engine.use_saved(saved(mine={"title": "Saved"}))
    (folder / "adapters" / "mine.yaml").write_text("provider: echo\nmodel: m9\n")
    await engine.reload()
    document = (await engine.resolve("mine")).document
    assert (document["model"], document["title"]) == ("m9", "Saved")


async def test_a_saved_document_that_does_not_hold_harms_no_other(engine):
    catalog = await engine.use_saved(saved(mine={"modle": "m2"}, other={"name": "another"}, fresh={"base": "mine"}))
    assert {failure.where for failure in catalog.failures} == {"mine", "other"}
    assert (await engine.resolve("mine")).document["model"] == "m1"
    assert (await engine.resolve("fresh")).document["model"] == "m1"


async def test_a_saved_inference_configuration_replaces_the_file_of_its_name(engine):
    layers = {"calm": Layer("saved revision 4 by bob", {"temperature": 0.9}), "bad": Layer("saved x", {"top_p": 7})}
    catalog = await engine.use_saved(Saved(configurations=layers))
    resolved = await engine.resolve("mine")
    assert resolved.document["inference"] == {"temperature": 0.9}
    assert "saved revision 4 by bob" in resolved.origins["inference.temperature"]
    assert [failure.where for failure in catalog.failures] == ["saved x of inference configuration bad"]


async def test_a_saved_document_of_another_kind_leaves_the_catalogue_as_it_is(engine):
    before = await engine.use_saved(saved(mine={"model": "m2"}))
    same = saved(mine={"model": "m2"})
    after = await engine.use_saved(Saved(same.adapters, documents={"prompt": {"x": Layer("saved revision 1", {})}}))
    assert after is before
    assert list(engine.saved.documents["prompt"]) == ["x"]


async def test_aliases_of_saved_adapters_count_and_collide(engine):
    catalog = await engine.use_saved(saved(one={"base": "mine", "aliases": ["x", "y"]}, two={"aliases": ["y", "mine"]}))
    assert (await engine.resolve("x")).name == "one"
    assert {failure.where for failure in catalog.failures} == {"alias y", "alias mine"}
    assert (await engine.use_saved(Saved())).failures == ()


async def test_a_call_under_way_finishes_on_what_it_began_with(engine):
    async with engine.stream("mine", "one two three") as stream:
        events = aiter(stream)
        await anext(events)
        await engine.use_saved(saved(mine={"model": "m2"}))
        async for _ in events:
            pass
        assert stream.response.text == "one two three "
    assert (await engine.resolve("mine")).document["model"] == "m2"


# --- files that are read again -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["provider: [", "modle: m2\n", "provider: echo\nmodel: m2\ninference: {tempratur: 1}\n", "provider: nosuch\n"],
)
async def test_a_file_that_turns_bad_keeps_what_it_said_and_is_reported(engine, folder, text):
    path = folder / "adapters" / "mine.yaml"
    path.write_text(text)
    for _ in range(2):  # and it stays so
        catalog = await engine.reload()
        (failure,) = catalog.failures
        assert failure.kept
        assert "mine" in failure.where
        assert failure.reason.endswith("what it said before stays in use")
        assert (await engine.resolve("mine")).document["model"] == "m1"
    path.write_text("provider: echo\nmodel: m3\n")
    assert (await engine.reload()).failures == ()
    assert (await engine.resolve("mine")).document["model"] == "m3"


async def test_a_file_that_was_bad_from_the_start_is_no_adapter(engine, folder):
    (folder / "adapters" / "new.yaml").write_text("modle: m2\n")
    (failure,) = (await engine.reload()).failures
    assert not failure.kept
    with pytest.raises(AdapterNotFoundError, match="it failed to load"):
        await engine.resolve("new")


@pytest.mark.parametrize("text", ["temperature: [", "temperature: -3\n", "tempratur: 0.2\n"])
async def test_an_inference_configuration_that_turns_bad_keeps_what_it_said(engine, folder, text):
    (folder / "inference" / "calm.yaml").write_text(text)
    (failure,) = (await engine.reload()).failures
    assert failure.kept
    assert failure.where.endswith("calm.yaml")
    assert (await engine.resolve("mine")).document["inference"] == {"temperature": 0.1}


async def test_a_base_that_breaks_others_is_taken_back(engine, folder):
    (folder / "adapters" / "child.yaml").write_text("base: mine\nrules: [{forbid: inference.seed}]\n")
    await engine.reload()
    (folder / "adapters" / "mine.yaml").write_text("provider: echo\nmodel: m2\ninference: {seed: 4}\n")
    (failure,) = (await engine.reload()).failures
    assert failure.where.endswith("mine.yaml")
    assert (await engine.resolve("child")).document["model"] == "m1"


async def test_a_good_change_beside_a_bad_one_takes_effect(engine, folder):
    (folder / "adapters" / "other.yaml").write_text("provider: echo\nmodel: o1\n")
    await engine.reload()
    (folder / "adapters" / "mine.yaml").write_text("modle: m2\n")
    (folder / "adapters" / "other.yaml").write_text("provider: echo\nmodel: o2\n")
    await engine.reload()
    assert (await engine.resolve("other")).document["model"] == "o2"
    assert (await engine.resolve("mine")).document["model"] == "m1"


async def test_a_removed_file_is_gone_even_after_it_was_kept(engine, folder):
    path = folder / "adapters" / "mine.yaml"
    path.write_text("modle: m2\n")
    await engine.reload()
    path.unlink()
    assert (await engine.reload()).failures == ()
    with pytest.raises(AdapterNotFoundError):
        await engine.resolve("mine")


async def test_a_second_file_of_a_name_does_not_take_the_first_away(engine, folder):
    (folder / "adapters" / "copy.yaml").write_text("name: mine\nprovider: echo\nmodel: copy\n")
    (failure,) = (await engine.reload()).failures
    assert "several files" in failure.reason
    assert (await engine.resolve("mine")).document["model"] == "m1"


async def test_calls_go_on_while_files_are_read_again(engine, folder):
    done = asyncio.Event()

    async def ask():
        count = 0
        while not done.is_set():
            assert (await engine.chat("mine", "still here")).text == "still here "
            count += 1
            await asyncio.sleep(0)  # the echo never waits for anything
        return count

    asking = asyncio.create_task(ask())
    for number in range(10):
        (folder / "adapters" / "mine.yaml").write_text(f"provider: echo\nmodel: n{number}\n" if number % 2 else "[")
        await engine.reload()
    done.set()
    assert await asking > 0
    assert (await engine.resolve("mine")).document["model"] == "n9"


@pytest.mark.parametrize(
    "now",
    [{}, {"mine": 1, "fresh": 1, "gone": 1}, {"mine": 2, "fresh": 3, "another": 1}, {"fresh": 0}],
)
async def test_a_catalogue_brought_up_to_date_is_as_one_made_anew(engine, now):
    def adapters(revisions):
        wrong = {"aliases": "no list"}  # does not hold; it stands for revision 0
        return {
            name: Layer(f"saved revision {number} by alice", {"aliases": [f"{name}/{number}"]} if number else wrong)
            for name, number in revisions.items()
        }

    before = await engine.use_saved(Saved(adapters({"mine": 1, "fresh": 1, "gone": 1})))
    anew = await engine.catalog_with(Saved(adapters(now)))
    up_to_date = before.with_adapters_saved(adapters(now))
    assert (up_to_date.entries, up_to_date.by_alias) == (anew.entries, anew.by_alias)


async def test_what_cannot_be_saved_is_found_before_it_is_saved(engine):
    resolved = await engine.adapters.try_saved("fresh", {"base": "mine", "model": "m5"})
    assert resolved.document["model"] == "m5"
    for document in ({"modle": "m5"}, {"provider": "nosuch", "model": "m"}, {"name": "another"}, {"base": "fresh"}):
        with pytest.raises(DragomanError):
            await engine.adapters.try_saved("fresh", document)
    with pytest.raises(DragomanError, match="plain name"):
        await engine.adapters.try_saved("Not A Name", {"base": "mine"})
    with pytest.raises(AdapterNotFoundError):
        await engine.resolve("fresh")
