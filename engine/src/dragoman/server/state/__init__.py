"""What the gateway keeps: saved documents, keys, the audit log and the ledger, in SQLite or PostgreSQL.

:class:`State` opens and closes all of it. It needs the extra ``dragoman[server]``; for PostgreSQL also
``dragoman[postgresql]``.
"""

from dragoman.server.state.audit import Actor, Audit, AuditEntry, AuditPage
from dragoman.server.state.key import Key, NewKey
from dragoman.server.state.keys import Keys
from dragoman.server.state.ledger import CallRecord, Cost, Ledger, UsageGroup, UsageQuery, UsageReport, cost_of
from dragoman.server.state.retention import Expired, Retention
from dragoman.server.state.revision import Revision
from dragoman.server.state.state import State
from dragoman.server.state.store import Store

__all__ = [
    "Actor", "Audit", "AuditEntry", "AuditPage", "CallRecord", "Cost", "Expired", "Key", "Keys", "Ledger", "NewKey",
    "Retention", "Revision", "State", "Store", "UsageGroup", "UsageQuery", "UsageReport", "cost_of",
]  # fmt: skip
