"""Figures that another tool of this kind gets wrong; each stays right here."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import User

from reports.metrics import ANY, DIMENSIONS, MEASURES, NONE, Query, Unanswerable, answer
from sync.access import Access
from tests.factories import (
    MARCH,
    BugDeviceFactory,
    BugFactory,
    FeatureFactory,
    PersonFactory,
    ProductFactory,
    TestFactory,
    TestFeatureFactory,
    TestPlatformFactory,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def figures(measure: str, *dimensions: str, **options: Any) -> dict[Any, Any]:
    """The values of one measure by label; those of all groups together under "total"."""
    found = answer(Query((measure,), dimensions, **options), None)
    labels = {", ".join(cell.label for cell in row.cells): row.values[measure] for row in found.rows}
    return labels | {"total": found.totals[measure]}


def test_tests_without_features_and_bugs_without_a_test_feature_do_not_vanish() -> None:
    test = TestFactory.create()
    feature = FeatureFactory.create(product=test.product, title="Cart")
    TestFeatureFactory.create(test=test, feature=feature)
    BugFactory.create(test=test, feature=feature)
    BugFactory.create_batch(2, test=test)
    TestFactory.create(product=test.product)
    assert figures("bugs") == {"total": 3}
    assert figures("bugs", "product")["total"] == 3
    assert figures("bugs", "feature") == {"Cart": 1, NONE: 2, "total": 3}
    assert figures("tests", "feature") == {"Cart": 1, NONE: 2, "total": 2}


def test_a_limit_on_rows_has_no_effect_on_totals_and_choosing_tests_has() -> None:
    tests = [TestFactory.create() for _ in range(3)]
    for test in tests:
        BugFactory.create_batch(2, test=test)
    limited = answer(Query(("bugs",), ("test",), limit=1), None)
    assert (len(limited.rows), limited.groups, limited.totals) == (1, 3, {"bugs": 6})
    assert figures("bugs", filters={"test": (tests[0].pk, tests[1].pk)})["total"] == 4


def test_the_severity_score_of_ten_high_bugs_is_thirty() -> None:
    test = TestFactory.create()
    BugFactory.create_batch(10, test=test, severity="high")
    assert figures("severity_score", "severity") == {"high": 30, "total": 30}


def test_the_severity_score_weighs_every_severity_also_unknown_ones() -> None:
    test = TestFactory.create()
    for severity in ("critical", "high", "low", "visual", "content", "custom", "blocker", ""):
        BugFactory.create(test=test, severity=severity)
    assert figures("severity_score")["total"] == 5 + 3 + 1 + 5


def test_platform_counts_a_bug_under_its_own_devices_not_under_all_its_test_asks_for() -> None:
    test = TestFactory.create()
    for system in ("Android", "iOS", "Windows"):
        TestPlatformFactory.create(test=test, operating_system=system)
    BugDeviceFactory.create(bug=BugFactory.create(test=test), operating_system="iOS")
    twice = BugFactory.create(test=test)
    BugDeviceFactory.create_batch(2, bug=twice, operating_system="Android")
    BugDeviceFactory.create(bug=twice, operating_system="iOS")
    BugFactory.create(test=test)
    assert figures("bugs", "platform") == {"iOS": 2, "Android": 1, NONE: 1, "total": 3}
    assert figures("bugs", "test_platform") == {"Android": 3, "iOS": 3, "Windows": 3, "total": 3}


def test_tests_are_counted_by_who_created_them_once() -> None:
    product = ProductFactory.create()
    carla = PersonFactory.create(customer=product.customer, kind="customer", username="carla")
    tests = [TestFactory.create(product=product, created_by=carla) for _ in range(2)]
    for test in tests:
        TestFeatureFactory.create_batch(3, test=test)
        BugFactory.create_batch(3, test=test)
    TestFactory.create(product=product)
    assert figures("tests", "test_creator") == {"carla": 2, NONE: 1, "total": 3}


def test_what_testio_has_no_more_does_not_count() -> None:
    test = TestFactory.create()
    BugFactory.create(test=test)
    BugFactory.create(test=test, missing_since=MARCH)
    BugFactory.create(test=TestFactory.create(product=test.product, missing_since=MARCH))
    BugFactory.create(test__product=ProductFactory.create(missing_since=MARCH))
    assert figures("bugs") == {"total": 1}
    assert figures("tests") == {"total": 1}


def test_executed_tests_leave_out_those_that_are_only_set_up() -> None:
    for status in ("initialized", "customer_finalized", "waiting", "running", "locked", "archived", "cancelled"):
        TestFactory.create(status=status)
    assert figures("tests", "test_status") == {"archived": 1, "locked": 1, "running": 1, "total": 3}
    assert answer(Query(("tests",)), None).notes[0] == "Executed tests only (running, locked, archived)."
    assert figures("tests", filters={"test_status": (ANY,)})["total"] == 7
    assert figures("tests", filters={"test_status": ("waiting",)})["total"] == 1


def test_a_test_status_is_not_taken_for_a_bug_status() -> None:
    test = TestFactory.create(status="running")
    for status in ("accepted", "forwarded", "postponed"):
        BugFactory.create(test=test, status=status)
    assert figures("bugs", "bug_status") == {"accepted": 1, "open": 1, "postponed": 1, "total": 3}
    assert figures("bugs", filters={"bug_status": ("open",)})["total"] == 1
    assert figures("bugs", filters={"test_status": ("running",)})["total"] == 3


def test_external_is_shown_as_custom_and_no_type_as_test_case() -> None:
    for kind in ("external", None, "rapid"):
        TestFactory.create(testing_type=kind)
    assert figures("tests", "testing_type") == {"custom": 1, "rapid": 1, "test case": 1, "total": 3}
    assert figures("tests", filters={"testing_type": ("test_case", "external")})["total"] == 2


def test_rates_without_bugs_are_null_not_zero() -> None:
    empty = TestFactory.create(product=ProductFactory.create(name="Empty"))
    BugFactory.create(test=TestFactory.create(product=ProductFactory.create(name="Full")), status="rejected")
    assert figures("rejection", "product") == {"Full": 1.0, "Empty": None, "total": 1.0}
    assert figures("auto_acceptance")["total"] is None
    assert figures("bugs_per_test", filters={"product": (empty.product_id,)})["total"] == 0
    assert figures("bugs_per_test", filters={"product": (1,)})["total"] is None


def test_an_unknown_status_counts_in_the_total_of_every_rate() -> None:
    test = TestFactory.create()
    for status in ("accepted", "auto_accepted", "rejected", "postponed"):
        BugFactory.create(test=test, status=status)
    assert figures("overall_acceptance")["total"] == 0.5
    assert figures("active_acceptance")["total"] == 0.25
    assert figures("auto_acceptance")["total"] == 0.5
    assert figures("rejection")["total"] == 0.25
    assert figures("review")["total"] == 0.5


@pytest.mark.parametrize(
    ("moment", "week"),
    [("2024-12-30", "2025-W01"), ("2026-12-31", "2026-W53"), ("2027-01-03", "2026-W53"), ("2025-01-06", "2025-W02")],
)
def test_weeks_are_those_of_the_iso_calendar(moment: str, week: str) -> None:
    TestFactory.create(end_at=datetime.fromisoformat(f"{moment}T12:00:00Z"))
    assert figures("tests", "week") == {week: 1, "total": 1}
    assert figures("tests", filters={"week": (week,)})["total"] == 1


def test_days_begin_and_end_at_midnight_utc() -> None:
    for moment in ("2026-02-28T23:59:59.999Z", "2026-03-01T00:00:00Z", "2026-03-31T23:59:59.999Z", "2026-04-01T00:00Z"):
        TestFactory.create(end_at=datetime.fromisoformat(moment))
    assert figures("tests", range=Query.read(["tests"], since="2026-03", until="2026-03").range)["total"] == 2


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        ("last quarter", "last quarter", date(2025, 10, 1), date(2025, 12, 31)),
        ("this year", "this month", date(2026, 1, 1), date(2026, 3, 31)),
        ("Q3 2024", "Q3 2024", date(2024, 7, 1), date(2024, 9, 30)),
        ("YTD", "YTD", date(2026, 1, 1), date(2026, 3, 31)),
        ("last week", "last week", date(2026, 3, 23), date(2026, 3, 29)),
        ("2025", "2025", date(2025, 1, 1), date(2025, 12, 31)),
    ],
)
def test_a_range_ends_with_the_last_day_of_its_last_period(since: str, until: str, first: date, last: date) -> None:
    days = Query.read(["bugs"], since=since, until=until, now=NOW).range
    assert (days.first, days.last) == (first, last)


def test_bugs_of_a_test_that_was_not_read_are_named_when_left_out_and_counted_when_asked_for() -> None:
    BugFactory.create()
    BugFactory.create_batch(2, test=None)
    assert figures("bugs", "test_status") == {"archived": 1, "total": 1}
    assert answer(Query(("bugs",)), None).notes[2] == "2 bugs are left out: the test they mention was not read yet."
    assert figures("bugs", "test_status", filters={"test_status": (ANY,)}) == {NONE: 2, "archived": 1, "total": 3}


def test_tests_without_an_end_are_named_when_a_range_leaves_them_out() -> None:
    TestFactory.create(end_at=None)
    found = answer(Query.read(["tests"], since="2026"), None)
    assert (found.totals, found.notes[2:]) == (
        {"tests": 0},
        ["1 test is left out, whose end is not known: the range of days is about that."],
    )


def test_the_period_before_a_quarter_is_a_quarter() -> None:
    product = ProductFactory.create(name="Shop")
    for day in (date(2025, 12, 31), date(2026, 1, 1), date(2026, 3, 31)):
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=5)
        BugFactory.create(test=TestFactory.create(product=product, end_at=end))
    found = answer(Query.read(["bugs"], ["product"], since="2026-Q1", until="2026-Q1", compare=True), None)
    assert [(row.values, row.previous) for row in found.rows] == [({"bugs": 2}, {"bugs": 1})]
    assert (found.totals, found.previous_totals) == ({"bugs": 2}, {"bugs": 1})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"measures": ()}, "Ask for at least one measure"),
        ({"measures": ("bugz",)}, "There is no measure bugz."),
        ({"measures": ("tests", "bugs", "bugs")}, "Ask for each measure once only; bugs is named twice."),
        ({"dimensions": ("bug",)}, "There is no dimension bug to group by."),
        ({"dimensions": ("year", "year")}, "Group by each dimension once only; year is named twice."),
        ({"dimensions": ("year", "month", "week", "known")}, "Group by 3 dimensions at most, not by 4."),
        ({"filters": {"product": ("shop",)}}, 'A filter by product takes ids or "(none)", not "shop".'),
        ({"filters": {"severity": ()}}, "The filter by severity names no value."),
        (
            {"filters": {"severity": ("high", "hig")}},
            'A filter by severity takes "critical", "high", "low", "visual", "content", "custom" or "(none)", not "hig',
        ),
        (
            {"filters": {"bug_status": ("opn",)}},
            'A filter by bug_status takes "open", "accepted", "auto_accepted", "rejected" or "(none)", not "opn".',
        ),
        ({"filters": {"test_status": ("forwarded",)}}, 'A filter by test_status takes "initialized", "customer_'),
        ({"filters": {"testing_type": ("rapidd",)}}, 'A filter by testing_type takes "coverage", "focused", "rapid", '),
        ({"filters": {"rejection_reason": ("known",)}}, 'A filter by rejection_reason takes "device_not_relevant", '),
        ({"filters": {"test_status": (ANY, "running")}}, '"any" means tests of every status. Name it alone'),
        ({"filters": {"test_status": (NONE, "Any")}}, '"any" means tests of every status. Name it alone'),
        ({"filters": {"month": ("soon",)}}, "A filter by month takes periods."),
        ({"filters": {"known": ("perhaps",)}}, 'A filter by known takes "yes", "no" or "(none)", not "perhaps".'),
        ({"compare": True}, "Only a range of days with a beginning and an end has a period before it."),
        ({"sort": "tests"}, "Sort by one of the measures and dimensions asked for, not by tests."),
        ({"limit": 0}, "The limit must be 1 or more, not 0."),
    ],
)
def test_a_question_without_sense_is_refused_with_what_to_ask_instead(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Unanswerable) as refusal:
        Query(**{"measures": ("bugs",)} | options)
    assert str(refusal.value).startswith(sentence)


def test_both_words_and_those_testio_invents_can_be_filtered_by() -> None:
    test = TestFactory.create(status="paused", testing_type="external")
    for status in ("forwarded", "postponed", ""):
        BugFactory.create(test=test, status=status)
    everywhere = {"test_status": (" ANY ",)}
    for words, bugs in ((("Open",), 1), (("forwarded", "OPEN"), 1), (("postponed",), 1), ((NONE, "rejected"), 1)):
        assert (words, figures("bugs", filters={"bug_status": words, **everywhere})["total"]) == (words, bugs)
    for kind, bugs in (("custom", 3), ("external", 3), ("test-case", 0), ("rapid", 0)):
        assert (kind, figures("bugs", filters={"testing_type": (kind,), **everywhere})["total"]) == (kind, bugs)
    assert figures("bugs", filters={"test_status": ("paused",)})["total"] == 3
    with pytest.raises(Unanswerable, match='not "paused"'):
        Query(("bugs",), filters={"bug_status": ("paused",)})


@pytest.mark.parametrize("dimension", ["severity", "rejection_reason"])
def test_a_word_with_a_capital_letter_is_another_one_where_both_are_there(dimension: str) -> None:
    known = {"severity": "high", "rejection_reason": "known_bug"}[dimension]
    for number, word in enumerate((known, known.title()), 1):
        BugFactory.create_batch(number, test__status="locked", **{dimension: word})
    assert figures("bugs", filters={dimension: (known,)})["total"] == 1
    assert figures("bugs", filters={dimension: (known.title(),)})["total"] == 2
    assert figures("bugs", filters={dimension: (known.upper(),)})["total"] == 1


def test_every_bug_has_a_product_and_a_customer_also_where_its_test_was_not_read() -> None:
    BugFactory.create(test=None, mentioned_test_id=9)
    for dimension in ("product", "customer"):
        query = Query(("bugs",), (dimension,), {dimension: (NONE,), "test_status": (ANY,)})
        assert (answer(query, None).rows, answer(query, None).totals) == ([], {"bugs": 0})


def test_no_number_of_custom_reports_is_none_and_not_0_whatever_finds_nothing() -> None:
    BugFactory.create(test__status="locked")
    measures = ("report_values:stars", "report_sum:stars", "report_minimum:stars", "report_average:stars")
    for filters in ({"platform": ("Amiga",)}, {"severity": ("content",)}):
        for dimensions in ((), ("product",)):
            assert list(answer(Query(measures, dimensions, filters), None).totals.values()) == [0, None, None, None]


@pytest.mark.parametrize(
    ("dimension", "invented", "typed", "stored"),
    [
        ("severity", "Blocker", "Critical", "critical"),
        ("bug_status", "Postponed", "Open", "forwarded"),
        ("rejection_reason", "Not funny", "Device_Not_Relevant", "device_not_relevant"),
        ("testing_type", "Exploratory", "Custom", "external"),
        ("test_status", "Paused", "Running", "running"),
    ],
)
def test_a_word_is_filtered_by_as_it_is_stored_and_known_words_in_any_case(
    dimension: str, invented: str, typed: str, stored: str
) -> None:
    column = {"bug_status": "status", "testing_type": "test__testing_type", "test_status": "test__status"}
    for number, word in enumerate((invented, stored), 1):
        BugFactory.create_batch(number, **{"test__status": "locked", column.get(dimension, dimension): word})
    everywhere = {} if dimension == "test_status" else {"test_status": (ANY,)}
    asked = {"test_status": (invented, stored)} if dimension == "test_status" else everywhere
    for row in answer(Query(("bugs",), (dimension,), filters=asked), None).rows:
        again = answer(
            Query(("bugs", "tests"), filters={**everywhere, dimension: (str(row.cells[0].key),)}), None
        ).totals
        assert again == {"bugs": row.values["bugs"], "tests": row.values["bugs"]}, row
    for words, bugs in (((typed,), 2), ((f" {stored} ".upper(),), 2), ((invented, typed), 3)):
        assert (words, figures("bugs", filters={**everywhere, dimension: words})["total"]) == (words, bugs)
    with pytest.raises(Unanswerable, match=f'A filter by {dimension} takes .*, not "Nobody"'):
        Query(("bugs",), filters={dimension: ("Nobody",)})


@pytest.mark.parametrize("time", ["week", "month", "quarter", "year"])
def test_times_have_no_figures_of_the_period_before_and_a_note_says_so(time: str) -> None:
    for month in (2, 5):
        BugFactory.create(test=TestFactory.create(end_at=datetime(2026, month, 3, tzinfo=UTC)))
    options: dict[str, Any] = {"since": "2026-Q2", "until": "2026-Q2", "compare": True}
    found = answer(Query.read(["bugs"], [time, "severity"], **options), None)
    assert [(row.values, row.previous) for row in found.rows] == [({"bugs": 1}, None)]
    assert (found.totals, found.previous_totals) == ({"bugs": 1}, {"bugs": 1})
    assert found.notes[-1] == f"Only the totals are compared: the period before has no rows of the same {time}."
    kept = answer(Query.read(["bugs"], ["severity"], {time: ["2026-05-03"]}, **options), None)
    assert ([row.previous for row in kept.rows], kept.totals, kept.previous_totals) == ([None], {"bugs": 1}, None)
    leaves = f"the filter by {time} leaves that period out."
    assert kept.notes[-1] == f"Nothing is compared with the period before: {leaves}"


def test_figures_read_neither_payloads_nor_texts(django_assert_max_num_queries: Any) -> None:
    BugFactory.create(test__product=ProductFactory.create())
    with django_assert_max_num_queries(13) as captured:
        answer(Query(("tests", "bugs", "rejection"), ("product", "severity", "platform")), None)
    assert [each["sql"] for each in captured if '"raw"' in each["sql"] or '"goal"' in each["sql"]] == []


SEES_NOBODY = Access(User(username="new"), customers=frozenset())


@pytest.mark.parametrize(
    ("part", "access", "filters"),
    [
        (0, None, {"platform": ("Amiga",)}),
        (1, None, {"test_platform": ("Amiga",)}),
        (2, None, {"product": (1,)}),
        (3, SEES_NOBODY, {}),
        (4, SEES_NOBODY, {"test_status": ("any",), "severity": ("(none)", "low")}),
    ],
)
def test_a_question_that_can_find_nothing_is_answered_with_nothing(
    part: int, access: Access | None, filters: dict[str, tuple[str | int, ...]]
) -> None:
    BugFactory.create(test__status="locked")
    names = [name for name, each in DIMENSIONS.items() if each.groups]
    groupings = [(), *((name,) for name in names), *zip(names, names[3:], strict=False)]
    measures = [(name,) for name in (*MEASURES, "report_sum:minutes")] + [("tests", "bugs"), tuple(MEASURES)]
    for asked, dimensions in [*product(measures, groupings)][part::5]:
        found = answer(Query(asked, dimensions, filters, limit=10 if len(dimensions) % 2 else None), access)
        assert (found.rows, set(found.totals.values()) <= {0, None}) == ([], True), (asked, dimensions)


def test_of_a_hundred_and_fifty_browsers_each_has_its_own_tests_features_and_testers() -> None:
    browsers = [f"Browser {number:03}" for number in range(150)]
    test = TestFactory.create()
    other = TestFactory.create(product=test.product)
    feature = FeatureFactory.create(product=test.product)
    tester = PersonFactory.create(customer=test.product.customer)
    everywhere = BugFactory.create(test=test, feature=feature, author=tester)
    BugDeviceFactory.create(bug=everywhere, browsers=browsers)
    BugDeviceFactory.create(bug=BugFactory.create(test=test, author=tester), browsers=browsers[:1])
    BugDeviceFactory.create(bug=BugFactory.create(test=other, feature=feature, author=tester), browsers=browsers[61:64])
    one_each = dict.fromkeys(browsers, 1)
    assert figures("tests", "browser") == one_each | dict.fromkeys(browsers[61:64], 2) | {"total": 2}
    assert figures("features_tested", "browser") == one_each | {"total": 1}
    assert figures("active_testers", "browser") == one_each | {"total": 1}
    assert figures("bugs", "browser") == one_each | dict.fromkeys((browsers[0], *browsers[61:64]), 2) | {"total": 3}
