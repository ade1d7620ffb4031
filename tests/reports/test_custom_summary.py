"""Custom reports summed up: numbers, categories and text told apart, and nothing counted that is not there."""

from decimal import Decimal, localcontext
from io import BytesIO
from typing import Any

import pytest
from django.db.models import TextField
from django.db.models.functions import Cast
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports import catalogue, exports
from reports.catalogue import BadParameters
from reports.custom import fields
from reports.custom.answers import answers, number, read
from reports.custom.fields import FieldKind
from reports.metrics import Query, answer
from reports.metrics.vocabulary import ANY
from reports.schemas.custom_reports import CustomReportPage, CustomReportSummary
from sync.models import Bug, CustomReport, Test
from tests.factories import MARCH, BugFactory, CustomReportFactory, ProductFactory, TestFactory
from tests.reports.world import everything, rows
from tests.sync.api.calling import V1, as_published, reader, refusal


def filed(test: Test, *values: Any, key: str = "stars", **more: Any) -> None:
    for value in values:
        data = [{"key": key, "value": value}, *({"key": name, "value": each} for name, each in more.items())]
        CustomReportFactory.create(bug=BugFactory.create(test=test, severity="custom"), data=data)


def filed_for(bug: Bug, value: Any) -> None:
    CustomReportFactory.create(bug=bug, data=[{"key": "stars", "value": value}])


def summary(**asked: Any) -> Any:
    return as_published(reader().get(f"{V1}/custom-reports/summary", asked), CustomReportSummary)


def field(told: Any, name: str = "stars") -> Any:
    return next(each for each in told["fields"] if each["name"] == name)


@pytest.mark.django_db
def test_the_count_of_a_numeric_field_counts_numbers_only_and_the_cube_agrees() -> None:
    test = TestFactory.create()
    filed(test, 4, "3.5", "12", "5", "1", "1", "2", "2", "good", None, " ")
    stars = field(summary(test_id=test.pk))
    assert (stars["kind"], stars["count"], stars["not_numbers"], stars["answered"], stars["missing"]) == (
        "numeric", 8, 1, 9, 2,
    )  # fmt: skip
    cube = answer(Query(("report_values:stars", "report_average:stars", "report_maximum:stars")), None).totals
    assert [stars["count"], stars["average"], stars["maximum"]] == list(cube.values())


@pytest.mark.django_db
def test_what_testio_has_no_more_is_in_no_summary_list_or_report_and_the_cube_with_any_test_status_agrees() -> None:
    for status in ("running", "archived", "cancelled"):
        filed(TestFactory.create(status=status), 4)
    for product in (ProductFactory.create(), ProductFactory.create(missing_since=MARCH)):  # of tests not read yet
        filed_for(BugFactory.create(test=None, product=product), 5)
    filed(TestFactory.create(missing_since=MARCH), 1)
    filed(TestFactory.create(product=ProductFactory.create(missing_since=MARCH)), 1)
    told = summary()
    asked = Query(("report_values:stars", "report_average:stars"), filters={"test_status": (ANY,)})
    assert [told["reports"], field(told)["average"]] == list(answer(asked, None).totals.values()) == [4, 4.25]
    page = as_published(reader(name="lists").get(f"{V1}/custom-reports"), CustomReportPage)
    reports = {name: catalogue.find(everything(), name) for name in ("custom-reports", "custom-report-summary")}
    assert len(page["custom_reports"]) == len(rows(reports["custom-reports"].run(everything(), {}))) == 4
    summed = reports["custom-report-summary"].run(everything(), {})
    assert (rows(summed)[0]["reports"], summed.notes[-1]) == (
        4, "Forms of tests of any status count; metrics count the same with the test status any.",
    )  # fmt: skip


@pytest.mark.django_db
def test_a_form_counts_for_the_product_of_its_test_as_in_the_cube_also_where_its_bug_names_another_product() -> None:
    test = TestFactory.create()
    other = ProductFactory.create(customer=test.product.customer)
    filed_for(BugFactory.create(test=test, product=other), 4)
    filed_for(BugFactory.create(test=TestFactory.create(product=other)), 2)
    filed_for(BugFactory.create(test=None, product=other), 3)
    client, address = reader(), f"{V1}/custom-reports"
    for product, figures in ((test.product, [1, 4.0]), (other, [2, 2.5])):
        asked = {"product_id": product.pk}
        told = as_published(client.get(f"{address}/summary", asked), CustomReportSummary)
        kept: dict[str, tuple[str | int, ...]] = {"test_status": (ANY,), "product": (product.pk,)}
        cube = answer(Query(("report_values:stars", "report_average:stars"), filters=kept), None).totals
        assert [told["reports"], field(told)["average"]] == list(cube.values()) == figures
        listed = as_published(client.get(address, asked), CustomReportPage)["custom_reports"]
        assert [(each["product_id"], each["product"]) for each in listed] == [(product.pk, product.name)] * told[
            "reports"
        ]
        one_by_one, summed = (
            rows(catalogue.find(everything(), name).run(everything(), {"product_id": [product.pk]}))
            for name in ("custom-reports", "custom-report-summary")
        )
        assert [each["product"] for each in one_by_one] == [product.name] * told["reports"]
        assert [each["reports"] for each in summed] == [told["reports"]]


@pytest.mark.django_db
def test_missing_answers_are_a_group_called_none() -> None:
    test = TestFactory.create()
    filed(test, "Violation", "Violation", None, key="kind")
    filed(test, "4", key="stars")
    told = summary(group_by="kind")
    assert [(each["values"], each["reports"]) for each in told["groups"]] == [(["(none)"], 2), (["Violation"], 2)]
    assert field(told, "kind")["values"] == [{"value": "Violation", "count": 2}, {"value": "(none)", "count": 2}]


@pytest.mark.django_db
def test_groups_of_two_levels_the_largest_first() -> None:
    first, second = TestFactory.create(title="One"), TestFactory.create(title="")
    filed(first, "a", "a", "b", key="kind")
    filed(second, "a", key="kind")
    told = summary(group_by=["test", "kind"])
    assert [(each["values"], each["reports"]) for each in told["groups"]] == [
        ([str(first.pk), "a"], 2), ([str(first.pk), "b"], 1), ([str(second.pk), "a"], 1),
    ]  # fmt: skip
    assert [each["labels"][0] for each in told["groups"]] == ["One", "One", str(second.pk)]
    assert told["total_groups"] == 3
    assert sum(each["reports"] for each in told["groups"]) == told["reports"]


@pytest.mark.django_db
def test_a_field_keeps_its_kind_in_every_group() -> None:
    test = TestFactory.create()
    filed(test, "1", "2", "3", "4", "5", "6", "7", "8", kind="big")
    filed(test, "many", kind="small")
    groups = {each["values"][0]: field(each) for each in summary(group_by="kind")["groups"]}
    assert {name: each["kind"] for name, each in groups.items()} == {"big": "numeric", "small": "numeric"}
    assert (groups["small"]["count"], groups["small"]["average"]) == (0, None)


@pytest.mark.django_db
def test_a_field_called_test_can_be_grouped_by() -> None:
    filed(TestFactory.create(), "x", key="test")
    assert summary(group_by="field:test")["groups"][0]["values"] == ["x"]


@pytest.mark.django_db
def test_unknown_references_are_404_and_fields_nobody_has_are_refused() -> None:
    mine, other = TestFactory.create(), TestFactory.create()
    filed(mine, 1)
    client = reader(mine.product.customer)
    address = f"{V1}/custom-reports/summary"
    for asked in (f"test_id={other.pk}", "test_id=99999999", f"product_id={other.product_id}"):
        assert client.get(f"{address}?{asked}").status_code == 404, asked
    named = {"field=nobody": "field", "group_by=nobody": "group_by", "field=nobody&group_by=nobody": "field"}
    for asked, name in {**named, "field=stars&group_by=nobody": "group_by"}.items():
        response = client.get(f"{address}?{asked}")
        assert (response.status_code, response.json()["errors"][0]["field"]) == (409, f"parameters.{name}"), asked
        given = {key: [value] for key, _, value in (each.partition("=") for each in asked.split("&"))}
        with pytest.raises(BadParameters) as refused:
            catalogue.find(everything(), "custom-report-summary").run(everything(), given)
        assert [*refused.value.faults] == [name]
    assert list(refusal(client.get(f"{address}?group_by=a&group_by=b&group_by=c"))) == ["group_by"]
    assert client.get(f"{address}?group_by=stars&group_by=stars").json()["group_by"] == ["stars"]
    told = client.get(address).json()
    assert (told["reports"], told["configuration_id"]) == (1, "41")


@pytest.mark.django_db
def test_commas_separate_questions_as_they_do_in_the_command() -> None:
    test = TestFactory.create()
    filed(test, 4, "5", kind="slow", **{"Speed, in all": "9"})
    client, address = reader(), f"{V1}/custom-reports/summary"
    for text, names in {
        "kind,stars": ["kind", "stars"],
        "kind, test": ["kind", "test"],
        '"Speed, in all",test': ["Speed, in all", "test"],
    }.items():
        assert client.get(address, {"group_by": text}).json()["group_by"] == names
        assert catalogue.built_in("custom-report-summary").from_texts({"group_by": [text]}) == {"group_by": names}
    told = client.get(address, {"field": 'kind,"Speed, in all"'}).json()
    assert [each["name"] for each in told["fields"]] == ["kind", "Speed, in all"]
    assert list(refusal(client.get(address, {"group_by": "a,b,c"}))) == ["group_by"]


def test_without_any_value_a_field_is_a_category_nobody_chose() -> None:
    told = fields.summary("x", fields.kind_of([]), [None, None])
    assert (told.kind, told.answered, told.missing, told.values) == (FieldKind.CATEGORICAL, 0, 2, [])


@pytest.mark.parametrize("text", ["nan", "inf", "1e5", "٤", "1_000", " 4", "4\n", "", "--1", "."])
def test_what_only_a_computer_would_call_a_number_is_none(text: str) -> None:
    assert number(text) is None


def test_the_first_of_several_answers_to_one_question_counts() -> None:
    data = [
        {"key": "a", "value": "1"},
        {"key": "a", "value": "2"},
        {"key": None},
        "odd",
        {"key": "b", "value": [1, "x"]},
    ]
    assert answers(data) == {"a": "1", "b": "1, x"}


@given(st.lists(st.decimals(min_value=-1000, max_value=1000, places=2), min_size=1, max_size=40))
def test_every_number_is_in_exactly_one_bucket(numbers: list[Decimal]) -> None:
    buckets = fields.distribution(numbers)
    assert sum(bucket.count for bucket in buckets) == len(numbers)
    assert [buckets[0].lowest, buckets[-1].highest] == [float(min(numbers)), float(max(numbers))]


def test_few_whole_numbers_are_counted_one_by_one() -> None:
    assert [(each.label, each.count) for each in fields.distribution([Decimal(-2), Decimal(4), Decimal("4.0")])] == [
        ("-2", 1), ("4", 2),
    ]  # fmt: skip


@pytest.mark.django_db
def test_the_report_says_what_the_api_says() -> None:
    one, two = TestFactory.create(title="One"), TestFactory.create(title="Two")
    filed(one, 4, 5, None, kind="a")
    filed(two, 1, kind="b")
    document = catalogue.find(everything(), "custom-report-summary").run(everything(), {"group_by": ["test"]})
    told = summary(group_by="test")
    parts = [(4, "All", told["fields"]), *((g["reports"], g["labels"][0], g["fields"]) for g in told["groups"])]
    assert [
        (row["group_1"], row["reports"], row["field"], row["answered"], row["missing"], row["average"])
        for row in rows(document)
    ] == [
        (label, reports, each["name"], each["answered"], each["missing"], each["average"])
        for reports, label, fields_ in parts
        for each in fields_
    ]
    answered = {(row["group_1"], row["field"]): row["answers"] for row in rows(document)}
    assert answered["All", "kind"] == "a: 3; b: 1"


@pytest.mark.django_db
def test_the_report_refuses_a_question_that_nobody_was_asked() -> None:
    filed(TestFactory.create(), 4)
    with pytest.raises(BadParameters, match='No custom report here has a field "colour"'):
        catalogue.find(everything(), "custom-report-summary").run(everything(), {"field": ["colour"]})


PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(10**38, 10**42), st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.from_regex(r"\s*[-+]?[0-9]{1,3}(\.[0-9]{1,3})?(e[0-9])?\s*", fullmatch=True),
    st.from_regex(r"[0-9]{39,42}(\.[0-9]{39,42})?", fullmatch=True),
    st.sampled_from([1e20, "7", " 7 ", "+7", "-7.5", "1e3", "", " ", "\v\f\x1c\x85\u2003", '"7"', "[7]", "7, 8"]),
)  # fmt: skip
ANSWERS = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
)


@pytest.mark.django_db
def test_cube_and_summary_mean_the_same_by_a_number_whatever_was_answered() -> None:
    test = TestFactory.create(status="archived")
    filed(test, *[None] * 5)
    forms = [*CustomReport.objects.all()]
    measures = tuple(f"report_{kind}:stars" for kind in ("values", "sum", "average", "minimum", "maximum"))

    @settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200)
    @given(st.lists(ANSWERS, min_size=5, max_size=5))
    def agree(values: list[Any]) -> None:
        for form, value in zip(forms, values, strict=True):
            form.data = [{"key": "stars", "value": value}, {"key": "stars", "value": 99}]
        CustomReport.objects.bulk_update(forms, ["data"])
        written = CustomReport.objects.values_list(Cast("data", TextField()), flat=True)
        found = [answers(read(each))["stars"] for each in written]
        numbers = [value for each in found if each and (value := number(each)) is not None]
        summed = fields.summary("stars", FieldKind.NUMERIC, found)
        with localcontext(prec=100):
            expected = [summed.count, float(sum(numbers)) if numbers else None]
        expected += [summed.average, summed.minimum, summed.maximum]
        assert list(answer(Query(measures), None).totals.values()) == pytest.approx(expected)

    agree()


@pytest.mark.django_db
def test_a_list_of_one_value_is_that_value_in_the_summary_and_in_the_cube() -> None:
    test = TestFactory.create()
    filed(test, ["7"], ["8"], [9], "10", 11, [[None, "12", " "]], key="stars")
    filed(test, ["1", "2"], [], [[]], {"a": 7}, True, " 7 ", "1e3", key="stars")
    asked = {"field": "stars", "test_id": test.pk}
    told = summary(**asked)
    assert told["reports"] == 13
    cube = answer(Query(("report_values:stars", "report_average:stars", "report_sum:stars")), None).totals
    assert list(cube.values()) == [6, 9.5, 57]


@pytest.mark.django_db
def test_a_number_beyond_64_bits_breaks_no_summary_list_file_or_page() -> None:
    test = TestFactory.create()
    numbers = [1e20, -1e20, 2**64, 2**64 - 1, -(2**63), 4, 5, {"deep": [1e300]}]
    filed(test, *numbers)
    stars = field(summary())
    assert (stars["count"], stars["not_numbers"], stars["minimum"], stars["maximum"]) == (7, 1, -1e20, 1e20)
    client = reader(name="lists")
    told = client.get(f"{V1}/custom-reports").json()["custom_reports"]
    values = [each["fields"][0]["value"] for each in reversed(told)]
    assert values == numbers
    bug = Bug.objects.order_by("pk")[0]
    assert client.get(f"{V1}/bugs/{bug.pk}?include=report").json()["report"]["fields"][0]["value"] == 1e20
    assert b"100000000000000000000" in client.get(f"/bugs/{bug.pk}/").content
    for kind in ("csv", "xlsx", "json", "markdown", "pdf"):
        for name in ("custom-reports", "custom-report-summary"):
            out = BytesIO()
            exports.write(catalogue.find(everything(), name).run(everything(), {}), kind, out)
            assert out.tell(), (name, kind)
