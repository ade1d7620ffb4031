"""Answers given before, told again for as long as the data is what it was.

A link that is shared, a page turned back to, the same table as a chart: most questions are asked more than once
between two changes of the data. An answer is kept in the memory of its process under everything it depends on: the
question, the customers seen, the state of the data, the day that relative periods count from, and the weights of
severities.
"""

import hashlib
from dataclasses import fields, replace
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.utils import timezone

from reports.metrics.answer import Answer, worked_out
from reports.metrics.plans import one_moment
from reports.metrics.query import Query
from sync import changes
from sync.access import Access

#: Rows of the largest answer that is kept: beyond what a page or a call shows there are files, made once.
MOST_ROWS = 2_000
_FIELDS = tuple(each.name for each in fields(Answer) if each.name != "query")


def answer(query: Query, access: Access | None) -> Answer:
    """What the data says to a question, of the customers the caller may see (None: of all)."""
    with one_moment():
        state = changes.state()
        if state is None:
            return worked_out(query, access)
        key = _key(query, access, state)
        kept: tuple[Any, ...] | None = caches["answers"].get(key)
        if kept is not None:
            return Answer(query, *kept)
        found = worked_out(query, access)
    if len(found.rows) <= MOST_ROWS:
        caches["answers"].set(key, tuple(getattr(found, name) for name in _FIELDS))
    return found


def _key(query: Query, access: Access | None, state: str) -> str:
    seen = None if access is None or access.customers is None else sorted(access.customers)
    parts = (_in_one_order(query), seen, state, timezone.now().date(), settings.DESK_SEVERITY_WEIGHTS)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _in_one_order(query: Query) -> Query:
    """Filters are the same whatever order they are named in."""
    filters = {name: tuple(sorted(values, key=repr)) for name, values in sorted(query.filters.items())}
    return replace(query, filters=filters)
