"""The metrics cube for programs: typed, closed, and within what its caller may see."""

from typing import Any

import pytest
from django.test import Client

from reports import catalogue
from reports.metrics import DIMENSIONS, MEASURES, Query, answer
from reports.schemas.analytics import AnalyticsAnswer, AnalyticsCapabilities
from tests.factories import BugFactory, CustomReportFactory, TestFactory
from tests.reports import small_world
from tests.reports.world import everything
from tests.sync.api.calling import V1, as_published, reader

pytestmark = pytest.mark.django_db
QUERY = f"{V1}/analytics/query"


def ask(client: Client, **body: Any) -> Any:
    return client.post(QUERY, body, content_type="application/json")


def test_api_report_and_cube_give_the_same_figures() -> None:
    small_world.build(2)
    question = {"measures": ["bugs", "rejection", "tests"], "dimensions": ["severity", "month"]}
    told = as_published(ask(reader(), **question, since="2025", until="2025"), AnalyticsAnswer)
    found = answer(Query.read(question["measures"], question["dimensions"], since="2025", until="2025"), None)
    assert [row["values"] for row in told["rows"]] == [row.values for row in found.rows]
    assert (told["totals"], told["groups"]) == (found.totals, found.groups)
    month = next(cell for cell in told["rows"][0]["cells"] if cell["dimension"] == "month")
    assert (month["first_day"][:7], month["label"]) == (month["key"], month["key"])
    asked = {"measure": question["measures"], "dimension": question["dimensions"], "period": "2025"}
    (table,) = catalogue.find(everything(), "metrics").run(everything(), asked).tables
    assert [list(row[2:]) for row in table.rows] == [list(row["values"].values()) for row in told["rows"]]


def test_counts_are_integers_and_rates_and_averages_numbers_or_null() -> None:
    bug = BugFactory.create(severity="custom", status="rejected")
    CustomReportFactory.create(bug=bug, data=[{"key": "Rating", "value": "4"}])
    numbers = {"bugs_per_test": float, "rejection": float, "auto_acceptance": type(None), "report_sum:Rating": float}
    kinds = dict.fromkeys(("tests", "bugs", "severity_score", "report_values:Rating"), int) | numbers
    body = {"measures": list(kinds), "dimensions": ["severity"], "since": "2026-Q1", "until": "2026-Q1"}
    told = as_published(ask(reader(), **body, compare=True), AnalyticsAnswer)
    for figures in (told["rows"][0]["values"], told["totals"]):
        assert {name: type(value) for name, value in figures.items()} == kinds
    counts = [name for name, kind in kinds.items() if kind is int]
    for figures in (told["rows"][0]["previous"], told["previous_totals"]):
        assert [(name, type(figures[name])) for name in counts] == [(name, int) for name in counts]
    values = AnalyticsAnswer.model_json_schema()["properties"]["totals"]["additionalProperties"]
    assert [each["type"] for each in values["anyOf"]] == ["integer", "number", "null"]


def test_the_period_before_comes_along_where_it_is_asked_for() -> None:
    BugFactory.create()
    body = {"measures": ["bugs"], "dimensions": ["severity"], "since": "2026-Q1", "until": "2026-Q1"}
    told = as_published(ask(reader(), **body, compare=True), AnalyticsAnswer)
    assert (told["totals"], told["previous_totals"]) == ({"bugs": 1}, {"bugs": 0})
    assert [row["previous"] for row in told["rows"]] == [{"bugs": 0}]
    assert told["period"] == "2026-01-01 to 2026-03-31"


def test_another_customers_records_do_not_count_and_cannot_be_named() -> None:
    mine, other = BugFactory.create(), BugFactory.create()
    client = reader(mine.product.customer)
    assert ask(client, measures=["bugs"]).json()["totals"] == {"bugs": 1}
    for name, value in (
        ("product", other.product_id), ("test", other.test_id), ("customer", other.product.customer_id),
        ("bug", other.pk), ("product", 99999999), ("test", str(99999999)),
    ):  # fmt: skip
        assert ask(client, measures=["bugs"], filters={name: [value]}).status_code == 404, name
    told = ask(client, measures=["bugs"], filters={"product": [mine.product_id], "feature": ["(none)"]})
    assert told.json()["totals"] == {"bugs": 1}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"measures": ["bugz"]},
        {"measures": ["bugs"], "colour": "red"},
        {"measures": ["bugs"], "dimensions": ["bug"]},
        {"measures": ["bugs"], "dimensions": ["year", "month", "week", "known"]},
        {"measures": ["bugs"], "filters": {"colour": ["red"]}},
        {"measures": ["bugs"], "filters": {"severity": []}},
        {"measures": ["bugs"], "filters": {"product": ["shop"]}},
        {"measures": ["bugs"], "filters": {"severity": ["a\x00b"]}},
        {"measures": ["bugs"], "filters": {"severity": [1.5]}},
        {"measures": ["bugs"], "filters": {"severity": [None]}},
        {"measures": ["bugs"], "filters": {"severity": ["any"]}},
        {"measures": ["bugs"], "filters": {"severity": [True]}},
        {"measures": ["report_sum:a\x00b"]},
        {"measures": ["bugs"], "since": "soon"},
        {"measures": ["bugs"], "since": "2026", "until": "2025"},
        {"measures": ["bugs"], "compare": True},
        {"measures": ["bugs"], "sort": "tests"},
        {"measures": ["bugs"], "limit": 0},
        {"measures": ["bugs"], "filters": {"test": [2**70]}},
    ],
)
def test_a_question_that_cannot_be_read_or_makes_no_sense_is_refused(body: dict[str, Any]) -> None:
    response = ask(reader(), **body)
    assert response.status_code in (409, 422)
    assert response.json()["errors"][0]["reason"]


def test_a_misspelt_word_and_any_beside_others_are_refused_by_name_and_not_answered_with_zero() -> None:
    BugFactory.create()
    client = reader()
    for filters, part in (
        ({"severity": ["nonsense"]}, 'not "nonsense"'),
        ({"test_status": ["forwardedd"]}, 'not "forwardedd"'),
        ({"test_status": ["any", "running"]}, '"any" means tests of every status.'),
    ):
        response = ask(client, measures=["bugs"], filters=filters)
        assert (response.status_code, part in response.json()["errors"][0]["reason"]) == (409, True), filters


def test_a_question_without_sense_is_refused_by_the_field_to_change() -> None:
    client = reader()
    for field, body in (
        ("dimensions", {"dimensions": ["month", "month"]}),
        ("since", {"since": "soon"}),
        ("until", {"since": "2026", "until": "2025"}),
        ("compare", {"since": "2026", "compare": True}),
        ("sort", {"sort": "tests"}),
        ("filters", {"filters": {"product": ["shop"]}}),
    ):
        response = ask(client, measures=["bugs"], **body)
        assert (response.status_code, [each["field"] for each in response.json()["errors"]]) == (
            409,
            [f"parameters.{field}"],
        ), body


def test_months_are_not_compared_with_those_of_the_period_before() -> None:
    BugFactory.create()
    client = reader()
    body = {"measures": ["bugs"], "since": "2026-Q1", "until": "2026-Q1", "compare": True}
    told = as_published(ask(client, **body, dimensions=["month"]), AnalyticsAnswer)
    assert ([row["previous"] for row in told["rows"]], told["previous_totals"]) == ([None], {"bugs": 0})
    told = as_published(ask(client, **body, filters={"month": ["2026-03"]}), AnalyticsAnswer)
    assert (told["previous_totals"], [note[:19] for note in told["notes"] if "compared" in note]) == (
        None,
        ["Nothing is compared"],
    )


def test_what_can_be_asked_is_told() -> None:
    told = as_published(reader().get(f"{V1}/analytics/capabilities"), AnalyticsCapabilities)
    assert [each["name"] for each in told["dimensions"]] == list(DIMENSIONS)
    assert [each["name"] for each in told["measures"]] == list(MEASURES)


def test_it_needs_the_permissions_to_look_at_tests_and_bugs(django_user_model: Any) -> None:
    TestFactory.create()
    client = Client()
    client.force_login(django_user_model.objects.create_user("nobody"))
    assert ask(client, measures=["bugs"]).status_code == 403
    assert client.get(f"{V1}/analytics/capabilities").status_code == 403
