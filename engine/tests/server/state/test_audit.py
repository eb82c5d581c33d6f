import datetime as dt

import pytest
from dragoman.server.state import AuditEntry
from dragoman.server.state.audit import MAX_PATHS, changed_paths

DAY = dt.timedelta(days=1)


@pytest.fixture
async def filled(state):
    """Return a state whose log has ten entries, one a day, the first at ``start``."""
    for number in range(10):
        await state.audit.append(
            AuditEntry(
                actor=("alice", "bob")[number % 2],
                action="call.override",
                subject=f"adapter a{number}",
                outcome="refused" if number == 3 else "done",
                paths=("connection.region", "model"),
                key_id="k1",
                old_digest="0" * 32,
                new_digest="1" * 32,
                reason="a try",
                request_id=f"r{number}",
                at=START + number * DAY,
            )
        )
    return state


START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


async def test_an_entry_comes_back_as_it_was(filled):
    entry = (await filled.audit.query(limit=1)).entries[0]
    assert entry == AuditEntry(
        actor="bob", action="call.override", subject="adapter a9", outcome="done", paths=("connection.region", "model"),
        key_id="k1", old_digest="0" * 32, new_digest="1" * 32, reason="a try", request_id="r9", at=START + 9 * DAY,
        number=entry.number,
    )  # fmt: skip


async def test_pages_lead_from_the_newest_to_the_first_without_gap_or_repetition(filled):
    seen, before, pages = [], None, 0
    while pages == 0 or before is not None:
        page = await filled.audit.query(limit=4, before=before)
        seen += [entry.subject for entry in page.entries]
        before, pages = page.before, pages + 1
    assert pages == 3
    assert seen == [f"adapter a{number}" for number in reversed(range(10))]


async def test_a_page_that_ends_with_the_last_entry_says_so(filled):
    page = await filled.audit.query(limit=10)
    assert (len(page.entries), page.before) == (10, None)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"actor": "alice"}, 5),
        ({"actor": "carol"}, 0),
        ({"outcome": "refused"}, 1),
        ({"subject": "adapter a4"}, 1),
        ({"action": "call.override", "key_id": "k1"}, 10),
        ({"since": START + 8 * DAY}, 2),
        ({"until": START + 8 * DAY}, 8),
        ({"since": START + DAY, "until": START + 3 * DAY, "actor": "bob"}, 1),
    ],
)
async def test_entries_are_found_by_what_they_say(filled, wanted, count):
    assert len((await filled.audit.query(**wanted)).entries) == count


async def test_whatever_text_comes_in_is_kept_as_far_as_the_table_takes_it(state):
    await state.audit.append(
        AuditEntry(actor="a\x00\ud800" + "x" * 500, action="call.override", subject="s" * 900, reason="'; DROP --")
    )
    entry = (await state.audit.query()).entries[0]
    assert entry.actor.startswith("a\ufffd?x")
    assert len(entry.subject) == 300
    assert entry.reason == "'; DROP --"


async def test_endless_changes_are_counted_instead_of_listed(state):
    await state.audit.append(AuditEntry(actor="a", action="x.y", subject="s", paths=tuple(map(str, range(1000)))))
    paths = (await state.audit.query()).entries[0].paths
    assert len(paths) == MAX_PATHS + 1
    assert paths[-1] == "… and 800 more"


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        (None, {"a": 1, "b": {"c": 2}}, ("a", "b.c")),
        ({"a": 1}, None, ("a",)),
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 4, "e": 3}}, ("b.c", "b.d", "b.e")),
        ({"a": [1, 2]}, {"a": [1, 3]}, ("a",)),
        ({"a": {}}, {"a": {"b": None}}, ("a", "a.b")),
        ({"a": None}, {}, ("a",)),
        ({}, {}, ()),
    ],
)
def test_changed_paths_are_the_leaves_that_differ(old, new, paths):
    assert changed_paths(old, new) == paths
