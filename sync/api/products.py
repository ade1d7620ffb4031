"""Products, with what TestIO has of each, and their sections."""

from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.http import Http404
from django.utils import timezone
from ninja import Field, Query, Router

from sync import freshness
from sync.access import Request, products, seen
from sync.api import params
from sync.api.conditional import Answer, LastWrite, documented, reads
from sync.api.keyset import ID, Column
from sync.api.listing import Document, Listing, products_in_scope
from sync.models import Feature, Product, Section, SyncLease, Test
from sync.schemas.products import ProductCounts, ProductPage, ProductSummary, SectionPage

router = Router(tags=["Products"])

Sort = Literal[
    "id", "-id", "name", "-name", "product_type", "-product_type", "tests_synced_at", "-tests_synced_at"
]  # fmt: skip
SectionSort = Literal["id", "-id", "name", "-name"]


class ProductQuery(params.OfProducts, params.Missing, params.ListQuery):
    search: params.Text | None = Field(None, description="Only products with this in their name, in any case.")
    product_type: params.Texts = Field([], description="Only these types, as TestIO calls them.")
    stale: bool | None = Field(None, description="Only products whose data is, or is not, older than allowed.")
    sort: Sort = Field("id", description="`-` means descending.")


class SectionQuery(params.Missing, params.ListQuery):
    search: params.Text | None = Field(None, description="Only sections with this in their name, in any case.")
    sort: SectionSort = Field("name", description="`-` means descending.")


def _shown(rows: list[Document]) -> None:
    """Each with its counts and its age."""
    counted = counts([row["id"] for row in rows])
    now = timezone.now()
    for row in rows:
        row |= counted[row["id"]]
        age = freshness.oldest((row[f"{part}_synced_at"] for part in freshness.PARTS), now=now)
        row |= {"data_as_of": age.data_as_of, "stale": age.stale}


PRODUCTS = Listing(
    "products",
    columns={
        "id": "id",
        "name": "name",
        "customer": "customer__name",
        "product_type": "product_type",
        "description": "description",
        "is_sectioned": "is_sectioned",
        "missing_since": "missing_since",
        "features_synced_at": "features_synced_at",
        "tests_synced_at": "tests_synced_at",
        "bugs_synced_at": "bugs_synced_at",
        "next_sync_at": "next_sync_at",
    },
    sorts={
        "id": ID,
        "name": Column("name", str),
        "product_type": Column("product_type", str),
        "tests_synced_at": Column("tests_synced_at", datetime, nullable=True),
    },
    parts=freshness.PARTS,
    finish=_shown,
    product="id",
)


def _counted(rows: list[Document]) -> None:
    sections = Section.objects.filter(pk__in=[row["id"] for row in rows])
    features = _by(sections.filter(features__missing_since=None), "pk", Count("features"))
    tests = _by(sections.filter(tests__missing_since=None), "pk", Count("tests"))
    for row in rows:
        row |= {"features": features.get(row["id"], 0), "tests": tests.get(row["id"], 0)}


SECTIONS = Listing(
    "sections",
    columns={
        "id": "id",
        "name": "name",
        "product_id": "product_id",
        "product": "product__name",
        "customer": "product__customer__name",
        "missing_since": "missing_since",
    },
    sorts={"id": ID, "name": Column("name", str)},
    parts=("features",),
    finish=_counted,
)


@router.get("/products", response=documented(ProductPage))
@reads("sync.view_product")
def list_products(request: Request, query: Query[ProductQuery]) -> Answer:
    """Products by their number, each with its counts and how old its data is."""
    rows = products_in_scope(request.access, query.customer, query.product_id)
    rows = params.narrowed(
        params.missing(rows, query.missing), name__icontains=query.search, product_type__in=query.product_type
    )
    if query.stale is not None:
        stale = freshness.when_stale((), timezone.now())
        rows = rows.filter(stale if query.stale else ~stale)
    return PRODUCTS.page(request, query, rows, query.sort, products=rows)


@router.get("/products/{product}", response=documented(ProductSummary, 404))
@reads("sync.view_product")
def read_product(request: Request, product: params.ProductId) -> Answer:
    """One product, with its counts and how old its data is."""
    rows = visible_product(request, product)
    (shown,) = PRODUCTS.documents(rows)
    return Answer(shown, (product,) if shown["stale"] else ())


@router.get("/products/{product}/sections", response=documented(SectionPage, 404))
@reads("sync.view_section")
def list_sections(request: Request, product: params.ProductId, query: Query[SectionQuery]) -> Answer:
    """The sections of a product, by name."""
    scope = visible_product(request, product)
    rows = seen(Section.objects.filter(product_id=product), request.access, "product__customer")
    rows = params.narrowed(params.missing(rows, query.missing), name__icontains=query.search)
    return SECTIONS.page(request, query, rows, query.sort, products=scope)


def visible_product(request: Request, product: int) -> "QuerySet[Product]":
    """The product of that number. Raises ``Http404`` where there is none, or none the caller may see."""
    found = products(request.access).filter(pk=product)
    if not found.exists():
        raise Http404(f"There is no product {product} here. If it is new, sync its customer first.")
    return found


def counts(product_ids: list[int]) -> dict[int, Document]:
    """``ProductCounts`` of each of these products; counted again only where something was written since."""
    states = _states(product_ids)
    changed = [pk for pk in product_ids if pk not in states or _KNOWN.get(pk, _NEVER)[0] != states[pk]]
    found = _count(changed) if changed else {}
    _KNOWN.update({pk: (states[pk], figures) for pk, figures in found.items() if pk in states})
    return {pk: found[pk] if pk in found else _KNOWN[pk][1] for pk in product_ids}


#: What was counted last, and of which state: its tests and features are only written under its lease, which the
#: statement that proves it marks. By this process, for as long as it lives; some hundred bytes a product.
_KNOWN: dict[int, tuple[object, Document]] = {}
_NEVER: tuple[object, Document] = (None, {})


def _states(product_ids: list[int]) -> dict[int, object]:
    """What a product's counts depend on: the last write of its lease, and the day."""
    leases = SyncLease.objects.filter(pk__in=product_ids).order_by()
    day = timezone.now().date()
    return {pk: (*rest, day) for pk, *rest in leases.values_list("pk", "writes", LastWrite("writes"))}


def _count(product_ids: list[int]) -> dict[int, Document]:
    """In one statement that reads little but indexes."""
    tomorrow = params.midnight(timezone.now().date()) + timedelta(days=1)
    every = Test.objects.filter(product=OuterRef("pk")).order_by()
    present = every.filter(missing_since=None)
    last = present.filter(end_at__lt=tomorrow).order_by("-end_at").values("end_at")[:1]
    features = Feature.objects.filter(product=OuterRef("pk"), missing_since=None).order_by()
    found = Product.objects.filter(pk__in=product_ids).order_by()
    counted = found.values_list(
        "pk",
        # Two counts along indexes instead of one that must look at every row for whether TestIO still has it.
        _number_of(every) - _number_of(every.exclude(missing_since=None)),
        _number_of(features),
        _number_of(present.filter(end_at__gte=tomorrow - timedelta(days=31), end_at__lt=tomorrow)),
        _number_of(present.filter(end_at__gte=tomorrow - timedelta(days=91), end_at__lt=tomorrow)),
        Subquery(last),
    )
    return {pk: dict(zip(ProductCounts.model_fields, values, strict=True)) for pk, *values in counted}


def _number_of(rows: "QuerySet[Any]") -> Combinable:
    counted = rows.values("product").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)


def _by(rows: "QuerySet[Any]", key: str, counted: Count) -> dict[int, int]:
    return dict(rows.order_by().values_list(key).annotate(counted=counted))
