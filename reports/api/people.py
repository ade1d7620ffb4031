"""One person, with what they did and what became of it."""

from collections import Counter
from datetime import datetime

from django.db.models import Count, Max, Min
from django.http import Http404
from ninja import Router

from reports import figures
from reports.figures import BugCounts
from reports.schemas.figures import BugFigures
from reports.schemas.people import PersonSummary
from sync.access import Request, products, seen
from sync.api import params
from sync.api.conditional import Answer, documented, reads
from sync.api.listing import age_of
from sync.api.people import PEOPLE
from sync.models import Bug, Person, Test

router = Router(tags=["People"])


@router.get("/people/{person}", response=documented(PersonSummary, 404))
@reads("sync.view_person")
def read_person(request: Request, person: params.PersonId) -> Answer:
    """One person, by our number. Records TestIO no longer has are not counted."""
    found = PEOPLE.documents(seen(Person.objects.filter(pk=person), request.access, "customer"))
    if not found:
        raise Http404(f"There is no person {person} here.")
    (shown,) = found
    first, last = _activity(person)
    age, stale = age_of(products(request.access).filter(customer__name=shown["customer"]), PEOPLE.parts)
    shown |= _bugs(person) | {"first_activity_at": first, "last_activity_at": last}
    return Answer(shown | age, stale)


def _bugs(person: int) -> dict[str, object]:
    severities: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    reported = Bug.objects.filter(author_id=person, missing_since=None).order_by()
    for severity, status, count in reported.values_list("severity", "status").annotate(Count("pk")):
        severities[severity] += count
        statuses[status] += count
    return {
        "bugs": BugFigures.of(BugCounts.from_groups(statuses)).model_dump(),
        "by_severity": figures.by_severity(severities),
    }


def _activity(person: int) -> tuple[datetime | None, datetime | None]:
    """Of a tester by bugs, of a customer user by the tests they set up or handed in."""
    tests = Test.objects.filter(missing_since=None).order_by()
    times = [
        Bug.objects.filter(author_id=person, missing_since=None)
        .order_by()
        .aggregate(first=Min("reported_at"), last=Max("reported_at")),
        tests.filter(created_by_id=person).aggregate(first=Min("start_at"), last=Max("start_at")),
        tests.filter(submitted_by_id=person).aggregate(first=Min("start_at"), last=Max("start_at")),
    ]
    return (
        min((each["first"] for each in times if each["first"]), default=None),
        max((each["last"] for each in times if each["last"]), default=None),
    )
