"""Which products there are, and which of them this run is about."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from sync import leases, runs, store
from sync.models import Customer, Product, SyncPhase
from sync.pipeline.absent import ask_each
from sync.pipeline.context import Context, SyncImpossible, SyncOptions
from sync.pipeline.parsing import parsed
from sync.runs import Phase
from sync.testio.payloads import ProductRecord, parse_product


def check_scope(customer: Customer, options: SyncOptions) -> None:
    """Raises ``SyncImpossible`` when the options ask for products the customer's filter leaves out."""
    outside = sorted(pk for pk in options.product_ids if not customer.follows(pk))
    if outside:
        raise SyncImpossible(
            f"Product {', '.join(map(str, outside))} is outside the filter of customer {customer.name}, which allows "
            f"{', '.join(map(str, sorted(customer.product_ids)))}. Ask for one of these, or change the filter."
        )


def known_products(customer: Customer, options: SyncOptions) -> "QuerySet[Product]":
    """Stored products the run is about; those found missing are left out unless asked for by id."""
    products: QuerySet[Product] = Product.objects.filter(customer=customer)
    if options.product_ids:
        return products.filter(pk__in=options.product_ids)
    products = products.filter(missing_since=None)
    return products.filter(pk__in=customer.product_ids) if customer.product_ids else products


def find_products(context: Context) -> dict[int, ProductRecord]:
    """The product list, read and reduced to the run's scope; products new to us get their row.

    A stored product the list no longer shows is asked for at its own address, and only a 404 makes it missing.
    """
    with runs.phase(context.event, SyncPhase.Name.PRODUCTS) as recorded:
        wanted = context.options.product_ids or frozenset(context.customer.product_ids)
        payloads = context.client.metered(recorded.meter).products(wanted)
        records = {record.id: record for record in parsed(parse_product, payloads, recorded)}
        if wanted:
            records = {pk: record for pk, record in records.items() if pk in wanted}
        records |= _look_for_absent(context, recorded, records, wanted)
        saved = store.add_products(context.customer.pk, list(records.values()))
        for sentence in saved.refused:
            recorded.problem(sentence)
        recorded.count(seen=len(records), created=len(saved.created))
        owned = set(
            Product.objects.filter(pk__in=list(records), customer=context.customer).values_list("pk", flat=True)
        )
        return {pk: record for pk, record in records.items() if pk in owned}


def welcome_back(context: Context, listed: Collection[int]) -> None:
    """Products that had been missing and are listed again are present, and due: reading them is not our part here."""
    gone = Product.objects.filter(pk__in=listed, customer=context.customer).exclude(missing_since=None)
    held, _ = leases.acquire(list(gone.values_list("pk", flat=True)), context.event.pk)
    for lease in held:
        with transaction.atomic():
            lease.prove()
            Product.objects.filter(pk=lease.product_id).update(missing_since=None, next_sync_at=Now(), claimed_at=None)
        lease.release()


def _look_for_absent(
    context: Context, recorded: Phase, listed: Mapping[int, ProductRecord], wanted: Collection[int]
) -> dict[int, ProductRecord]:
    known = set(known_products(context.customer, context.options).values_list("pk", flat=True))
    found: list[dict[str, Any]] = []
    get = context.client.metered(recorded.meter).product
    for answers in ask_each(context, recorded, "Product", sorted((known | set(wanted)) - listed.keys()), get):
        found += answers.found
        recorded.count(missing=store.mark_missing(Product, answers.gone))
        for pk in answers.gone:
            if pk not in known:
                recorded.problem(
                    f"TestIO has no product {pk} for customer {context.customer.name}. "
                    "Check the number, or the token's rights."
                )
    if found:
        recorded.problem(
            f"{len(found)} products exist that the product list does not show; they are synced all the same."
        )
    return {record.id: record for record in parsed(parse_product, found, recorded)}
