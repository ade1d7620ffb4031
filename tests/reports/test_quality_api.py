"""The quality report as programs have it: complete, traceable, and only what its caller may see."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from reports import catalogue, exports
from reports.catalogue import BadParameters
from reports.schemas.quality import AllThresholds, QualityReport
from tests.factories import BugFactory, FeatureFactory, ProductFactory, TestFactory, TestFeatureFactory
from tests.reports import small_world
from tests.reports.world import everything
from tests.sync.api.calling import V1, as_published, reader, refusal

pytestmark = pytest.mark.django_db
QUALITY = f"{V1}/reports/quality"


def report(client: Client, **asked: Any) -> Any:
    return as_published(client.get(QUALITY, asked), QualityReport)


def counted(client: Client, address: str) -> int:
    """How many rows a call lists in all."""
    response = client.get(f"{address}&count=true&limit=1")
    assert response.status_code == 200, (address, response.content)
    return int(response.json()["count"])


def test_every_number_leads_to_a_call_that_lists_its_rows() -> None:
    customer = small_world.build(3)[0]
    client = reader()
    told = report(client, customer=customer.name, since="2024-06", until="this year", status="archived,running")
    assert told["total"]["bugs"]["total"] > 10
    groups = [row for name in told if name.startswith("by_") for row in told[name]]
    for row in [told["total"], *told["products"], *groups, *told["tests"][:5]]:
        assert counted(client, row["links"]["bugs"]) == row["bugs"]["total"], row
        if row.get("tests") is not None:
            assert counted(client, row["links"]["tests"]) == row["tests"], row
    for name in ("by_severity", "by_bug_status", "by_feature", "by_test_status", "by_testing_type", "by_month"):
        assert sum(row["bugs"]["total"] for row in told[name]) == told["total"]["bugs"]["total"], name


def test_the_document_has_these_calls_and_those_of_the_period_before() -> None:
    customer = small_world.build(3)[0]
    client = reader()
    asked = {"customer": customer.name, "since": "2025-04", "until": "2025-09"}
    told = report(client, **asked)
    document = catalogue.find(everything(), "quality").run(everything(), asked)
    tables: dict[str, list[Any]] = {each.name: list(each.rows) for each in document.tables}
    addresses = {tuple(row[:2]): [link and link.url for link in row[2:]] for row in tables["sources"]}
    before = told["total"]["previous"]
    assert addresses["all", None] == [told["total"]["links"]["tests"], told["total"]["links"]["bugs"]]
    counts = [counted(client, address) for address in addresses["the period before", None]]
    assert (counts, before["bugs"]["total"] > 0) == ([before["tests"], before["bugs"]["total"]], True)
    assert [row[0] for row in tables["by-feature"]] == [
        None if each["key"] == "(none)" else int(each["key"]) for each in told["by_feature"]
    ]


def test_named_tests_can_be_traced_too() -> None:
    bug = BugFactory.create(test__status="cancelled")
    client = reader()
    told = report(client, test_id=bug.test_id)
    assert (told["question"]["statuses"], told["total"]["tests"], told["total"]["previous"]) == (None, 1, None)
    assert counted(client, told["by_severity"][0]["links"]["bugs"]) == told["by_severity"][0]["bugs"]["total"]
    assert client.get(told["tests"][0]["links"]["tests"]).json()["id"] == bug.test_id


def test_the_tests_can_be_left_out_and_the_figures_stay() -> None:
    told = report(reader(), product_id=BugFactory.create().product_id, tests=False)
    assert (told["tests"], told["total"]["tests"]) == (None, 1)


def test_changes_of_counts_are_integers() -> None:
    bug = BugFactory.create()
    told = report(reader(), product_id=bug.product_id, since="2026-Q1", until="2026-Q1")["total"]["changes"]
    assert [(name, type(told[name])) for name in ("tests", "bugs")] == [("tests", int), ("bugs", int)]
    assert (told["tests"], told["bugs"], told["bugs_per_test"]) == (1, 1, None)


def test_the_end_of_last_quarter_is_its_last_day() -> None:
    test = TestFactory.create()
    told = report(reader(), product_id=test.product_id, since="2026-Q1", until="2026-Q1")["question"]
    assert (told["since"], told["until"], told["period"]) == ("2026-01-01", "2026-03-31", "2026-01-01 to 2026-03-31")
    assert (told["previous_since"], told["previous_until"]) == ("2025-10-01", "2025-12-31")


@pytest.mark.parametrize("address", ["", "/tests", "/bugs"])
def test_what_is_not_there_or_not_yours_is_answered_with_404(address: str) -> None:
    mine, other = TestFactory.create(), TestFactory.create()
    feature = TestFeatureFactory.create(test=other).feature_id
    client = reader(mine.product.customer)
    own = f"product_id={mine.product_id}"
    for asked in (
        f"product_id={other.product_id}", "product_id=999999999", f"test_id={other.pk}", "test_id=999999999",
        f"{own}&include_test_id={other.pk}", f"{own}&exclude_test_id=999999999", f"{own}&feature_id={feature}",
    ):  # fmt: skip
        assert client.get(f"{QUALITY}{address}?{asked}").status_code == 404, asked
    assert client.get(f"{QUALITY}{address}?{own}").status_code == 200


def test_contradictions_are_refused_by_the_parameter_to_change() -> None:
    test = TestFactory.create()
    stranger = FeatureFactory.create()
    own = f"product_id={test.product_id}"
    client = reader()
    for asked, field in (
        ("", "product_id"),
        (f"test_id={test.pk}&since=2026", "test_id"),
        (f"{own}&period=2026&since=2026", "period"),
        (f"{own}&since=2026&until=2025", "since"),
        (f"{own}&feature_id={stranger.pk}", "feature_id"),
    ):
        response = client.get(f"{QUALITY}?{asked}")
        assert (response.status_code, [each["field"] for each in response.json()["errors"]]) == (
            409,
            [f"parameters.{field}"],
        ), asked
    for address, field in (("?colour=red", "colour"), ("?period=soon", "period"), ("/bugs?of_month=soon", "of_month")):
        assert list(refusal(client.get(QUALITY + address))) == [field]


def test_page_file_and_api_show_the_same_figures() -> None:
    customer = small_world.build(5)[0]
    asked = {"customer": customer.name, "period": "2025"}
    told = report(reader(), **asked)
    document = catalogue.find(everything(), "quality").run(everything(), asked)
    in_short = {figure.name: figure.value for figure in document.figures}
    assert in_short["bugs"] == told["total"]["bugs"]["total"] > 0
    assert in_short["tests"] == told["total"]["tests"]
    assert {name: in_short[name] for name in told["total"]["bugs"]["rates"]} == told["total"]["bugs"]["rates"]
    assert in_short["health"] == told["total"]["overall_health"]
    tables: dict[str, list[list[Any]]] = {each.name: [list(row) for row in each.rows] for each in document.tables}
    severities = [[each["label"], each["bugs"]["total"]] for each in told["by_severity"]]
    assert [row[:2] for row in tables["by-severity"]] == severities
    assert [row[0] for row in tables["tests"]] == [each["id"] for each in told["tests"]]
    links = told["total"]["links"]
    assert [each.url for each in tables["sources"][0][2:]] == [links["tests"], links["bugs"]]
    assert [row[-1] is not None for row in tables["sources"]] == [True] * len(tables["sources"])
    assert [row[1] for row in tables["by-severity"]] == [sum(row[2:7]) for row in tables["by-severity"]]
    assert list(document.notes) == told["limits"]["sentences"]


def test_the_catalogue_refuses_what_the_api_refuses() -> None:
    entry = catalogue.find(everything(), "quality")
    product = ProductFactory.create().pk
    for asked, field in (({}, "product_id"), ({"product_id": [product], "include_test_id": [9]}, "include_test_id")):
        with pytest.raises(BadParameters) as refused:
            entry.run(everything(), asked)
        assert list(refused.value.faults) == [field]
    with pytest.raises(BadParameters) as unknown:
        entry.run(everything(), {"customer": "nobody"})
    assert list(unknown.value.faults) == ["customer"]


def test_the_report_can_be_written_on_paper_and_as_a_workbook(tmp_path: Path) -> None:
    customer = small_world.build(5)[0]
    for name in ("pdf", "xlsx", "markdown", "json", "csv"):
        document = catalogue.find(everything(), "quality").run(everything(), {"customer": customer.name})
        with (tmp_path / name).open("wb") as out:
            exports.write(document, name, out)
        assert (tmp_path / name).stat().st_size > 1_000


def test_thresholds_say_which_side_is_the_bad_one() -> None:
    told = as_published(reader().get(f"{V1}/thresholds"), AllThresholds)
    assert told["rejection"] == {"warning": 0.2, "critical": 0.35, "direction": "above"}
    assert told["review"] == {"warning": 0.8, "critical": 0.6, "direction": "below"}


def test_a_status_nobody_knows_is_taken_as_soon_as_a_test_has_it_as_in_the_cube() -> None:
    bug = BugFactory.create(test__status="on_hold")
    client = reader()
    asked: dict[str, Any] = {"product_id": [bug.product_id], "status": "On_Hold,archived"}
    told = report(client, **asked)
    assert (told["question"]["statuses"], told["total"]["tests"]) == (["on_hold", "archived"], 1)
    assert counted(client, told["total"]["links"]["bugs"]) == 1
    for word in ("put_off", "any", "(none)", "on_hold,put_off"):
        refused = refusal(client.get(QUALITY, {**asked, "status": word}))
        assert list(refused) == ["status"], word
        assert "is no status of a test. Known are: initialized, " in str(refused["status"])
    document = catalogue.find(everything(), "quality").run(everything(), {**asked, "status": ["on_hold"]})
    assert ("Tests", "on_hold") in document.parameters
