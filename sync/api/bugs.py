"""Bugs: all of them, those of a test, and one with everything that came with it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Left
from django.http import Http404
from ninja import Field, Query, Router, Schema

from sync import wording
from sync.access import Request, products, seen
from sync.api import params
from sync.api.conditional import Answer, documented, reads
from sync.api.keyset import ID, Column
from sync.api.listing import Document, Listing, Source, age_of, products_in_scope
from sync.api.tests import SORTED_TITLE
from sync.models import Bug, BugDevice, CustomReport, Test
from sync.schemas.bugs import BugDetail, BugPage
from sync.testio.payloads.reading import mappings, person, text

router = Router(tags=["Bugs"])

Sort = Literal[
    "reported_at", "-reported_at", "severity", "-severity", "status", "-status", "title", "-title", "id", "-id"
]  # fmt: skip
ListInclude = Literal["actual_result", "expected_result", "steps"]
Include = Literal["steps", "devices", "comments", "report"]


class BugFilters(params.Missing, params.ListQuery):
    bug_id: params.Ids = Field([], description="Only these bugs.")
    status: params.BugStatuses = Field([], description="Only these states; both words are taken.")
    severity: params.Severities = Field([], description="Only these severities.")
    known: bool | None = Field(None, description="Only bugs that were, or were not, known before.")
    rejection_reason: params.RejectionReasons = Field([], description="Only bugs rejected for one of these reasons.")
    feature_id: params.Ids = Field([], description="Only bugs found in these features.")
    tester_id: params.Ids = Field([], description="Only bugs of these people, by our number.")
    tester: params.Texts = Field([], description="Only bugs of people with exactly these names.")
    since: params.Day | None = Field(None, description=f"Only bugs reported on {params.SINCE}")
    until: params.Day | None = Field(None, description=f"Only bugs reported on {params.UNTIL}")
    sort: Sort = Field("-reported_at", description="Bugs without that time come last. `-` means descending.")
    include: Annotated[list[ListInclude], *params.SEVERAL] = Field(
        [], description="Long texts that come with each bug."
    )


class BugQuery(params.OfProducts, BugFilters):
    test_id: params.Ids = Field([], description="Only bugs found in these tests.")
    testing_type: params.TestingTypes = Field([], description="Only bugs of tests of these types.")


class BugParts(Schema):
    include: Annotated[list[Include], *params.SEVERAL] = Field(
        [], description="What comes with the bug; may be repeated."
    )


def _shown(rows: list[Document]) -> None:
    # Asked for these rows alone: within the list's own statement it would be worked out from all reports there are.
    reported = set(CustomReport.objects.filter(pk__in=[row["id"] for row in rows]).values_list("pk", flat=True))
    for row in rows:
        row["has_report"] = row["id"] in reported
        row["status"] = wording.shown_bug_status(row["status"])
        row["rejection_reason"] = row["rejection_reason"] or None


#: By how much they matter, not by their letters; one TestIO invents tomorrow comes last.
_SEVERITY = Case(
    *(When(severity=severity, then=Value(rank)) for rank, severity in enumerate(wording.BUG_SEVERITIES)),
    default=Value(len(wording.BUG_SEVERITIES)),
    output_field=IntegerField(),
)

BUGS = Listing(
    "bugs",
    columns={
        "id": "id",
        "title": "title",
        "severity": "severity",
        "status": "status",
        "known": "known",
        "rejection_reason": "rejection_reason",
        "language": "language",
        "location": "location",
        "product_id": "product_id",
        "product": "product__name",
        "customer": "product__customer__name",
        "test_id": Coalesce("test_id", "mentioned_test_id"),
        "test": "test__title",
        "feature_id": "feature_id",
        "feature": "feature__title",
        "tester_id": "author_id",
        "tester": "author__username",
        "reported_at": "reported_at",
        "exported_at": "exported_at",
        "missing_since": "missing_since",
        "changed_at": "changed_at",
    },
    sorts={
        "reported_at": Column("reported_at", datetime, nullable=True),
        "severity": Column(_SEVERITY, int),
        "status": Column("status", str),
        "title": Column(Left("title", SORTED_TITLE), str),
        "id": ID,
    },
    parts=("tests", "bugs"),
    finish=_shown,
)


@router.get("/bugs", response=documented(BugPage), exclude_unset=True)
@reads("sync.view_bug")
def list_bugs(request: Request, query: Query[BugQuery]) -> Answer:
    """Bugs, the last reported first."""
    scope = products_in_scope(request.access, query.customer, query.product_id)
    rows = _filtered(request, query).filter(_found_in(query.test_id), _of_types(query.testing_type))
    return _page(request, query, params.of_products(request.access, rows, query), scope)


@router.get("/tests/{test}/bugs", response=documented(BugPage, 404), exclude_unset=True)
@reads("sync.view_bug")
def list_bugs_of_test(request: Request, test: params.TestId, query: Query[BugFilters]) -> Answer:
    """Bugs found in one test, the last reported first."""
    mine = seen(Test.objects.filter(pk=test), request.access, "product__customer")
    scope = products(request.access).filter(pk__in=mine.values("product_id"))
    if not mine.exists():
        raise Http404(f"There is no test {test} here. If it is new, sync its product first.")
    return _page(request, query, _filtered(request, query).filter(test_id=test), scope)


@router.get("/bugs/{bug}", response=documented(BugDetail, 404))
@reads("sync.view_bug")
def read_bug(request: Request, bug: params.BugId, query: Query[BugParts]) -> Answer:
    """One bug; `include` names what else to send of it."""
    rows = seen(Bug.objects.filter(pk=bug), request.access, "product__customer")
    found = BUGS.documents(rows, _TEXTS)
    if not found:
        raise Http404(f"There is no bug {bug} here. If it is new, sync its product first.")
    (shown,) = found
    age, stale = age_of(products(request.access).filter(pk=shown["product_id"]), BUGS.parts)
    parts: Document = {name: _PARTS[name](rows) for name in query.include}
    return Answer({**shown, **parts, **age}, stale)


_TEXTS: dict[str, Source] = {"expected_result": "expected_result", "actual_result": "actual_result"}


def _page(request: Request, query: BugFilters, rows: "QuerySet[Bug]", scope: Any) -> Answer:
    more: dict[str, Source] = {name: name for name in query.include}
    return BUGS.page(request, query, rows, query.sort, products=scope, more=more)


def _filtered(request: Request, query: BugFilters) -> "QuerySet[Bug]":
    rows = seen(Bug.objects.all(), request.access, "product__customer")
    rows = params.missing(rows, query.missing).filter(params.between("reported_at", query.since, query.until))
    asked: dict[str, Any] = {
        "pk": query.bug_id,
        "status": query.status,
        "severity": query.severity,
        "rejection_reason": query.rejection_reason,
        "feature_id": query.feature_id,
        "author_id": query.tester_id,
        "author__username": query.tester,
    }
    rows = params.narrowed(rows, **{f"{column}__in": values for column, values in asked.items()})
    return params.narrowed(rows, known=query.known)


def _found_in(tests: list[int]) -> Q:
    """Also bugs of a test that has not been read yet, which they only mention."""
    return Q(test_id__in=tests) | Q(test=None, mentioned_test_id__in=tests) if tests else Q()


def _of_types(types: list[str | None]) -> Q:
    return params.one_of("test__testing_type", types) & Q(test__isnull=False) if types else Q()


# What comes with one bug ----------------------------------------------------------------------------------------------


def _steps(rows: "QuerySet[Bug]") -> list[str]:
    steps: list[str] = rows.values_list("steps", flat=True).get()
    return steps


def _devices(rows: "QuerySet[Bug]") -> list[Document]:
    devices = BugDevice.objects.filter(bug__in=rows).order_by("position")
    return [dict(device) for device in devices.values("category", "device", "operating_system", "browsers")]


def _comments(rows: "QuerySet[Bug]") -> list[Document]:
    """From the payload, which has no columns for them."""
    comments = rows.values_list("raw__comments", flat=True).get()
    return [
        {
            "author": person(each.get("author")) or None,
            "body": text(each.get("body")),
            "created_at": text(each.get("created_at")) or None,
        }
        for each in mappings(comments)
    ]


def _report(rows: "QuerySet[Bug]") -> Document | None:
    report = CustomReport.objects.filter(bug__in=rows).first()
    return (
        None
        if report is None
        else {
            "configuration_id": report.configuration_id,
            "fields": report.data,
            "plain_text_interactions": report.plain_text_interactions,
        }
    )


_PARTS: dict[str, Callable[["QuerySet[Bug]"], Any]] = {
    "steps": _steps,
    "devices": _devices,
    "comments": _comments,
    "report": _report,
}
