from typing import Any

import pytest
from django.utils import timezone

from reports import catalogue
from reports.catalogue import BadParameters
from reports.documents import Document
from sync.models import Bug
from tests.factories import (
    BugFactory,
    CustomerFactory,
    CustomReportFactory,
    FeatureFactory,
    ProductFactory,
    TestFactory,
)
from tests.reports import world
from tests.reports.world import World, everything, of, person, rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def small() -> World:
    return world.make()


def run(name: str, **parameters: Any) -> Document:
    return catalogue.find(everything(), name).run(everything(), parameters)


def ids(name: str, **parameters: Any) -> list[Any]:
    return [row.get("id") for row in rows(run(name, **parameters))]


def test_bugs_are_rows_in_the_words_people_see(small: World) -> None:
    found = rows(run("bugs", product_id=[1], texts=True))
    assert [row["id"] for row in found] == [102, 101, 103]
    rejected, opened, custom = found
    assert (opened["status"], opened["test"], opened["tester"], opened["customer"]) == ("open", "First", "ann", "acme")
    assert (rejected["rejection_reason"], opened["rejection_reason"]) == ("known_bug", None)
    assert (custom["steps"], custom["has_report"], custom["reported_at"]) == ("one\ntwo", True, None)


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"status": ["open"]}, [101]),
        ({"status": ["forwarded,rejected"]}, [102, 101]),
        ({"severity": ["custom"]}, [103]),
        ({"rejection_reason": ["known_bug"]}, [102]),
        ({"period": "2026-04"}, [102]),
        ({"since": "2026-03-01", "until": "2026-03-31"}, [101, 201]),
        ({"customer": "other"}, [201]),
        ({"test_id": [13]}, [201]),
        ({"tester": ["ann"], "sort": "id"}, [101, 102, 103]),
        ({"missing": True}, []),
    ],
)
def test_bugs_can_be_filtered(small: World, parameters: dict[str, Any], found: list[int]) -> None:
    assert ids("bugs", **parameters) == found


def test_a_member_of_one_customer_sees_no_other(small: World) -> None:
    mia = of(person("mia", small.acme))
    assert [row["id"] for row in rows(catalogue.find(mia, "tests").run(mia, {}))] == [12, 11]
    with pytest.raises(BadParameters) as refusal:
        catalogue.find(mia, "bugs").run(mia, {"product_id": [2]})
    assert str(refusal.value) == "product_id: there is no product 2."


def test_what_is_not_there_is_refused_by_name(small: World) -> None:
    with pytest.raises(BadParameters, match="customer: there is no customer"):
        run("bugs", customer="nobody")
    with pytest.raises(BadParameters, match="product_id: customer acme has no product 2"):
        run("bugs", customer="acme", product_id=[1, 2])
    with pytest.raises(BadParameters, match="give a period, or since and until, not both"):
        run("bugs", period="2026-04", since="2026-04-01")


def test_tests_come_with_their_figures_of_the_bugs_that_testio_still_has(small: World) -> None:
    BugFactory.create(test=small.tests[0], missing_since=timezone.now())
    cases, first = rows(run("tests", product_id=[1]))
    assert (cases["testing_type"], cases["bugs"], cases["rejection"]) == ("test case", 0, None)
    assert (first["bugs"], first["accepted"], first["rejected"], first["open"]) == (3, 1, 1, 1)
    assert first["rejection"] == pytest.approx(1 / 3)
    assert ids("tests", testing_type=["test case"]) == [12]
    assert ids("tests", status=["running"]) == [12]


def test_gaps_come_with_what_is_mapped(small: World) -> None:
    (gap,) = rows(run("gaps"))
    assert (gap["product"], gap["positions"], gap["size"], gap["mapped_test_ids"]) == ("Shop", "3-4", 2, "77")
    assert rows(run("gaps", status=["resolved"])) == []
    for wrong in ("lost", 1, None):
        with pytest.raises(BadParameters, match=r"status: Input should be 'open', 'resolved' or 'cleared'\."):
            run("gaps", status=[wrong])


def test_freshness_names_what_is_too_old(small: World) -> None:
    assert {row["product"]: row["stale"] for row in rows(run("freshness"))} == {"Bank": True, "Shop": False}
    assert ids("freshness", stale=True) == [2]


def test_metrics_take_the_days_that_other_reports_take(small: World) -> None:
    asked = {"measure": ["bugs", "tests"], "dated_by": "reported_at"}
    april = {"period": "2026-04"}, {"since": "2026-04", "until": "2026-04"}, {"since": "2026-04-10", "until": "2026-Q2"}
    assert [rows(run("metrics", **asked, **days)) for days in april] == [[{"bugs": 1, "tests": 1}]] * 3
    assert rows(run("metrics", **asked, until="2026-03-31")) == [{"bugs": 2, "tests": 2}]
    assert ("Period", "2026-04-01 to present (UTC)") in run("metrics", **asked, since="2026-04").parameters


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"measure": ["beetles"]}, "measure"),
        ({"measure": ["bugs", "bugs"]}, "measure"),
        ({"dimension": ["colour"]}, "dimension"),
        ({"dimension": ["month", "month"]}, "dimension"),
        ({"period": "2026", "since": "2026"}, "since"),
        ({"since": "2026-04", "until": "2026-03"}, "until"),
        ({"since": "soon"}, "since"),
        ({"compare": True, "since": "2026"}, "compare"),
        ({"sort": "severity"}, "sort"),
        ({"limit": 0}, "limit"),
        ({"keep": ["red"]}, "keep"),
        ({"keep": ["colour=red"]}, "keep"),
        ({"keep": ["severity=hihg"]}, "keep"),
        ({"keep": ["product=1"], "product_id": [1]}, "keep"),
        ({"keep": ["product=404"]}, "keep"),
    ],
)
def test_a_question_without_sense_is_refused_by_the_parameter_to_change(
    small: World, parameters: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadParameters) as refusal:
        catalogue.find(everything(), "metrics").check(everything(), parameters)
    assert list(refusal.value.faults) == [field]


def test_metrics_of_a_customer_without_products_are_zero(small: World) -> None:
    CustomerFactory.create(name="empty")
    catalogue.find(everything(), "metrics").check(everything(), {"customer": "empty"})
    assert rows(run("metrics", customer="empty")) == [{"tests": 0, "bugs": 0}]


def test_metrics_tell_equal_names_apart_and_say_how_many_rows_are_left_out() -> None:
    product = ProductFactory.create(id=5, name="Shop")
    test = TestFactory.create(product=product)
    for number, bugs in ((71, 3), (72, 2), (73, 1)):
        feature = FeatureFactory.create(id=number, product=product, title="Login")
        for _ in range(bugs):
            BugFactory.create(test=test, feature=feature)
    for _ in range(4):
        BugFactory.create(test=test, feature=None)
    asked = {"measure": ["bugs"], "dimension": ["feature"]}
    limited, whole = run("metrics", **asked, limit=3), run("metrics", **asked)
    assert rows(limited) == [
        {"feature": "(none)", "feature_id": None, "bugs": 4},
        {"feature": "Login", "feature_id": 71, "bugs": 3},
        {"feature": "Login", "feature_id": 72, "bugs": 2},
    ]
    (table,) = limited.tables
    assert table.total == ["Total", None, 10]
    assert set(limited.notes) - set(whole.notes) == {"3 of 4 rows are shown; totals count all."}
    assert whole.sections[0].charts[0].points == ["(none)", "Login (#71)", "Login (#72)", "Login (#73)"]


def test_a_form_is_a_row_with_a_column_per_question(small: World) -> None:
    (row,) = rows(run("custom-reports"))
    assert (row["bug_id"], row["Speed"], row["report: tester"], row["tester"]) == (103, "4; ", "a, b", "ann")


def test_forms_of_bugs_testio_has_no_more_are_in_no_report_of_forms(small: World) -> None:
    Bug.objects.filter(pk=103).update(missing_since=timezone.now())
    assert rows(run("custom-reports")) == rows(run("custom-report-summary")) == []


def test_a_bug_and_its_form_are_found_by_their_test_before_the_test_was_read(small: World) -> None:
    Bug.objects.filter(pk=103).update(test=None, mentioned_test_id=19)
    assert [row["test_id"] for row in rows(run("custom-reports", test_id=[19]))] == [19]
    assert ids("bugs", test_id=[19]) == [103]


def test_answers_that_are_all_numbers_are_numbers_and_names_of_digits_are_not(db: None) -> None:
    for answers in ({"minutes": "-5", "stars": "4.5", "code": "007"}, {"minutes": "12", "stars": "", "code": "8"}):
        CustomReportFactory.create(data=[{"key": key, "value": value} for key, value in answers.items()])
    document = run("custom-reports")
    kinds = {column.name: column.kind for column in document.tables[0].columns}
    assert [kinds[name] for name in ("minutes", "stars", "code")] == ["number", "number", "text"]
    assert sorted((row["minutes"], row["stars"], row["code"]) for row in rows(document)) == [
        (-5, 4.5, "007"), (12, None, "8"),
    ]  # fmt: skip


def test_what_limits_a_report_is_said(small: World) -> None:
    gone = ProductFactory.create(customer=small.other, missing_since=timezone.now())
    assert run("bugs", product_id=[gone.pk]).notes == []  # it is not read again
    assert run("bugs", product_id=[1]).notes == [
        "2 tests could not be read from TestIO and are missing here: see the report gaps."
    ]
    assert run("bugs", product_id=[2]).notes == [
        "Never read completely from TestIO yet: Bank. What is shown of it is not all."
    ]


def test_what_was_asked_for_is_said(small: World) -> None:
    made = run("bugs", product_id=[1], status=["open"], period="2026-Q1")
    assert made.parameters == [
        ("Products", "1"),
        ("Status", "open"),
        ("Period", "2026-01-01 to 2026-03-31 (UTC)"),
    ]
