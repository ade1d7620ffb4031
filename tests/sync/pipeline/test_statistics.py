"""What PostgreSQL's planner knows of our tables while a run fills them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sync.pipeline.statistics import FIRST_LOOK, Statistics
from tests.factories import BugFactory

pytestmark = pytest.mark.django_db


def test_the_planner_looks_again_whenever_a_run_has_stored_twice_as_many_rows() -> None:
    statistics = Statistics()
    looks = []
    for rows in (FIRST_LOOK - 1, 1, FIRST_LOOK - 1, 1, FIRST_LOOK, FIRST_LOOK, 0):
        with CaptureQueriesContext(connection) as statements:
            statistics.stored(rows)
        looks.append(len(statements))
    assert looks == [0, 1, 0, 1, 0, 1, 0]


def test_after_a_look_the_planner_knows_how_many_tests_the_bugs_belong_to() -> None:
    BugFactory.create_batch(3)
    with connection.cursor() as cursor:  # the server may have looked itself, after another test
        cursor.execute("SELECT pg_clear_attribute_stats('public', 'sync_bug', 'title', false)")
    Statistics().stored(FIRST_LOOK)
    with connection.cursor() as cursor:
        cursor.execute("SELECT attname, n_distinct FROM pg_stats WHERE tablename = 'sync_bug'")
        known = dict(cursor.fetchall())
    assert known["test_id"] == -1  # as many as rows
    assert "title" not in known
