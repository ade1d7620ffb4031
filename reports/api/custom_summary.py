"""The forms that custom bugs were filed with, summed up."""

from typing import Annotated, Any

from django.http import Http404
from ninja import Field, Query, Router
from pydantic import BeforeValidator

from reports import custom
from reports.builtin.custom_summary import summarised
from reports.catalogue import separated
from reports.custom import NONE, FieldKind, FieldSummary, Group
from reports.schemas.custom_reports import CustomReportSummary
from sync.access import Request, seen
from sync.api import params
from sync.api.conditional import Answer, documented, reads
from sync.api.listing import Document, age_of, products_in_scope
from sync.models import Test

router = Router(tags=["Custom reports"])


def _parts(values: Any) -> Any:
    return [part for value in values for part in separated(value)] if isinstance(values, list) else values


#: Repeated, or with commas between; a question with a comma of its own is in double quotes, as in the command.
Questions = Annotated[list[params.Text], BeforeValidator(_parts)]


class SummaryQuery(params.OfProducts):
    test_id: params.Ids = Field([], description="Only reports of bugs found in these tests.")
    configuration_id: params.Texts = Field([], description="Only reports made with these forms.")
    since: params.Day | None = Field(None, description=f"Only bugs reported on {params.SINCE}")
    until: params.Day | None = Field(None, description=f"Only bugs reported on {params.UNTIL}")
    field: Annotated[Questions, Field(max_length=params.MOST_VALUES)] = Field(
        [], description="Only these fields; one with a comma of its own stands in double quotes."
    )
    group_by: Annotated[Questions, Field(max_length=custom.MOST_GROUPINGS)] = Field(
        [],
        description="Up to two fields, or `test`. A field called test is `field:test`; one with a comma of its own "
        "stands in double quotes.",
        examples=[["test", "issue_type"]],
    )
    limit: int = Field(100, ge=1, le=1_000, description="How many groups to answer with at most, the largest first.")


@router.get("/custom-reports/summary", response=documented(CustomReportSummary, 404, 409))
@reads("sync.view_customreport")
def summarise_custom_reports(request: Request, query: Query[SummaryQuery]) -> Answer:
    """Custom reports summed up field by field, in all and by group.

    A field is numeric where at least four in five of its values are numbers, categorical with up to 20 different
    values, else text. Reports of tests of any status count, also of those not completed; those of bugs,
    tests and products that TestIO has no more do not. 404: a product or test that is not there. 409: a field that none
    of the reports has.
    """
    _refuse_unknown_tests(request, query.test_id)
    scope = products_in_scope(request.access, query.customer, query.product_id)
    rows = custom.chosen(
        request.access,
        params.between("bug__reported_at", query.since, query.until),
        product_ids=list(scope.values_list("pk", flat=True)) if query.customer or query.product_id else None,
        test_ids=query.test_id,
        configuration_ids=query.configuration_id,
    )
    summary = summarised(rows, group_by=query.group_by, wanted=query.field)
    age, stale = age_of(scope, ("bugs",))
    document = {
        "reports": summary.reports,
        "configuration_id": summary.configuration_id,
        "configurations": summary.configurations,
        "group_by": summary.group_by,
        "fields": [_field(each) for each in summary.fields],
        "total_groups": len(summary.groups),
        "groups": [_group(each) for each in summary.groups[: query.limit]],
    }
    return Answer(document | age, stale)


def _refuse_unknown_tests(request: Request, test_ids: list[int]) -> None:
    known = seen(Test.objects.filter(pk__in=test_ids), request.access, "product__customer")
    if missing := sorted(set(test_ids) - set(known.values_list("pk", flat=True))):
        raise Http404(f"There is no test {missing[0]} here. If it is new, sync its customer first.")


def _group(group: Group) -> Document:
    return {
        "values": group.values,
        "labels": group.labels,
        "reports": group.reports,
        "fields": [_field(each) for each in group.fields],
    }


def _field(field: FieldSummary) -> Document:
    numeric = field.kind == FieldKind.NUMERIC
    values = [{"value": value, "count": count} for value, count in field.values]
    if field.missing and field.kind == FieldKind.CATEGORICAL:
        values.append({"value": NONE, "count": field.missing})
    return {
        "name": field.name,
        "kind": field.kind,
        "answered": field.answered,
        "missing": field.missing,
        "count": field.count if numeric else None,
        "not_numbers": field.not_numbers if numeric else None,
        "average": field.average,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "distribution": field.distribution,
        "values": values,
    }
