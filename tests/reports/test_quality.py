"""The quality report: the same figures as by hand, and none of those another tool of this kind gets wrong."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from reports import metrics, one_test, quality, standings
from reports.metrics import Query
from reports.periods import last_days
from reports.quality import NONE, Contradiction, NoSuchReference, QualityReport, Wish
from reports.quality.document import document
from reports.standings import NOW, Question
from reports.thresholds import Health
from sync.models import Feature, Product, Test
from tests.factories import (
    MARCH,
    BugFactory,
    FeatureFactory,
    ProductFactory,
    TestCaseFactory,
    TestCaseResultFactory,
    TestFactory,
    TestFeatureFactory,
    TestFreshnessFactory,
)
from tests.problematic.factories import ProblematicEventFactory
from tests.reports import naive_quality, small_world, world
from tests.reports.world import everything, of, person

pytestmark = pytest.mark.django_db


def made(**wish: Any) -> QualityReport:
    return quality.make(quality.read(Wish(**wish), everything()))


def some_wish(dice: random.Random) -> Wish:
    products = list(Product.objects.order_by("pk").values_list("pk", flat=True))
    chosen = tuple(dice.sample(products, dice.randrange(1, len(products) + 1)))
    tests = list(Test.objects.filter(product__in=chosen).order_by("pk").values_list("pk", flat=True))
    if dice.random() < 0.2 and tests:
        return Wish(products=chosen, tests=tuple(dice.sample(tests, min(len(tests), 7))))
    features = list(Feature.objects.filter(product__in=chosen).order_by("pk").values_list("pk", flat=True))
    named = dice.sample(tests, min(len(tests), 6))
    first = MARCH.date() - timedelta(days=dice.randrange(900))
    return Wish(
        products=chosen,
        first=dice.choice((None, first)),
        last=dice.choice((None, first + timedelta(days=dice.randrange(400)))),
        statuses=dice.choice(((), (), ("archived",), ("cancelled", "running"))),
        testing_types=dice.choice(((), (), ("external",), (None, "focused"))),
        features=tuple(dice.sample(features, min(len(features), 2))) if dice.random() < 0.3 else (),
        exclude=tuple(named[:3]) if dice.random() < 0.4 else (),
        include=tuple(named[3:]) if dice.random() < 0.4 else (),
    )


def test_every_figure_is_the_one_that_loops_over_plain_rows_come_to() -> None:
    small_world.build(7)
    dice = random.Random(7)
    for _ in range(25):
        wish = some_wish(dice)
        report = quality.make(quality.read(wish, everything()))
        assert naive_quality.same_of(report) == naive_quality.figures(wish), wish
        if report.previous_period:
            before = replace(
                wish,
                first=report.previous_period.first,
                last=report.previous_period.last,
                include=(),
            )
            previous = report.total.previous
            assert previous is not None
            assert previous.tests == naive_quality.figures(before)["total"][0], wish
            assert previous.bugs.total == naive_quality.figures(before)["total"][1][0], wish


def test_a_report_without_tests_has_no_rates_no_bugs_per_test_and_unknown_health() -> None:
    product = ProductFactory.create()
    total = made(products=(product.pk,)).total
    assert (total.tally.tests, total.tally.bugs_per_test, total.overall) == (0, None, Health.UNKNOWN)
    assert set(total.tally.bugs.rates().values()) == {None}


def test_tests_that_are_only_set_up_do_not_count_unless_they_are_asked_for() -> None:
    product = ProductFactory.create()
    for status in ("initialized", "customer_finalized", "waiting", "running", "locked", "archived", "cancelled"):
        TestFactory.create(product=product, status=status)
    assert {test.status for test in made(products=(product.pk,)).tests} == {"running", "locked", "archived"}
    assert len(made(products=(product.pk,), statuses=("customer_finalized",)).tests) == 1


def test_the_list_of_tests_is_never_cut_short() -> None:
    product = ProductFactory.create()
    rows = TestFactory.create_batch(3, product=product)
    base = rows[0]
    copies = [Test(id=10_000_000 + n, product=product, status="archived", fingerprint=b"") for n in range(1_100)]
    Test.objects.bulk_create(copies)
    report = made(products=(product.pk,))
    assert (report.total.tally.tests, len(report.tests)) == (1_103, 1_103)
    assert base.pk in {test.id for test in report.tests}


def test_bugs_of_an_unknown_status_are_in_the_rows_by_status_so_that_they_add_up() -> None:
    test = TestFactory.create()
    for status in ("accepted", "accepted", "forwarded", "open", "postponed", "Postponed", "Postponed", ""):
        BugFactory.create(test=test, status=status)
    report = made(tests=(test.pk,))
    counts = {each.key: each.bugs.total for each in report.by_bug_status}
    assert counts == {
        "open": 2, "accepted": 2, "auto_accepted": 0, "rejected": 0, "postponed": 1, "Postponed": 2, "(none)": 1,
    }  # fmt: skip
    assert report.total.tally.bugs.active_acceptance == 0.25
    rows = {word: quality.counted_bugs(report.question, quality.Part(bug_status=word)).count() for word in counts}
    assert rows == counts


def test_the_bugs_of_a_feature_are_those_on_it_and_no_others_of_the_tests_that_cover_it() -> None:
    test = TestFactory.create(end_at=timezone.now())
    cart, same, search = (FeatureFactory.create(product=test.product, title=each) for each in ("Cart", "Cart", "Find"))
    copies = [TestFeatureFactory.create(test=test, feature=each, title=each.title) for each in (cart, same, search)]
    for feature, copy in ((cart, copies[0]), (cart, None), (same, copies[1]), (None, None), (None, None), (None, None)):
        BugFactory.create(test=test, feature=feature, test_feature=copy)
    report = made(products=(test.product_id,), features=(search.pk,))
    expected = {str(cart.pk): 2, str(same.pk): 1, NONE: 3}
    assert {each.key: each.bugs.total for each in report.by_feature} == expected
    assert sum(expected.values()) == report.total.tally.bugs.total
    parts = {key: quality.counted_bugs(report.question, quality.Part(feature=key)).count() for key in expected}
    cube = metrics.answer(Query(("bugs",), ("feature",), {"product": (test.product_id,)}), everything())
    page = standings.figures_of(Question([test.product_id], last_days(7, timezone.now().date()), [], by_feature=True))
    of_page = {str(on.id) if on else NONE: bugs for on, bugs in page.bugs_by_feature(NOW).items()}
    of_cube = {str(row.cells[0].key or NONE): row.values["bugs"] for row in cube.rows}
    assert parts == of_page == of_cube == expected
    assert {copy.feature_id: bugs for copy, bugs in one_test.features(test)} == {cart.pk: 2, same.pk: 1, search.pk: 0}


def test_a_single_product_has_its_row_too() -> None:
    test = TestFactory.create()
    assert [row.id for row in made(products=(test.product_id,)).products] == [test.product_id]


def test_a_rate_that_equals_a_threshold_is_in_the_worse_class() -> None:
    test = TestFactory.create()
    for status in ("rejected", "accepted", "accepted", "accepted", "accepted"):
        BugFactory.create(test=test, status=status)
    health = made(tests=(test.pk,)).total.health
    assert health["rejection"] == Health.WARNING


def test_the_filter_minus_excluded_plus_included_tests() -> None:
    product = ProductFactory.create()
    kept, excluded = TestFactory.create_batch(2, product=product)
    cancelled = TestFactory.create(product=product, status="cancelled")
    TestFactory.create(product=product, status="cancelled")
    found = made(products=(product.pk,), exclude=(excluded.pk,), include=(cancelled.pk,)).tests
    assert {test.id for test in found} == {kept.pk, cancelled.pk}


def test_named_tests_count_in_any_state_and_bring_their_product_along() -> None:
    test = TestFactory.create(status="cancelled")
    report = made(tests=(test.pk,))
    assert ([row.id for row in report.tests], report.statuses) == ([test.pk], None)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "product_id"),
        ({"tests": (11,), "first": date(2026, 1, 1)}, "test_id"),
        ({"tests": (13,), "products": (1,)}, "test_id"),
        ({"products": (1,), "exclude": (11,), "include": (11,)}, "exclude_test_id"),
        ({"products": (1,), "include": (13,)}, "include_test_id"),
        ({"products": (1,), "first": date(2026, 2, 1), "last": date(2026, 1, 1)}, "since"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(wish: dict[str, Any], field: str) -> None:
    world.make()
    with pytest.raises(Contradiction) as refusal:
        quality.read(Wish(**wish), everything())
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "wish",
    [
        {"products": (1, 99)}, {"products": (1,), "exclude": (99,)}, {"products": (1,), "include": (99,)},
        {"tests": (11, 99)}, {"products": (1,), "features": (99,)},
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused(wish: dict[str, Any]) -> None:
    world.make()
    with pytest.raises(NoSuchReference, match="99"):
        quality.read(Wish(**wish), everything())


def test_a_member_of_one_customer_gets_no_figure_of_another() -> None:
    small = world.make()
    mia = of(person("mia", small.acme))
    for wish in (Wish(products=(2,)), Wish(tests=(13,)), Wish(products=(1,), include=(13,))):
        with pytest.raises(NoSuchReference):
            quality.read(wish, mia)
    assert quality.make(quality.read(Wish(customer="acme"), mia)).total.tally.tests == 2


def test_against_the_period_before_of_the_same_length() -> None:
    product = ProductFactory.create()
    for day, status in ((5, "rejected"), (6, "accepted"), (15, "accepted")):
        BugFactory.create(test=TestFactory.create(product=product, end_at=MARCH.replace(day=day)), status=status)
    report = made(products=(product.pk,), first=date(2026, 3, 11), last=date(2026, 3, 20))
    before = report.previous_period
    assert before is not None
    assert (before.first, before.last) == (date(2026, 3, 1), date(2026, 3, 10))
    changes = report.total.changes()
    assert changes is not None
    assert (changes["tests"], changes["bugs"], changes["rejection"], changes["auto_acceptance"]) == (-1, -1, -0.5, 0)


def test_the_period_before_has_what_the_filter_finds_there_also_of_tests_added_to_this_one() -> None:
    product = ProductFactory.create()
    here, before, cancelled, left_out = (
        TestFactory.create(product=product, end_at=MARCH.replace(day=day), status=status)
        for day, status in ((15, "locked"), (5, "locked"), (6, "cancelled"), (7, "locked"))
    )
    wish: dict[str, Any] = {"products": (product.pk,), "first": date(2026, 3, 11), "last": date(2026, 3, 20)}
    wish["exclude"] = (left_out.pk,)
    report = made(**wish, include=(before.pk, cancelled.pk))
    assert {row.id for row in report.tests} == {here.pk, before.pk, cancelled.pk}
    assert report.total.previous == made(**wish).total.previous
    assert report.total.previous is not None
    assert report.total.previous.tests == 1
    assert report.limits.in_both_periods == 1
    assert report.limits.sentences()[-1] == (
        "1 test added by number ended in the period before: counted in both periods."
    )


def test_without_both_ends_of_a_period_there_is_nothing_to_compare_with() -> None:
    test = TestFactory.create()
    for wish in ({"products": (test.product_id,), "first": date(2020, 1, 1)}, {"tests": (test.pk,)}):
        total = made(**wish).total
        assert (total.previous, total.changes()) == (None, None)


def test_the_report_says_what_it_does_not_know() -> None:
    now = timezone.now()
    shop = ProductFactory.create(name="Shop", tests_synced_at=now, bugs_synced_at=now - timedelta(days=9))
    ProblematicEventFactory.create(product=shop, first_position=3, last_position=5)
    TestFreshnessFactory.create(test=TestFactory.create(product=shop), bugs_synced_at=None)
    BugFactory.create_batch(2, test=None, product=shop, mentioned_test_id=77)
    TestFactory.create(product=shop, end_at=None)
    gone = TestFactory.create(product=shop, missing_since=now)
    limits = made(products=(shop.pk,), first=date(2026, 1, 1), include=(gone.pk,)).limits
    assert [(gap.positions, gap.hidden_tests, gap.product) for gap in limits.gaps] == [("3-5", 3, "Shop")]
    assert [old.product_id for old in limits.old_products] == [shop.pk]
    assert (limits.unread_tests, limits.unread_test_ids, limits.bugs_of_unread_tests) == (1, [77], 2)
    assert (limits.tests_without_bugs_read, limits.undated_tests) == (1, 1)
    assert [(each.what, each.id) for each in limits.left_out] == [("test", gone.pk)]
    assert limits.sentences()[0] == "3 tests could not be read from TestIO (positions Shop 3-5)."
    assert limits.sentences()[2:] == [
        "2 bugs of 1 test not read yet are left out.",
        "The bugs of 1 test were not read yet and are missing here.",
        "1 test without an end in TestIO: left out, as no period has them.",
        f"Test {gone.pk} is left out: TestIO has it no more.",
    ]


def test_test_cases_are_part_of_the_report() -> None:
    test = TestFactory.create(testing_type=None)
    TestCaseFactory.create(test=test, testio_id=1)
    TestCaseFactory.create(test=test, testio_id=2)
    TestCaseResultFactory.create(test=test, test_case_id=1, status="failed")
    report = made(tests=(test.pk,))
    assert (report.cases.cases, report.cases.executions, report.cases.pass_rate) == (2, 1, 0.0)
    assert report.tests[0].cases == report.cases


def test_the_number_of_statements_does_not_grow(django_assert_max_num_queries: Any) -> None:
    product = ProductFactory.create()
    for _ in range(12):
        test = TestFactory.create(product=product)
        BugFactory.create_batch(2, test=test, feature=FeatureFactory.create(product=product))
    with django_assert_max_num_queries(20):
        made(products=(product.pk,), first=date(2026, 1, 1), last=date(2026, 12, 31))


def test_the_chart_has_the_months_without_a_test_too() -> None:
    product = ProductFactory.create()
    for ended in (datetime(2025, 11, 3, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC)):
        BugFactory.create(test__product=product, test__end_at=ended, test__status="locked", status="accepted")
    chart = document(made(products=(product.pk,)), []).charts[0]
    assert (chart.points, chart.series[0].values) == (["2025-11", "2025-12", "2026-01", "2026-02"], [1, 0, 0, 1])
