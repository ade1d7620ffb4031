"""People: testers and customer users, with what each has done."""

from typing import Any, Literal

from django.db.models import Count, QuerySet
from ninja import Field, Query, Router

from sync.access import Request, seen
from sync.api import params
from sync.api.conditional import Answer, documented, reads
from sync.api.keyset import ID, Column
from sync.api.listing import Document, Listing, products_in_scope
from sync.models import Bug, Person, Test
from sync.schemas.people import PersonPage

router = Router(tags=["People"])

Sort = Literal["id", "-id", "username", "-username"]


class PersonQuery(params.OfCustomer, params.ListQuery):
    person_id: params.Ids = Field([], description="Only these people, by our number.")
    kind: params.PersonKinds = Field([], description="Only testers, or only customer users.")
    username: params.Texts = Field([], description="Only people with exactly these names.")
    search: params.Text | None = Field(None, description="Only people with this in their name, in any case.")
    sort: Sort = Field("username", description="`-` means descending.")


def _counted(rows: list[Document]) -> None:
    people = [row["id"] for row in rows]
    counts = {
        "bugs_reported": _per_person(Bug.objects.all(), "author_id", people),
        "tests_created": _per_person(Test.objects.all(), "created_by_id", people),
        "tests_submitted": _per_person(Test.objects.all(), "submitted_by_id", people),
    }
    for row in rows:
        row |= {name: counted.get(row["id"], 0) for name, counted in counts.items()}


def _per_person(rows: "QuerySet[Any]", who: str, people: list[int]) -> dict[int, int]:
    present = rows.filter(**{f"{who}__in": people}, missing_since=None).order_by()
    return dict(present.values_list(who).annotate(counted=Count("pk")))


PEOPLE = Listing(
    "people",
    columns={
        "id": "id",
        "username": "username",
        "kind": "kind",
        "customer": "customer__name",
        "first_seen_at": "first_seen_at",
    },
    sorts={"id": ID, "username": Column("username", str)},
    parts=("tests", "bugs"),
    finish=_counted,
)


@router.get("/people", response=documented(PersonPage))
@reads("sync.view_person")
def list_people(request: Request, query: Query[PersonQuery]) -> Answer:
    """People by name. A name in both roles, or at two customers, is a person each time."""
    rows = params.narrowed(
        seen(Person.objects.all(), request.access, "customer"),
        pk__in=query.person_id,
        kind__in=query.kind,
        username__in=query.username,
        username__icontains=query.search,
        customer_id=params.customer_id(request.access, query.customer),
    )
    scope = products_in_scope(request.access, query.customer, [])
    return PEOPLE.page(request, query, rows, query.sort, products=scope)
