"""An answer is told again while the data is the same, and to nobody it was not made for."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import combinations, product
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from reports.metrics import DIMENSIONS, MEASURES, REPORT_MEASURES, Query, answer, remembered
from reports.metrics.answer import Answer
from reports.metrics.answer import worked_out as worked_out_within
from reports.metrics.plans import one_moment
from reports.metrics.query import Moment, Range
from sync.access import Access
from sync.models import Bug, Person
from tests.factories import BugFactory, CustomerFactory, ProductFactory, TestFactory
from tests.reports import small_world

pytestmark = pytest.mark.django_db(transaction=True)

BUGS = Query(("bugs",), ("severity",))
READS_BUGS = re.compile(r'COUNT\("sync_bug"', re.IGNORECASE)


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    caches["answers"].clear()
    yield
    caches["answers"].clear()


def worked_out(query: Query, access: Access | None) -> Answer:
    with one_moment():
        return worked_out_within(query, access)


def _is_remembered(query: Query, access: Access | None = None) -> bool:
    with CaptureQueriesContext(connection) as captured:
        found = answer(query, access)
    assert found == worked_out(query, access)
    return not any(READS_BUGS.search(each["sql"]) for each in captured.captured_queries)


def _figures(found: Answer) -> dict[Any, Any]:
    return {row.cells[0].key: row.values["bugs"] for row in found.rows}


def test_asked_again_nothing_is_counted_again_until_the_data_changes() -> None:
    BugFactory.create(severity="low", test__status="locked")
    assert not _is_remembered(BUGS)
    assert _is_remembered(BUGS)
    assert _is_remembered(Query(("bugs",), ("severity",)))
    filters = {"known": ("no", "(none)"), "bug_status": ("(none)", "forwarded", "rejected")}
    _is_remembered(replace(BUGS, filters=filters))
    other_way_round = {name: values[::-1] for name, values in reversed(filters.items())}
    assert _is_remembered(replace(BUGS, filters=other_way_round))
    assert not _is_remembered(replace(BUGS, sort="severity"))
    Bug.objects.update(severity="high")
    assert not _is_remembered(BUGS)
    assert _figures(answer(BUGS, None)) == {"high": 1}


def test_a_name_that_changes_changes_the_answer() -> None:
    bug = BugFactory.create(test__status="locked")
    by_tester = replace(BUGS, dimensions=("tester",))
    answer(by_tester, None)
    Person.objects.filter(bugs=bug).update(username="another")
    assert [row.cells[0].label for row in answer(by_tester, None).rows] == ["another"]


def test_everybody_is_told_of_their_own_customers() -> None:
    customers = [CustomerFactory.create() for _ in range(2)]
    for number, customer in enumerate(customers):
        test = TestFactory.create(product=ProductFactory.create(customer=customer), section=None)
        BugFactory.create_batch(number + 1, severity="low", test=test)
    seen = [Access(User(username="any"), customers=frozenset({each.pk})) for each in customers]
    for access, expected in ((None, 3), (seen[0], 1), (seen[1], 2), (Access(User()), 3), (seen[0], 1)):
        assert _figures(answer(replace(BUGS, filters={"test_status": ("any",)}), access)) == {"low": expected}


def test_other_weights_and_another_day_are_other_questions(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    BugFactory.create(severity="high", test__status="locked")
    score = Query(("severity_score",))
    assert answer(score, None).totals == {"severity_score": 3}
    settings.DESK_SEVERITY_WEIGHTS = settings.DESK_SEVERITY_WEIGHTS | {"high": 7}
    assert answer(score, None).totals == {"severity_score": 7}
    last_month = replace(BUGS, filters={"month": ("last month",)})
    for day in (30, 31):
        monkeypatch.setattr("django.utils.timezone.now", lambda day=day: datetime(2026, 5, day, tzinfo=UTC))
        assert [_is_remembered(last_month) for _ in range(2)] == [False, True]


def test_what_one_caller_does_to_an_answer_is_not_told_to_the_next() -> None:
    BugFactory.create(severity="low", test__status="locked")
    for _ in range(2):
        found = answer(BUGS, None)
        found.totals["bugs"] = 99
        found.rows.clear()
    assert _figures(answer(BUGS, None)) == {"low": 1}


def test_within_a_transaction_that_sees_every_change_nothing_is_remembered() -> None:
    """An answer of later rows would be kept as that of the earlier ones."""
    BugFactory.create(severity="low", test__status="locked")
    with transaction.atomic():
        assert not _is_remembered(BUGS)
        assert not _is_remembered(BUGS)
    assert not _is_remembered(BUGS)
    with one_moment():
        assert _is_remembered(BUGS)


def test_an_answer_too_large_to_be_asked_for_by_a_page_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST_ROWS", 1)
    BugFactory.create(severity="low", test__status="locked")
    BugFactory.create(severity="high", test__status="locked")
    assert not _is_remembered(BUGS)
    assert not _is_remembered(BUGS)


def test_whatever_a_question_reads_tells_of_its_changes() -> None:
    """A table more, read by figures and without triggers, would have old answers told for new."""
    small_world.build(tests=4, bugs=8)
    dimensions = [name for name, each in DIMENSIONS.items() if each.groups]
    measures = (*MEASURES, *(f"{kind}:minutes" for kind in REPORT_MEASURES))
    with CaptureQueriesContext(connection) as captured:
        for measure, dimension in product(measures, dimensions):
            worked_out(Query((measure,), (dimension,)), None)
        every = {name: ("(none)",) for name in DIMENSIONS if name != "bug"}
        worked_out(Query(measures, filters=every), Access(User(), customers=frozenset({1})))
        days = Range(date(2024, 1, 1), date(2026, 12, 31))
        moments: tuple[Moment, ...] = ("end_at", "reported_at")
        for dated_by, pair in product(moments, [*combinations(dimensions, 2)][::15]):
            worked_out(Query(measures, pair, {}, days, dated_by, compare=True, limit=5, per_feature=True), None)
    read = {table for each in captured.captured_queries for table in re.findall(r'"?(sync_\w+)"?\.', each["sql"])}
    read |= {
        table for each in captured.captured_queries for table in re.findall(r"(?:FROM|JOIN) (sync_\w+)", each["sql"])
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'data_emptied'")
        telling = {table for (table,) in cursor.fetchall()}
    assert read - telling == set()
    assert len(read) >= 9
