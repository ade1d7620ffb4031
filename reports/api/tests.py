"""One test, summed up: what it was about, what it asked for, and what its bugs say."""

from django.http import Http404
from ninja import Router

from reports import one_test
from reports.schemas.figures import BugFigures
from reports.schemas.tests import TestSummary
from sync import wording
from sync.access import Request, products, seen
from sync.api import params
from sync.api.conditional import Answer, documented, reads
from sync.api.listing import Document, Source, age_of
from sync.api.tests import TESTS
from sync.models import Bug, Test, TestPlatform

router = Router(tags=["Tests"])

_MORE: dict[str, Source] = {
    name: name for name in ("instructions", "out_of_scope", "enable_low", "enable_high", "enable_critical")
}
_OF_PLATFORMS = ("category", "operating_system", "min_version", "max_version", "browsers", "devices")


@router.get("/tests/{test}", response=documented(TestSummary, 404))
@reads("sync.view_test")
def read_test(request: Request, test: params.TestId) -> Answer:
    """One test with its requirements and features, and its bugs by severity, status and platform.

    Bugs and features TestIO no longer has are not counted. Rates are null without bugs to take a share of.
    """
    found = TESTS.documents(seen(Test.objects.filter(pk=test), request.access, "product__customer"), _MORE)
    if not found:
        raise Http404(f"There is no test {test} here. If it is new, sync its product first.")
    (shown,) = found
    age, stale = age_of(products(request.access).filter(pk=shown["product_id"]), ("tests", "bugs"))
    row = Test(pk=test)
    shown |= {
        "requirements": list(TestPlatform.objects.filter(test=row).order_by("position").values(*_OF_PLATFORMS)),
        "features": [
            {"id": each.pk, "feature_id": each.feature_id, "title": each.title, "bugs": bugs}
            for each, bugs in one_test.features(row)
        ],
        "bugs": _bugs(row),
        "recent_bugs": [_recent(bug) for bug in one_test.latest_bugs(row)],
    }
    return Answer(shown | age, stale)


def _bugs(test: Test) -> Document:
    summary = one_test.summary(test)
    shown = {wording.shown_bug_status(status): count for status, count in summary.by_status.items()}
    return BugFigures.of(summary.bugs).model_dump() | {
        "known": summary.known,
        "by_severity": dict(summary.by_severity),
        "by_status": shown,
        "by_platform": dict(summary.by_platform),
    }


def _recent(bug: Bug) -> Document:
    return {
        "id": bug.pk,
        "title": bug.title,
        "severity": bug.severity,
        "status": wording.shown_bug_status(bug.status),
        "known": bug.known,
        "reported_at": bug.reported_at,
    }
