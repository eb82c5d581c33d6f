"""From the measured CPU times to a table: medians, ratios round by round, and what was to be reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from suites import Row, Suite


@dataclass
class Samples:
    """CPU µs of one call or stream: row -> contender -> one figure a round, in the order of the rounds."""

    suite: Suite
    names: Sequence[str]
    us: dict[Row, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, row: Row, contender: str, us: float) -> None:
        self.us.setdefault(row, {}).setdefault(contender, []).append(us)

    def title(self, contender: str) -> str:
        return self.suite.contenders[contender]

    def median_us(self, row: Row, contender: str) -> float:
        return median(self.us[row][contender])

    def ratio(self, row: Row, contender: str, against: str) -> float | None:
        """Return the median of the rounds' ratios: within a round both saw the same machine. ``None``: not run."""
        measured = self.us[row]
        if contender not in measured or against not in measured:
            return None
        return median(a / b for a, b in zip(measured[contender], measured[against], strict=True))


def medians(samples: Samples) -> list[list[str]]:
    """Return the table of CPU µs, each with its ratios to those that the suite compares with."""
    compared = ", ".join(f"times {samples.title(name)}" for name in samples.suite.compared)
    head = [f"CPU µs ({compared})", *map(str, samples.us)]
    rows = [[samples.title(name), *(_cell(samples, row, name) for row in samples.us)] for name in samples.names]
    return [head, *rows]


def _cell(samples: Samples, row: Row, contender: str) -> str:
    ratios = ", ".join(_number(samples.ratio(row, contender, other)) for other in samples.suite.compared)
    return f"{samples.median_us(row, contender):,.0f} ({ratios})"


def reached(samples: Samples) -> list[list[str]]:
    """Return the table of targets, with what was measured."""
    table = [["Dragoman", "at most", "measured", ""]]
    for row in samples.us:
        for target in samples.suite.targets:
            ratio = samples.ratio(row, samples.suite.subject, target.against)
            if target.operation == row.operation and ratio is not None:
                verdict = "reached" if ratio <= target.at_most else "missed"
                what = f"{row}, of {samples.title(target.against)}"
                table.append([what, f"{target.at_most:.2f}", f"{ratio:.3f}", verdict])
    return table


def _number(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"


def aligned(table: Sequence[Sequence[str]]) -> str:
    """Return a table for a terminal, which is also one for Markdown."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in table
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
