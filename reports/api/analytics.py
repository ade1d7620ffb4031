"""Questions to the metrics cube (``reports.metrics``), and what can be asked."""

from collections.abc import Iterable

from django.http import Http404
from ninja import Router

from reports import asking, metrics, references
from reports.asking import Given
from reports.figures import EXECUTED_STATUSES
from reports.limits import limits_of_answer, products_of
from reports.metrics import DIMENSIONS, MEASURES, REPORT_MEASURES, Query
from reports.schemas import analytics as schemas
from sync import freshness
from sync.access import Access, Request, require
from sync.api.listing import Document, age_of
from sync.snapshot import snapshot

router = Router(tags=["Analytics"])

MOST_ROWS = 10_000


@router.get("/analytics/capabilities", response=schemas.AnalyticsCapabilities)
def list_capabilities(request: Request) -> Document:
    """What can be asked of tests and bugs: dimensions to group and filter by, and measures."""
    _require(request)
    return {
        "dimensions": [
            {
                "name": each.name,
                "title": each.title,
                "description": each.description,
                "groups": each.groups,
                "several_values": each.repeats,
                "values": each.kind.name.lower(),
            }
            for each in DIMENSIONS.values()
        ],
        "measures": [
            {"name": each.name, "title": each.title, "formula": each.formula, "unit": each.unit.value}
            for each in MEASURES.values()
        ],
        "report_measures": [{"name": f"{name}:FIELD", "meaning": text} for name, text in REPORT_MEASURES.items()],
        "most_dimensions": metrics.MOST_DIMENSIONS,
        "most_rows": MOST_ROWS,
        "executed_statuses": EXECUTED_STATUSES,
    }


@router.post("/analytics/query", response={200: schemas.AnalyticsAnswer, 404: None, 409: None})
def ask(request: Request, body: schemas.AnalyticsQuestion) -> Document:
    """Any measures of tests and bugs, grouped by up to three dimensions, of the customers you may see.

    It changes nothing. 404: a customer, product, section, feature, test or bug to filter by that is not there. 409: a
    question without sense, with what to ask instead.
    """
    _require(request)
    query = _query(body)
    with snapshot():
        _refuse_missing(query, request.access)
        found = metrics.answer(query, request.access)
        age, stale = age_of(products_of(query, request.access).filter(missing_since=None), ("tests", "bugs"))
        limits = limits_of_answer(query, request.access)
    freshness.request_refresh(*stale)
    return _shown(found, limits.notes) | age


def _require(request: Request) -> None:
    for permission in ("sync.view_test", "sync.view_bug"):
        require(request, permission)


#: In this order: see ``reports.asking``. The body calls them what ``Query.read`` does.
_PARTS = ("measures", "dimensions", "since", "until", "dated_by", "compare", "sort", "limit", "filters")


def _query(body: schemas.AnalyticsQuestion) -> Query:
    """Raises ``BadParameters``."""
    given = body.model_dump(exclude_none=True)
    return asking.asked(Query.read, (Given(name, name, given[name]) for name in _PARTS if name in given))


# What filters name by number ------------------------------------------------------------------------------------------


def _refuse_missing(query: Query, access: Access) -> None:
    """A number that names nothing is a mistake; to answer with zeros would hide it."""
    if missing := references.missing(query, access):
        raise Http404(f"There is no {missing[0]} {missing[1]} here. If it is new, sync its customer first.")


# The answer -----------------------------------------------------------------------------------------------------------


def _shown(found: metrics.Answer, limits: Iterable[str]) -> Document:
    days = found.query.range
    return {
        "rows": [_row(found.query, row) for row in found.rows],
        "groups": found.groups,
        "totals": found.totals,
        "previous_totals": found.previous_totals,
        "period": str(days),
        "since": days.first,
        "until": days.last,
        "notes": [*found.notes, *limits],
    }


def _row(query: Query, row: metrics.Row) -> Document:
    cells = [
        {
            "dimension": name,
            "key": cell.key,
            "label": cell.label,
            "first_day": cell.first,
            "last_day": cell.last,
        }
        for name, cell in zip(query.dimensions, row.cells, strict=True)
    ]
    return {"cells": cells, "values": row.values, "previous": row.previous}
