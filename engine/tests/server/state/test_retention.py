import asyncio
import datetime as dt

import pytest
from dragoman.server.state import AuditEntry, Retention, State, retention
from dragoman.settings import Settings

TODAY = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
#: Days back at noon: two days are kept, and so are today and the two days before it.
AGES = (0, 1, 2, 3, 40)


@pytest.fixture
def keeping(settings):
    """Return settings that keep calls for two days and the audit log for thirty."""
    return settings.model_copy(update={"store": settings.store.model_copy(update={"ledger_days": 2, "audit_days": 30})})


@pytest.fixture
async def filled(settings, call):
    """Fill the database: for each age a call and an entry of the audit log."""
    async with await State.open(settings) as state:
        for days in AGES:
            at = TODAY - dt.timedelta(days=days - 0.5)
            state.ledger.append(call(call_id=f"{days} days", at=at.timestamp()))
            await state.audit.append(AuditEntry(actor="a", action="key.create", subject=f"{days} days", at=at))


async def left(state):
    entries = (await state.audit.query(action="key.create")).entries
    return await state.ledger.count(), [entry.subject for entry in entries]


async def test_without_a_setting_everything_is_kept(state, filled):
    assert state.retention.kept_since("ledger") is None
    assert await state.retention.plan() == []
    assert await state.retention.prune("alice") == []
    assert await left(state) == (5, ["40 days", "3 days", "2 days", "1 days", "0 days"])


async def test_whole_days_that_are_older_are_taken_out_and_the_audit_log_says_so(filled, state, keeping, monkeypatch):
    monkeypatch.setattr(retention, "BATCH_ROWS", 1)  # in more than one batch
    kept = Retention(state.database, state.audit, keeping.store.ledger_days, keeping.store.audit_days)
    planned = await kept.plan()
    assert [(one.what, one.rows) for one in planned] == [("ledger", 2), ("audit", 1)]
    assert planned[0].before == TODAY - dt.timedelta(days=2)
    assert await left(state) == (5, ["40 days", "3 days", "2 days", "1 days", "0 days"])
    assert await kept.prune("alice") == planned
    assert await left(state) == (3, ["3 days", "2 days", "1 days", "0 days"])
    said = [(e.actor, e.action, e.reason) for e in (await state.audit.query(actor="alice")).entries]
    assert [(actor, action) for actor, action, _ in said] == [("alice", "audit.prune"), ("alice", "ledger.prune")]
    assert said[1][2] == f"2 rows from before {planned[0].before:%Y-%m-%d}"
    assert [one.rows for one in await kept.prune("alice")] == [0, 0]


async def test_a_gateway_does_it_by_itself_and_beside_others(filled, keeping, eventually, monkeypatch):
    monkeypatch.setattr(retention, "LOOK_S", 0.01)
    async with await State.open(keeping) as one, await State.open(keeping) as other:

        async def is_done():
            return await left(one) == (3, ["3 days", "2 days", "1 days", "0 days"])

        await eventually(is_done)
        assert one.health()["retention"] == other.health()["retention"] == {"problem": None}


async def test_while_the_database_is_away_it_says_so_and_goes_on_later(new_cluster, tmp_path, eventually, monkeypatch):
    monkeypatch.setattr(retention, "LOOK_S", 0.01)
    url = new_cluster.create_database()
    settings = Settings(store={"url": url, "directory": str(tmp_path / "state"), "audit_days": 1})
    async with await State.open(settings) as state:
        await asyncio.to_thread(new_cluster.stop)
        await eventually(lambda: state.health()["retention"]["problem"])
        await asyncio.to_thread(new_cluster.start)
        await eventually(lambda: state.health()["retention"]["problem"] is None)
