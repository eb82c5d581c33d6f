"""The ledger: one row per call, in a local journal before the answer ends, soon after in the database."""

from dragoman.pricing import Cost, cost_of
from dragoman.server.state.ledger.ledger import Ledger
from dragoman.server.state.ledger.record import CallRecord
from dragoman.server.state.ledger.usage import UsageGroup, UsageQuery, UsageReport

__all__ = ["CallRecord", "Cost", "Ledger", "UsageGroup", "UsageQuery", "UsageReport", "cost_of"]
