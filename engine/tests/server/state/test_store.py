import asyncio
import json
from contextlib import aclosing

import pytest
from dragoman.errors import DocumentError, NameTakenError, NotSavedError, Problem, RevisionConflictError
from dragoman.server.state import Actor

DOCUMENT = {"provider": "echo", "model": "loud", "inference": {"temperature": 0.5, "seed": None}}


async def test_a_saved_document_comes_back_as_it_was(state):
    saved = await state.store.save("adapter", "mine", DOCUMENT, by="alice", reason="first try")
    found = await state.store.get("adapter", "mine")
    assert found == saved
    assert json.dumps(found.document) == json.dumps(DOCUMENT)  # its nulls and its order, too
    assert (found.number, found.saved_by, found.reason, found.deleted) == (1, "alice", "first try", False)
    assert found.saved_at.tzinfo is not None
    assert found.origin == "saved revision 1 by alice"


async def test_text_that_databases_dislike_survives(state):
    document = {"title": "a\x00b é 漢 '; DROP TABLE x --", "n": 2**53}
    await state.store.save("adapter", "odd", document, by="x\x00y")
    assert (await state.store.get("adapter", "odd")).document == document


async def test_every_revision_stays(state):
    for number in range(1, 4):
        await state.store.save("adapter", "mine", {"n": number}, by=f"author {number}")
    history = await state.store.history("adapter", "mine")
    assert [(r.number, r.document["n"], r.saved_by) for r in history] == [
        (3, 3, "author 3"),
        (2, 2, "author 2"),
        (1, 1, "author 1"),
    ]
    assert (await state.store.get("adapter", "mine", 2)).document == {"n": 2}
    assert [r.number for r in await state.store.history("adapter", "mine", before=3, limit=1)] == [2]


async def test_equal_documents_have_equal_digests_and_different_etags(state):
    one = await state.store.save("adapter", "mine", {"a": 1, "b": 2}, by="alice")
    two = await state.store.save("adapter", "mine", {"b": 2, "a": 1.0}, by="alice")
    assert one.digest == two.digest
    assert one.etag != two.etag


async def test_names_are_apart_by_kind(state):
    await state.store.save("adapter", "same", {"n": 1}, by="alice")
    await state.store.save("inference", "same", {"n": 2}, by="alice")
    assert (await state.store.get("inference", "same")).document == {"n": 2}
    assert [r.name for r in await state.store.list("adapter")] == ["same"]


# --- two people at a time ----------------------------------------------------------------------------------------


async def test_a_change_from_an_older_revision_is_a_conflict_that_names_the_current_one(state):
    await state.store.save("adapter", "mine", {"n": 1}, by="alice")
    await state.store.save("adapter", "mine", {"n": 2}, by="bob", expected=1)
    with pytest.raises(RevisionConflictError, match="is at revision 2, saved by bob") as caught:
        await state.store.save("adapter", "mine", {"n": 3}, by="alice", expected=1)
    assert caught.value.current_revision == 2
    assert caught.value.http_status == 412
    assert (await state.store.get("adapter", "mine")).document == {"n": 2}


async def test_who_expects_nothing_meets_nothing(state):
    await state.store.save("adapter", "mine", {"n": 1}, by="alice", expected=0)
    with pytest.raises(RevisionConflictError):
        await state.store.save("adapter", "mine", {"n": 2}, by="bob", expected=0)
    with pytest.raises(RevisionConflictError, match="was never saved") as caught:
        await state.store.save("adapter", "other", {"n": 2}, by="bob", expected=4)
    assert caught.value.current_revision == 0


async def test_of_many_at_a_time_exactly_one_wins(state, other):
    await state.store.save("adapter", "mine", {"n": 0}, by="alice")

    async def attempt(number):
        store = (state, other)[number % 2].store
        try:
            return await store.save("adapter", "mine", {"n": number}, by=f"author {number}", expected=1)
        except RevisionConflictError:
            return None

    won = [revision for revision in await asyncio.gather(*map(attempt, range(1, 13))) if revision]
    assert len(won) == 1
    assert (await state.store.get("adapter", "mine")) == won[0]


async def test_many_at_a_time_without_expectations_get_numbers_without_gaps(state, other):
    stores = [state.store, other.store]
    saved = await asyncio.gather(*(stores[n % 2].save("adapter", "mine", {"n": n}, by="alice") for n in range(20)))
    assert sorted(revision.number for revision in saved) == list(range(1, 21))


@pytest.mark.parametrize("how", ["in one process", "in two"])
async def test_of_many_that_cannot_stand_side_by_side_one_is_saved(state, other, how):
    stores = [state.store, state.store if how == "in one process" else other.store]

    async def attempt(number):
        document = {"color": "red", "n": number}

        def alone(saved):
            if any(revision.document["color"] == "red" for revision in saved.values()):
                raise NameTakenError(f"adapter a{number}", [Problem("color", "is taken")])

        return await stores[number % 2].save("adapter", f"a{number}", document, by="alice", beside=alone)

    results = await asyncio.gather(*map(attempt, range(8)), return_exceptions=True)
    (won,) = [result for result in results if not isinstance(result, NameTakenError)]
    for store in stores:
        assert await store.list("adapter", deleted=True) == [won]
    assert [entry.subject for entry in (await state.audit.query()).entries] == [f"adapter {won.name}"]


async def test_a_document_is_judged_by_what_others_have_changed_just_now(state, other):
    seen = {}

    def see(saved):
        seen.clear()
        seen.update({name: revision.number for name, revision in saved.items()})

    for name in ("changed", "deleted", "kept"):
        await state.store.save("adapter", name, {"n": 1}, by="alice")
    await other.store.save("adapter", "changed", {"n": 2}, by="bob")
    await other.store.delete("adapter", "deleted", by="bob")
    await other.store.save("adapter", "new", {"n": 1}, by="bob")
    await other.store.save("inference", "of another kind", {}, by="bob")
    await state.store.save("adapter", "mine", {"n": 1}, by="alice", beside=see)
    assert seen == {"changed": 2, "kept": 1, "new": 1}
    await other.store.delete("adapter", "kept", by="bob")
    await state.store.roll_back("adapter", "deleted", 1, by="alice", beside=see)
    assert seen == {"changed": 2, "new": 1, "mine": 1}


# --- deleting and rolling back -----------------------------------------------------------------------------------


async def test_a_deleted_document_is_gone_and_its_history_is_not(state):
    await state.store.save("adapter", "mine", {"n": 1}, by="alice")
    gone = await state.store.delete("adapter", "mine", by="bob", reason="unused", expected=1)
    assert (gone.number, gone.deleted) == (2, True)
    with pytest.raises(NotSavedError, match="was deleted by bob"):
        await state.store.get("adapter", "mine")
    assert await state.store.list("adapter") == []
    assert [r.name for r in await state.store.list("adapter", deleted=True)] == ["mine"]
    assert [r.deleted for r in await state.store.history("adapter", "mine")] == [True, False]


async def test_a_deleted_document_can_be_made_anew_and_its_numbers_go_on(state):
    await state.store.save("adapter", "mine", {"n": 1}, by="alice")
    await state.store.delete("adapter", "mine", by="alice")
    again = await state.store.save("adapter", "mine", {"n": 2}, by="alice", expected=0)
    assert again.number == 3


async def test_rolling_back_saves_the_old_document_anew(state):
    await state.store.save("adapter", "mine", {"n": 1}, by="alice")
    await state.store.save("adapter", "mine", {"n": 2}, by="alice")
    back = await state.store.roll_back("adapter", "mine", 1, by="bob", expected=2)
    assert (back.number, back.document, back.restored, back.saved_by) == (3, {"n": 1}, 1, "bob")
    await state.store.delete("adapter", "mine", by="alice")
    assert (await state.store.roll_back("adapter", "mine", 2, by="bob")).document == {"n": 2}
    assert [r.name for r in await state.store.list("adapter")] == ["mine"]


async def test_what_is_written_once_is_never_changed_or_deleted(state):
    store = state.store
    await store.save("prompt-version", "greeting@1", {"n": 1}, by="alice", expected=0)
    for expected in (None, 0, 1):
        with pytest.raises(RevisionConflictError, match="is there, and is never changed"):
            await store.save("prompt-version", "greeting@1", {"n": 2}, by="bob", expected=expected)
    for change in (store.delete("prompt-version", "greeting@1", by="bob"),
                   store.roll_back("prompt-version", "greeting@1", 1, by="bob")):  # fmt: skip
        with pytest.raises(RevisionConflictError):
            await change
    assert store.current("prompt-version")["greeting@1"].document == {"n": 1}


async def test_what_is_not_there_cannot_be_deleted_or_rolled_back_to(state):
    with pytest.raises(NotSavedError, match="no adapter 'mine' was ever saved"):
        await state.store.delete("adapter", "mine", by="alice")
    await state.store.save("adapter", "mine", {"n": 1}, by="alice")
    await state.store.delete("adapter", "mine", by="alice")
    with pytest.raises(NotSavedError, match="was deleted"):
        await state.store.delete("adapter", "mine", by="alice")
    with pytest.raises(NotSavedError, match="revision 2 of adapter 'mine' is a deletion"):
        await state.store.roll_back("adapter", "mine", 2, by="alice")
    with pytest.raises(NotSavedError, match="revision 7"):
        await state.store.roll_back("adapter", "mine", 7, by="alice")
    with pytest.raises(NotSavedError):
        await state.store.history("adapter", "other")


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "a\x00b", "\ud800"])
async def test_a_name_that_is_none_is_refused(state, name):
    with pytest.raises(DocumentError, match="name"):
        await state.store.save("adapter", name, {}, by="alice")


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"n": float("nan")}, "cannot be written as JSON"),
        ({"n": {1, 2}}, "cannot be written as JSON"),
        ({"n": "\ud800"}, "cannot be written as JSON"),
        ({"n": 2**70}, "cannot be written as JSON"),
        ({"n": "x" * 1_000_001}, "bytes"),
    ],
)
async def test_a_document_that_is_no_json_or_too_long_is_refused(state, document, why):
    with pytest.raises(DocumentError, match=why):
        await state.store.save("adapter", "mine", document, by="alice")
    assert await state.store.list("adapter") == []


# --- seen by all -------------------------------------------------------------------------------------------------


async def until(state, condition):
    """Wait until a condition holds after a change; the deadline ends a wait in vain."""
    async with asyncio.timeout(10), aclosing(state.store.watch()) as changes:
        async for _ in changes:
            if condition():
                return


async def test_a_change_is_in_memory_when_saving_returns(state):
    saved = await state.store.save("adapter", "mine", DOCUMENT, by="alice")
    assert state.store.current("adapter") == {"mine": saved}
    await state.store.delete("adapter", "mine", by="alice")
    assert state.store.current("adapter") == {}


async def test_another_process_sees_a_change(state, other):
    saved = await state.store.save("adapter", "mine", DOCUMENT, by="alice")
    await until(other, lambda: other.store.current("adapter") == {"mine": saved})
    await other.store.delete("adapter", "mine", by="bob")
    await until(state, lambda: state.store.current("adapter") == {})


async def test_what_was_saved_before_is_there_after_a_restart(settings, state):
    from dragoman.server.state import State

    saved = await state.store.save("adapter", "mine", DOCUMENT, by="alice")
    async with await State.open(settings) as again:
        assert again.store.current("adapter") == {"mine": saved}


# --- the audit log -----------------------------------------------------------------------------------------------


async def test_every_change_is_in_the_audit_log_with_the_fields_that_changed(state):
    alice = Actor("alice", key_id="k1", request_id="r1")
    one = await state.store.save("adapter", "mine", {"model": "a", "inference": {"seed": 1}}, by=alice, reason="new")
    two = await state.store.save("adapter", "mine", {"model": "a", "inference": {"seed": 2}}, by=alice)
    await state.store.delete("adapter", "mine", by="bob")
    deleted, changed, made = (await state.audit.query(subject="adapter mine")).entries
    assert (made.action, made.paths, made.old_digest, made.new_digest) == (
        "adapter.save",
        ("inference.seed", "model"),
        None,
        one.digest,
    )
    assert (made.actor, made.key_id, made.request_id, made.reason) == ("alice", "k1", "r1", "new")
    assert (changed.paths, changed.old_digest, changed.new_digest) == (("inference.seed",), one.digest, two.digest)
    assert (deleted.action, deleted.actor, deleted.new_digest) == ("adapter.delete", "bob", None)


async def test_what_failed_to_be_saved_is_not_in_the_audit_log(state):
    await state.store.save("adapter", "mine", {}, by="alice")
    with pytest.raises(RevisionConflictError):
        await state.store.save("adapter", "mine", {}, by="bob", expected=0)
    assert [entry.actor for entry in (await state.audit.query()).entries] == ["alice"]
