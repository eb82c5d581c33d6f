"""Progress of long work on stderr: a bar where a person looks at a terminal, else a line for each change."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dragoman.cli.plugin import note

if TYPE_CHECKING:
    from dragoman_aws.deployment.waiting import Progress, Tick


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Show what work is at; give what it yields to the work."""
    if not (sys.stderr and sys.stderr.isatty()):
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        tasks = {}

        def tell(tick: Tick) -> None:
            if tick.what not in tasks:
                tasks[tick.what] = bar.add_task("", total=None)
            settled = tick.status in ("InService", "gone")
            description = Text(f"{tick.what}: {tick.status}").markup
            bar.update(tasks[tick.what], description=description, total=1 if settled else None, completed=int(settled))

        yield tell


def _lines() -> Progress:
    said: dict[str, str] = {}

    def tell(tick: Tick) -> None:
        if said.get(tick.what) != tick.status:
            said[tick.what] = tick.status
            note(f"{tick.what}: {tick.status} after {tick.elapsed_s:.0f} s")

    return tell
