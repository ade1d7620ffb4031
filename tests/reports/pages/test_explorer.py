"""The explorer: what it shows is what the cube says, and every number leads to as many rows."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client

from reports.metrics import Query, answer
from reports.metrics.answer import Values
from reports.pages.explorer import drawing, pivot
from reports.pages.explorer.asked import Asked
from reports.pages.explorer.numbers import Number
from sync.access import Access
from tests.factories import (
    BugDeviceFactory,
    BugFactory,
    FeatureFactory,
    ProductFactory,
    TestFactory,
    TestFeatureFactory,
)
from tests.problematic.factories import ProblematicEventFactory
from tests.reports import small_world
from tests.reports.pages.scenes import Scene

pytestmark = pytest.mark.django_db

EVERYTHING = Access(User(username="operator", is_superuser=True))


def _asked(address: str) -> Asked:
    return Asked.read(QueryDict(address))


def _shown(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, (address, response.content[:300])
    return response.content.decode()


def test_an_address_says_the_whole_question_and_comes_back_the_same() -> None:
    asked = _asked(
        "measure=rejection&measure=bugs&rows=product&then=severity&columns=month&severity=high&severity=low"
        "&since=2026-01&until=2026-03&dated_by=reported_at&compare=yes&sort=-bugs&limit=50&view=chart"
    )
    assert _asked(asked.url("/").partition("?")[2]) == asked
    assert (asked.rows, asked.columns, asked.filters) == (
        ("product", "severity"),
        "month",
        {"severity": ("high", "low")},
    )


def test_odd_addresses_ask_something_sensible() -> None:
    assert _asked("") == Asked()
    odd = _asked(
        "measure=nonsense&rows=bug&then=product&columns=product&limit=9999999&view=x&sort=-nothing&severity=%00"
    )
    assert (odd.rows, odd.columns, odd.limit, odd.view, odd.sort, odd.filters) == (("product",), "", 25, "both", "", {})
    assert _asked("made=report_sum&field=minutes").measures == ("report_sum:minutes",)


def test_every_number_of_a_pivot_is_the_cubes_and_leads_to_as_many_rows(reader: Client) -> None:
    small_world.build(tests=14, bugs=40)
    for address in (
        "measure=tests&measure=bugs&rows=product&columns=bug_status",
        "measure=bugs&measure=tests&rows=feature&then=platform&columns=testing_type&test_status=any",
        "measure=tests&measure=bugs&rows=known&columns=quarter",
        "measure=features_tested&measure=active_testers&made=report_values&field=stars&measure=bugs&rows=feature&columns=known",
        "measure=bugs&rows=browser&columns=tester&severity=low&severity=(none)",
        "measure=bugs&measure=tests&rows=year&columns=quarter&year=2025-Q2&year=2025-09&quarter=2025&quarter=(none)",
    ):
        asked = _asked(address)
        found = pivot.ask(asked, EVERYTHING)
        whole = {
            row.cells: row.values for row in answer(Query(asked.measures, asked.dimensions, asked.filters), None).rows
        }
        assert {cells: row.values for cells, row in found.crossed.items()} == whole
        sheet = pivot.sheet(found, "/metrics/")
        numbers = [number for line in sheet.lines for number in line.numbers if number.url]
        for number in (*numbers[:: max(1, len(numbers) // 6)], *[each for each in sheet.total if each.url][-2:]):
            _assert_rows_behind(reader, number)


def _assert_rows_behind(reader: Client, number: Number) -> None:
    page = reader.get(number.url)
    assert (number.url, page.context["pager"].sentence.split()[-2]) == (number.url, number.text)


@pytest.mark.parametrize(
    "address",
    [
        "rows=feature&columns=severity",
        "rows=severity&columns=feature",
        "rows=feature&columns=known&dated_by=reported_at&since=2024&until=2025",
        "rows=feature&then=tester&columns=bug_status",
        "rows=tester&columns=feature&severity=(none)",
        "rows=feature&severity=(none)",
    ],
)
def test_no_figure_of_a_table_by_feature_is_above_its_total_and_totals_lead_to_as_many_rows(
    reader: Client, address: str
) -> None:
    small_world.build(tests=15, bugs=60)
    covered, other = FeatureFactory.create_batch(2)
    for test in TestFactory.create_batch(20, product=covered.product, section=None, status="locked"):
        TestFeatureFactory.create(test=test, feature=covered)
        BugFactory.create(test=test, feature=other, severity="low")
    found = pivot.ask(_asked(f"measure=tests&measure=bugs&limit=250&{address}"), EVERYTHING)
    lines = {row.cells: _tests_and_bugs(row.values) for row in found.main.rows}
    below = {cell: _tests_and_bugs(row.values) for cell, row in found.below.items()}
    for (*left, cell), row in found.crossed.items():
        here, line, column = _tests_and_bugs(row.values), lines[tuple(left)], below[cell]
        assert (here[0] <= line[0], here[0] <= column[0], here[1] <= line[1], here[1] <= column[1]) == (True,) * 4, row
    total = _tests_and_bugs(found.main.totals)
    assert max(tests for tests, _ in (*lines.values(), *below.values())) <= total[0]
    sheet = pivot.sheet(found, "/metrics/")
    for number in (*(number for line in sheet.lines for number in line.numbers[-2:] if number.url), *sheet.total):
        if number.url:
            _assert_rows_behind(reader, number)


def test_a_name_of_any_length_and_with_blanks_around_it_leads_to_its_rows(reader: Client) -> None:
    for name in ("L" * 210, " Lead OS"):
        BugDeviceFactory.create(operating_system=name, bug__test__status="locked")
    page = reader.get("/metrics/?measure=bugs&rows=platform")
    links = [number for line in page.context["sheet"].lines for number in line.numbers if number.url]
    assert len(links) == 2
    for number in links:
        _assert_rows_behind(reader, number)


def test_rows_behind_a_table_by_feature_say_that_tests_count_per_feature(reader: Client, scene: Scene) -> None:
    for rows, says_so in (("feature", True), ("severity", False)):
        page = reader.get(f"/metrics/?measure=tests&measure=bugs&rows={rows}")
        (url, *_) = [number.url for number in page.context["sheet"].total if number.url]
        assert ("Counted per feature" in _shown(reader, url)) is says_so


def _tests_and_bugs(values: Values) -> tuple[float, float]:
    return values["tests"] or 0, values["bugs"] or 0


def test_the_page_has_the_pivot_its_totals_and_the_notes(reader: Client, scene: Scene) -> None:
    page = _shown(reader, "/metrics/?measure=bugs&measure=rejection&rows=product&columns=bug_status")
    assert [text in page for text in ("Shop of acme", "40.0%", "Total", "Executed tests only", "auto accepted")] == [
        True
    ] * 5
    assert "Nothing is counted here" in _shown(reader, "/metrics/?measure=bugs&since=2001&until=2001")
    assert "is not a period that can be read" in unescape(_shown(reader, "/metrics/?measure=bugs&since=whenever"))


def test_a_figure_made_of_bugs_leads_to_them_and_says_so_and_no_list_is_offered_of_what_has_none(
    reader: Client, scene: Scene
) -> None:
    asked = "measure=bugs&measure=features_tested&measure=active_testers&measure=bugs_per_test&measure=rejection"
    total = dict(zip(_asked(asked).measures, pivot.sheet(pivot.ask(_asked(asked), EVERYTHING), "/").total, strict=True))
    assert [name for name, number in total.items() if number.url] == ["bugs", "bugs_per_test", "rejection"]
    assert [name for name, number in total.items() if number.title] == ["bugs_per_test", "rejection"]
    assert reader.get(total["bugs_per_test"].url).context["pager"].sentence == "5 bugs"
    assert 'title="Lists all bugs counted here"' in _shown(reader, f"/metrics/?{asked}")


def test_a_figure_of_0_is_not_taken_for_nothing(reader: Client, scene: Scene) -> None:
    assert scene.test.end_at is not None
    day_after = (scene.test.end_at + timedelta(days=1)).date()
    for is_found, address in (
        (True, "measure=rejection&bug_status=accepted"),
        (True, "measure=active_testers&rows=product&test_status=any"),
        (True, f"measure=bugs&since={day_after}&until={day_after}&compare=yes"),  # 0 now and 5 before
        (False, f"measure=bugs&since={day_after}&until={day_after}"),
        (False, "measure=bugs&measure=rejection&since=2001&until=2001&compare=yes"),
    ):
        page = _shown(reader, f"/metrics/?{address}")
        assert (address, "table--pivot" in page) == (address, is_found)
        assert (address, "Nothing is counted here" in page) == (address, not is_found)


def test_only_equal_names_have_their_ids_behind_them(reader: Client, scene: Scene) -> None:
    test = scene.test
    same = [FeatureFactory.create(product=scene.product, title="Login") for _ in range(2)]
    for feature in same:
        BugFactory.create(test=test, feature=feature)
    ids = {f"Login (#{feature.pk})" for feature in same}
    for address in ("rows=feature", "rows=product&then=feature", "rows=product&columns=feature"):
        found = pivot.ask(_asked(f"measure=bugs&{address}"), EVERYTHING)
        sheet = pivot.sheet(found, "/")
        named = {head.text for line in sheet.lines for head in line.heads} | set(sheet.groups)
        assert {name for name in named if name not in ("All", scene.product.name)} == ids | {"Checkout"}
        assert [each in str(drawing.chart(found)) for each in sorted(ids)] == [True, True]


def test_page_file_and_api_say_what_could_not_be_read(reader: Client, scene: Scene) -> None:
    ProblematicEventFactory.create(product=scene.product, first_position=4, last_position=6)  # beside the scene's
    gap = "4 tests could not be read from TestIO and are missing here: see the report gaps."
    page = reader.get(f"/metrics/?measure=bugs&product={scene.product.pk}").context
    made = reader.get(f"/metrics/file/json/?measure=bugs&product={scene.product.pk}").json()
    asked = {"measures": ["bugs"], "filters": {"product": [scene.product.pk]}}
    told = reader.post("/api/v1/analytics/query", asked, content_type="application/json").json()
    assert (page["notes"] == made["notes"] == told["notes"], made["notes"][-1]) == (True, gap)
    assert page["frame"].freshness is not None
    elsewhere = ProductFactory.create(customer=scene.product.customer)
    other = reader.get(f"/metrics/?measure=bugs&product={elsewhere.pk}&measure=tests").context
    assert gap not in other["notes"]


def test_a_comparison_names_the_period_before(reader: Client, scene: Scene) -> None:
    page = _shown(reader, "/metrics/?measure=bugs&rows=product&since=last+30+days&until=last+30+days&compare=yes")
    assert re.findall(r"0 before", page) == ["0 before"] * 2
    assert "Give both" in _shown(reader, "/metrics/?measure=bugs&since=2026&compare=yes")


def test_a_question_is_kept_as_a_report_of_the_same_days(reader: Client, scene: Scene) -> None:
    page = reader.get("/metrics/?measure=bugs&rows=product&since=2026-01&until=2026-03")
    report = reader.get(page.context["save_url"])
    assert ("Period", "2026-01-01 to 2026-03-31 (UTC)") in report.context["preview"].document.parameters


def test_a_word_nobody_knows_is_refused_on_the_page_and_not_shown_as_zero(reader: Client, scene: Scene) -> None:
    for address in ("/metrics/?", "/metrics/rows/?of=bugs&"):
        assert "not &quot;hihg&quot;" in _shown(reader, f"{address}measure=bugs&rows=severity&severity=hihg")
    asked = "/metrics/?measure=bugs&test_status=running"
    assert "&quot;any&quot; means tests of every status" in _shown(reader, f"{asked}&add=test_status&value=any")


def test_filters_are_added_by_name_and_taken_away(reader: Client, scene: Scene) -> None:
    added = reader.get("/metrics/", {"measure": "bugs", "rows": "severity", "add": "product", "value": "shop of acme"})
    assert (added.status_code, added["Location"]) == (
        302,
        f"/metrics/?measure=bugs&rows=severity&product={scene.product.pk}",
    )
    page = _shown(reader, added["Location"])
    assert "Product: <strong>Shop of acme</strong>" in page
    assert "There is no product &quot;nothing&quot;" in _shown(
        reader, "/metrics/?measure=bugs&add=product&value=nothing"
    )
    assert '<option value="critical">' in _shown(reader, "/metrics/values/?add=severity")
    assert f'<option value="{scene.product.name}">' in _shown(reader, "/metrics/values/?add=product&measure=bugs")


def test_names_of_what_one_may_not_see_are_not_told(scene: Scene, elsewhere: Scene, member: Client) -> None:
    page = _shown(member, f"/metrics/?measure=bugs&rows=product&product={elsewhere.product.pk}")
    assert ("Shop of other" in page, "Nothing is counted here" in page) == (False, True)
    assert "Shop of other" not in _shown(member, "/metrics/values/?add=product&measure=bugs")
    behind = member.get("/metrics/rows/?of=bugs").context
    assert (behind["pager"].sentence, str(elsewhere.bug.pk) in str(behind["table"])) == ("5 bugs", False)


@pytest.mark.parametrize(
    ("form", "begins"), [("csv", b"product,product_id,bugs"), ("xlsx", b"PK"), ("pdf", b"%PDF"), ("json", b"{")]
)
def test_the_answer_comes_as_a_file(reader: Client, scene: Scene, form: str, begins: bytes) -> None:
    response = reader.get(f"/metrics/file/{form}/?measure=bugs&rows=product")
    assert (response.status_code, response.content.removeprefix(b"\xef\xbb\xbf")[: len(begins)]) == (200, begins)
    assert response["Content-Disposition"].startswith('attachment; filename="metrics-')
    assert reader.get("/metrics/file/docx/?measure=bugs").status_code == 404


def test_a_line_has_the_months_without_anything(reader: Client) -> None:
    small_world.build(tests=14, bugs=40)
    chart = drawing.chart(pivot.ask(_asked("measure=bugs&measure=rejection&rows=month&limit=250"), EVERYTHING))
    months = [point for point in chart.points if point != "(none)"]
    numbered = [int(point[:4]) * 12 + int(point[5:]) for point in months]
    assert (chart.kind, numbered) == ("line", list(range(numbered[0], numbered[0] + len(numbered))))
    missing = [index for index, bugs in enumerate(chart.series[0].values) if bugs == 0]
    assert [chart.series[1].values[index] for index in missing] == [None] * len(missing)


def test_whoever_lacks_a_permission_is_told_so(client: Client, scene: Scene) -> None:
    client.force_login(User.objects.create(username="nobody"))
    addresses = ("/metrics/", "/metrics/rows/", "/metrics/file/csv/", "/metrics/values/", "/reports/", "/reports/bugs/")
    assert [client.get(address).status_code for address in addresses] == [403] * len(addresses)


def test_a_word_with_a_capital_letter_leads_to_its_rows_and_their_file(reader: Client) -> None:
    bug = BugFactory.create(severity="Blocker", title="All gone", test__status="archived")
    page = _shown(reader, "/metrics/?measure=bugs&rows=severity")
    link = unescape(next(iter(re.findall(r'href="(/metrics/rows/[^"]*severity=Blocker[^"]*)"', page))))
    assert f"/bugs/{bug.pk}/" in _shown(reader, link)
    response = reader.get("/metrics/file/csv/?measure=bugs&rows=severity&severity=Blocker")
    assert (response.status_code, b"Blocker" in response.getvalue()) == (200, True)
