"""One secret value, and every way in which it must not come out."""

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dragoman.errors import SecretError
from dragoman.secret import Secret
from dragoman.secrets import SecretStore, Snapshot

OpenStore = Callable[..., SecretStore]

CANARY = "sk-canary-7f3a9"

#: In which way the document is broken -> its text.
BROKEN = {
    "plain": CANARY,
    "unquoted": '{"A_KEY": ' + CANARY + "}",
    "unclosed": '{"A_KEY": "' + CANARY,
    "twice": json.dumps({"A_KEY": CANARY})[:-1] + f', "A_KEY": "{CANARY}"}}',
    "as a name": json.dumps({CANARY: "A_KEY"}),
    "list": json.dumps([CANARY]),
    "nested": json.dumps({"A_KEY": {"key": CANARY}}),
    "unsendable": json.dumps({"A_KEY": CANARY + "\0"}),
    "dotenv": f"A_KEY={CANARY}",
}

ENTRIES: dict[str, dict[str, Any]] = {
    "file": {"kind": "file", "path": "s.json"},
    "environment": {"kind": "environment", "variable": "DOCUMENT"},
    "plugin": {"kind": "shelf", "board": "text"},
    "plugin that raises": {"kind": "shelf", "board": "raised"},
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("kind", ENTRIES)
async def test_a_broken_source_shows_it_nowhere(
    *,
    kind: str,
    broken: str,
    open_store: OpenStore,
    shelf: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    text = BROKEN[broken]
    (tmp_path / "s.json").write_text(text)
    monkeypatch.setenv("DOCUMENT", text)
    shelf.boards = {"text": text, "raised": ValueError(text)}
    caplog.set_level(logging.DEBUG)
    store = open_store(ENTRIES[kind])
    shown = repr(store)
    for _ in range(2):
        with pytest.raises(SecretError) as caught:
            await store.get("A_KEY")
        shown += "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value)) + repr(caught.value)
        shown += repr(pickle.dumps(caught.value))
        assert caught.value.__context__ is None
        await store.reread()
    snapshot = await store.load()
    shown += repr(snapshot) + repr(snapshot.problems) + repr(snapshot.listing(["A_KEY"]))
    out, err = capfd.readouterr()
    assert CANARY not in shown + caplog.text + out + err


@pytest.fixture
async def loaded(open_store: OpenStore, shelf: Any) -> SecretStore:
    shelf.boards = {"keys": json.dumps({"A_KEY": CANARY})}
    store = open_store({"kind": "shelf", "board": "keys"})
    await store.load()
    return store


def things(store: SecretStore) -> dict[str, Any]:
    snapshot = store.snapshot
    assert isinstance(snapshot, Snapshot)
    layer = snapshot._layers[0]
    return {"store": store, "snapshot": snapshot, "layer": layer, "secret": snapshot.require("A_KEY")}


@pytest.mark.parametrize("name", ["store", "snapshot", "layer", "secret"])
@pytest.mark.parametrize("way", [pickle.dumps, copy.deepcopy])
async def test_it_can_neither_be_pickled_nor_copied(name: str, way: Callable[[Any], Any], loaded: SecretStore) -> None:
    with pytest.raises(TypeError) as caught:
        way(things(loaded)[name])
    assert CANARY not in str(caught.value) + repr(traceback.format_exception(caught.value))


@pytest.mark.parametrize("name", ["store", "snapshot", "layer", "secret"])
async def test_printing_does_not_show_it(name: str, loaded: SecretStore) -> None:
    thing = things(loaded)[name]
    assert CANARY not in f"{thing} {thing!r} {getattr(thing, '__dict__', '')}"


async def test_an_error_that_passes_by_does_not_show_it(loaded: SecretStore) -> None:
    secret: Secret = await loaded.get("A_KEY")
    try:
        int(str(secret))
    except ValueError:
        assert CANARY not in traceback.format_exc()
    assert loaded.redact(f"the provider said {CANARY}") == "the provider said ***"
