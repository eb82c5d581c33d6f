"""Inserting many calls at a time, past SQLAlchemy's work on each value: that would cost more than all the rest."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from dragoman.server.state import tables
from dragoman.server.state.database import Database


class Insertion:
    """The statement in the driver's own words, and a row's values in its order. A call that is there stays as it is."""

    def __init__(self, database: Database) -> None:
        insert = sqlite.insert if database.is_sqlite else postgresql.insert
        statement = insert(tables.calls).on_conflict_do_nothing()
        compiled = statement.compile(dialect=database.engine.dialect)
        in_order: Callable[[dict[str, Any]], tuple[Any, ...]] = itemgetter(*(compiled.positiontup or ()))
        self.text = compiled.string
        self._in_order = in_order
        self._is_sqlite = database.is_sqlite

    def values(self, row: dict[str, Any]) -> tuple[Any, ...]:
        """Return a row's values as the driver takes them."""
        if self._is_sqlite:  # it has no dates: they are text, in the form that SQLAlchemy reads back
            row = row | {
                "at": row["at"].replace(tzinfo=None).isoformat(" ", "microseconds"),
                "day": row["day"].isoformat(),
            }
        return self._in_order(row)
