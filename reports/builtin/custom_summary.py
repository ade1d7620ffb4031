"""The forms of custom reports summed up: each question, in all and by group."""

from collections.abc import Iterator, Sequence

from django.db.models import QuerySet
from pydantic import Field

from reports import custom
from reports.builtin.scope import OfDays, of_tables
from reports.catalogue import BadParameters, Report
from reports.custom import NONE, CustomSummary, FieldKind, FieldSummary, UnknownField
from reports.documents import Column, Document, Kind, Table, Value
from reports.limits import limits
from sync.access import Access
from sync.api import params
from sync.models import CustomReport

ALL = "All"
#: Metrics take other statuses where nothing is said, so figures of the two differ unless one knows.
ANY_STATUS = "Forms of tests of any status count; metrics count the same with the test status any."


class SummaryParameters(OfDays):
    """The days are those on which the bugs were reported."""

    test_id: params.Ids = Field([], description="Only forms filed in these tests.")
    configuration_id: params.Texts = Field([], description="Only forms of these kinds, by TestIO's id.")
    group_by: params.Texts = Field(
        [],
        max_length=custom.MOST_GROUPINGS,
        description="Up to two questions to group by; `test` means the test a bug was found in.",
    )
    field: params.Texts = Field([], description="Only these questions.")


_OF_FIELD = (
    Column("field", "Question", width=30),
    Column("kind", "Kind", width=12),
    Column("answered", "Answered", Kind.INTEGER),
    Column("missing", "Not answered", Kind.INTEGER),
    Column("average", "Average", Kind.NUMBER),
    Column("minimum", "Lowest", Kind.NUMBER),
    Column("maximum", "Highest", Kind.NUMBER),
    Column("answers", "Answers", width=60),
)


def run(access: Access, asked: SummaryParameters) -> Document:
    rows = custom.chosen(
        access,
        asked.between("bug__reported_at"),
        product_ids=asked.product_ids(access),
        test_ids=asked.test_id,
        configuration_ids=asked.configuration_id,
    )
    summary = summarised(rows, group_by=asked.group_by, wanted=asked.field)
    return of_tables(
        REPORT,
        asked,
        _table(summary),
        notes=[ANY_STATUS],
        limits=limits(asked.products(access), "tests", "bugs"),
        subtitle=f"{summary.reports:,} forms",
    )


def summarised(rows: "QuerySet[CustomReport]", *, group_by: Sequence[str], wanted: Sequence[str]) -> CustomSummary:
    """As ``custom.summarise``. Raises ``BadParameters`` by the name of the parameter that names an unknown question."""
    try:
        return custom.summarise(rows, group_by=group_by, wanted=wanted)
    except UnknownField as error:
        raise BadParameters({"field" if error.parameter == "wanted" else error.parameter: str(error)}) from None


def _table(summary: CustomSummary) -> Table:
    groups = [Column(f"group_{number}", name) for number, name in enumerate(summary.group_by, 1)]
    rows = list(_rows(summary))
    return Table(
        "custom-report-summary",
        "Questions",
        [*groups, Column("reports", "Forms", Kind.INTEGER), *_OF_FIELD],
        rows,
        expected=len(rows),
        empty="No bug was filed with a form like that.",
    )


def _rows(summary: CustomSummary) -> Iterator[list[Value]]:
    """All of them first, then the groups, the largest first."""
    everything = [ALL] * len(summary.group_by)
    for field in summary.fields:
        yield _row(everything, summary.reports, field)
    for group in summary.groups:
        for field in group.fields:
            yield _row(group.labels, group.reports, field)


def _row(group: Sequence[str], reports: int, field: FieldSummary) -> list[Value]:
    return [
        *group, reports, field.name, field.kind.value, field.answered, field.missing, field.average, field.minimum,
        field.maximum, _answers(field) or None,
    ]  # fmt: skip


def _answers(field: FieldSummary) -> str:
    """What was answered how often; numbers by ranges, and nothing of free text, which is different each time."""
    if field.kind is FieldKind.TEXT:
        return ""
    counted = [(bucket.label, bucket.count) for bucket in field.distribution] or list(field.values)
    if field.missing:
        counted.append((NONE, field.missing))
    return "; ".join(f"{value}: {count:,}" for value, count in counted)


REPORT = Report(
    "custom-report-summary",
    "Custom reports, summed up",
    "Each question of the forms that bugs were filed with: averages and counts of answers, by up to two groups.",
    SummaryParameters,
    "sync.view_customreport",
    run,
    ("bugs", "custom reports"),
)
