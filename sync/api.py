"""What is synced, for programs, under ``/api/v1``. Reads answer from our tables at once, however old they are; a
stale one asks for a refresh in the background."""

from collections.abc import Iterable

from django.db.models import QuerySet
from django.http import Http404
from ninja import Query, Router

from sync import customers, freshness, schemas
from sync.access import Request, require
from sync.models import Product

router = Router(tags=["Products"])


@router.get("/products", response=schemas.ProductPage)
def list_products(request: Request, query: Query[schemas.ProductQuery]) -> schemas.ProductPage:
    """Products by their number, each with how old its data is."""
    require(request, "sync.view_product")
    found = list(_products(query)[: query.limit + 1])
    page = _shown(found[: query.limit])
    return schemas.ProductPage(products=page, next_cursor=page[-1].id if len(found) > query.limit else None)


@router.get("/products/{product}", response={200: schemas.ProductSummary, 404: None})
def read_product(request: Request, product: schemas.ProductId) -> schemas.ProductSummary:
    """One product."""
    require(request, "sync.view_product")
    shown = _shown(Product.objects.select_related("customer").filter(pk=product))
    if not shown:
        raise Http404(f"There is no product {product} here. If it is new, sync its customer first.")
    return shown[0]


def _products(query: schemas.ProductQuery) -> "QuerySet[Product]":
    products = Product.objects.select_related("customer").order_by("pk")
    if query.product_id:
        products = products.filter(pk__in=query.product_id)
    if query.customer:
        products = products.filter(customer=customers.find(query.customer))
    if query.stale is not None:
        stale = Product.objects.stale()
        products = products.filter(pk__in=stale) if query.stale else products.exclude(pk__in=stale)
    return products.filter(pk__gt=query.cursor) if query.cursor else products


def _shown(products: Iterable[Product]) -> list[schemas.ProductSummary]:
    shown = [schemas.ProductSummary.of(product) for product in products]
    freshness.request_refresh(*(each.id for each in shown if each.stale))
    return shown
