"""A report of usage as CSV, for a spreadsheet: one line per group and currency."""

from __future__ import annotations

import csv
import io

from dragoman.server.state.ledger.usage import UsageReport


def usage_csv(report: UsageReport) -> str:
    """Return the groups of a report as CSV, its totals not among them: columns can be summed."""
    text = io.StringIO()
    columns = [name for name in report.total.as_dict() if name != "costs"]
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([*report.by, *columns, "currency", "cost"])
    for group in report.groups:
        shown = group.as_dict()
        # Figures stand on the first line of a group alone, so that a column can be summed.
        for number, (currency, cost) in enumerate(shown["costs"].items() or [("", "")]):
            figures = [shown[name] if number == 0 else "" for name in columns]
            rows.writerow([*(_safe(group.key[name] or "") for name in report.by), *figures, currency, cost])
    return text.getvalue()


def _safe(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text
