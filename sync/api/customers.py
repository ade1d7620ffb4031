"""Customers: whose data is kept, and how. Never their tokens."""

from typing import Literal

from django.db.models import Case, Count, Value, When
from django.http import Http404
from ninja import Field, Query, Router

from sync.access import Request
from sync.access import customers as visible
from sync.api import params
from sync.api.conditional import Answer, documented, reads
from sync.api.keyset import ID, Column
from sync.api.listing import Document, Listing
from sync.models import Product
from sync.schemas.customers import CustomerPage, CustomerRow

router = Router(tags=["Customers"])

Sort = Literal["id", "-id", "name", "-name"]


class CustomerQuery(params.ListQuery):
    is_active: bool | None = Field(None, description="Only customers that are, or are not, active.")
    search: params.Text | None = Field(None, description="Only customers with this in their name, in any case.")
    sort: Sort = Field("name", description="`-` means descending.")


def _counted(rows: list[Document]) -> None:
    present = Product.objects.filter(customer__in=[row["id"] for row in rows], missing_since=None).order_by()
    products = dict(present.values_list("customer").annotate(counted=Count("pk")))
    for row in rows:
        row["products"] = products.get(row["id"], 0)


CUSTOMERS = Listing(
    "customers",
    columns={
        "id": "id",
        "name": "name",
        "api_base_url": "api_base_url",
        "has_token": Case(When(encrypted_token=b"", then=Value(False)), default=Value(True)),
        "is_active": "is_active",
        "is_default": "is_default",
        "product_ids": "product_ids",
        "sync_since": "sync_since",
        "refresh_interval": "refresh_interval",
        "paused_at": "paused_at",
        "paused_reason": "paused_reason",
        "created_at": "created_at",
    },
    sorts={"id": ID, "name": Column("name", str)},
    finish=_counted,
)


@router.get("/customers", response=documented(CustomerPage))
@reads("sync.view_customer", versioned=False)
def list_customers(request: Request, query: Query[CustomerQuery]) -> Answer:
    """Customers by name."""
    rows = params.narrowed(visible(request.access), is_active=query.is_active, name__icontains=query.search)
    return CUSTOMERS.page(request, query, rows, query.sort)


@router.get("/customers/{customer}", response=documented(CustomerRow, 404))
@reads("sync.view_customer", versioned=False)
def read_customer(request: Request, customer: params.NamedCustomer) -> Answer:
    """One customer, by name."""
    found = CUSTOMERS.documents(visible(request.access).filter(name=customer))
    if not found:
        raise Http404(f'There is no customer "{customer}" here.')
    return Answer(found[0])
