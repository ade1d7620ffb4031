"""One way to answer with a list: a page of rows in a chosen order, how to go on, and how old it all is."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import models
from django.db.models.expressions import Combinable
from django.utils import timezone

from sync import access, freshness
from sync.access import Access, NotHere, Request
from sync.api import keyset
from sync.api.conditional import Answer
from sync.api.params import ListQuery, customer_id, narrowed
from sync.models import Product

Document = dict[str, Any]
Source = str | Combinable
Model = TypeVar("Model", bound=models.Model)

#: They say which page is asked for or what comes with it, not which rows the list has.
_OF_THE_PAGE = frozenset({"cursor", "limit", "count"})


def _as_they_are(_: list[Document]) -> None:
    """Nothing is to be done to rows that are shown as they are stored."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list shows and how it can be sorted.

    ``columns``: the names of a row's fields and where each comes from; ``sorts``: what ``sort`` may name, with ``-``
    before it for descending; ``parts``: the parts of a product (see ``freshness``) that must be fresh;
    ``finish`` makes the rows of a page what people see, in place; ``product``: the field with a row's product;
    ``tie``: what decides between equal values.
    """

    name: str
    columns: Mapping[str, Source]
    sorts: Mapping[str, keyset.Column]
    parts: tuple[str, ...] = ()
    finish: Callable[[list[Document]], None] = _as_they_are
    product: str = "product_id"
    tie: keyset.Column = keyset.ID

    def page(
        self,
        request: Request,
        query: ListQuery,
        rows: "models.QuerySet[Model]",
        sort: str,
        *,
        products: "models.QuerySet[Product] | None" = None,
        more: Mapping[str, Source] | None = None,
    ) -> Answer:
        """The page that was asked for. ``products``: where its rows may come from, all of them visible to the caller
        (None: it shows nothing that ages); ``more``: columns for this request alone."""
        columns = {**self.columns, **(more or {})}
        order = self._order(sort)
        after = _place(request, query, order)
        found = keyset.page(rows, tuple(columns.values()), order, after=after, limit=query.limit)
        shown = [dict(zip(columns, row, strict=True)) for row in found.rows]
        self.finish(shown)
        age, stale = ({}, ()) if products is None else self._age(shown, products)
        document = {
            self.name: shown,
            "next_cursor": keyset.write_cursor(found.end, order, belongs_to(request)) if found.end else None,
            "count": rows.count() if query.count else None,
            **age,
        }
        return Answer(document, stale)

    def documents(self, rows: "models.QuerySet[Model]", more: Mapping[str, Source] | None = None) -> list[Document]:
        """The rows as the list shows them, for a detail to begin with."""
        columns = {**self.columns, **(more or {})}
        shown = [dict(zip(columns, row, strict=True)) for row in rows.values_list(*columns.values())]
        self.finish(shown)
        return shown

    def _order(self, sort: str) -> keyset.Order:
        return keyset.Order(self.sorts[sort.removeprefix("-")], descending=sort.startswith("-"), tie=self.tie)

    def _age(self, shown: list[Document], products: "models.QuerySet[Product]") -> tuple[Document, tuple[int, ...]]:
        """As old as the oldest product shown; an empty page as old as the products it could have shown."""
        ids = {row[self.product] for row in shown if row.get(self.product)}
        return age_of(Product.objects.filter(pk__in=ids) if ids else products, self.parts)


def age_of(products: "models.QuerySet[Product]", parts: Iterable[str]) -> tuple[Document, tuple[int, ...]]:
    """``data_as_of`` and ``stale`` of data from these products, and the numbers of those that are stale."""
    now = timezone.now()
    times = products.order_by().values_list("pk", *(f"{part}_synced_at" for part in parts))
    ages = {pk: freshness.oldest(moments, now=now) for pk, *moments in times}
    oldest = freshness.oldest((age.data_as_of for age in ages.values()), now=now)
    stale = tuple(pk for pk, age in ages.items() if age.stale)
    return {"data_as_of": oldest.data_as_of, "stale": oldest.stale}, stale


def products_in_scope(caller: Access, customer: str | None, product_ids: list[int]) -> "models.QuerySet[Product]":
    """The products a list is about: visible to the caller, of the customer and the numbers asked for.

    Raises ``NotHere`` for a number that is none of theirs: a list without it would look complete.
    """
    scope = narrowed(access.products(caller).order_by(), customer_id=customer_id(caller, customer), pk__in=product_ids)
    if product_ids:
        _refuse_unknown(product_ids, set(scope.values_list("pk", flat=True)), customer)
    return scope


def _refuse_unknown(product_ids: list[int], known: set[int], customer: str | None) -> None:
    of_whom = f" of customer {customer}" if customer else ""
    places = {
        f"product_id.{place}": f"There is no product {pk}{of_whom} that you may see. GET /api/v1/products lists them."
        for place, pk in enumerate(product_ids)
        if pk not in known
    }
    if places:
        raise NotHere(places)


def _place(request: Request, query: ListQuery, order: keyset.Order) -> keyset.Place | None:
    if query.cursor is None:
        return None
    try:
        return keyset.read_cursor(query.cursor, order, belongs_to(request))
    except keyset.BadCursor as error:
        raise NotHere({"cursor": str(error)}) from None


def belongs_to(request: Request) -> str:
    """The list and everything asked of it, short. By the words of the address: "last week" is the same tomorrow."""
    asked = sorted((name, values) for name, values in request.GET.lists() if name not in _OF_THE_PAGE)
    return hashlib.blake2b(repr((request.path, asked)).encode(), digest_size=6).hexdigest()
