"""What PostgreSQL's planner knows of our tables, kept true while a run stores faster than the server itself looks.

The server looks once a minute. A first sync fills a table with a hundred thousand rows in that time, and to a planner
that takes it for nearly empty, reading all of it is the best way to find the bugs of sixty tests, page after page.
"""

import threading
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Model
from psycopg import sql

from sync.models import Bug, BugDevice, CustomReport, Test, TestCase, TestCaseResult, TestFeature, TestFreshness

#: Rows stored before the first look; each later one comes when a run has stored twice as many.
FIRST_LOOK = 5_000

#: What a run stores by the thousands, and reads again by key while it does.
_TABLES: tuple[type[Model], ...] = (
    Test, TestFreshness, TestFeature, TestCase, TestCaseResult, Bug, BugDevice, CustomReport,
)  # fmt: skip


@dataclass(slots=True)
class Statistics:
    """Of one run; told of rows by all its threads."""

    _stored: int = 0
    _next_look: int = FIRST_LOOK
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stored(self, rows: int) -> None:
        """So many more rows are stored for good; may take part of a second. Not inside a transaction."""
        with self._lock:
            self._stored += rows
            if self._stored < self._next_look:
                return
            self._next_look = 2 * self._stored
        look()


def look() -> None:
    """Count what our keys refer to. A table that somebody else is looking at is passed over."""
    tables = sql.SQL(", ").join(map(_with_keys, _TABLES))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ANALYZE (SKIP_LOCKED) {}").format(tables))


def _with_keys(model: type[Model]) -> sql.Composed:
    keys = [str(each.column) for each in model._meta.concrete_fields if each.primary_key or each.is_relation]
    columns = sql.SQL(", ").join([sql.Identifier(key) for key in keys])
    return sql.SQL("{} ({})").format(sql.Identifier(model._meta.db_table), columns)
