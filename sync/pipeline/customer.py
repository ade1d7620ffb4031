"""What a sync of one customer needs, and what one would do."""

import threading
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

from sync import leases, runs, store
from sync.encryption import Undecipherable
from sync.leases import Busy, kept_alive
from sync.limiter import PostgresLimiter
from sync.models import Customer, Product, SyncEvent
from sync.pipeline import products
from sync.pipeline.collector import calm_collector
from sync.pipeline.context import (
    Context,
    Progress,
    Silence,
    SyncBusy,
    SyncImpossible,
    SyncOptions,
    scope_begin,
)
from sync.pipeline.course import Course
from sync.pipeline.stopping import OwnStop
from sync.pipeline.tests import needs_everything
from sync.pipeline.trouble import patiently
from sync.testio.client import TestIOClient
from sync.testio.errors import TestIOError


def sync_customer(
    customer: Customer,
    options: SyncOptions,
    *,
    event: SyncEvent | None = None,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
) -> SyncEvent:
    """Run one sync and return its event, ended: succeeded, partial, failed or cancelled.

    ``event``: where somebody has opened the run already. Setting ``stop`` cancels, and so does
    ``runs.request_cancel``: the page in hand is finished, leases are released. ``stop`` itself is never set here.
    Raises ``SyncImpossible`` when nothing can be begun and ``SyncBusy`` when everything in scope is being written by
    others; an event that was given is still running then.
    """
    token = check_possible(customer, options)
    stop = OwnStop(stop)
    limit = settings.TESTIO_MAX_CONCURRENT_REQUESTS
    with (
        calm_collector,
        PostgresLimiter(customer.pk, limit, stop=stop) as limiter,
        _client(customer, token, limiter, stop) as client,
        ThreadPoolExecutor(limit, thread_name_prefix="fetch") as fetchers,
    ):
        event = event or runs.begin(customer, trigger=options.trigger, mode=options.mode)
        with kept_alive(event.pk, stop):
            people = store.People(customer.pk)
            context = Context(event, customer, options, client, people, fetchers, stop, progress or Silence())
            Course(context).run()
    # By now those calls have ended too that were under way when nobody wanted their answers any more.
    event.api_calls = client.calls
    patiently(lambda: SyncEvent.objects.filter(pk=event.pk).update(api_calls=event.api_calls))
    return event


def check_possible(customer: Customer, options: SyncOptions) -> str:
    """The customer's token, where nothing is in the way of such a sync. Raises ``SyncImpossible`` and ``SyncBusy``."""
    products.check_scope(customer, options)
    token = _token(customer)
    if not options.only_list:
        _refuse_when_all_busy(customer, options)
    return token


def _client(customer: Customer, token: str, limiter: PostgresLimiter, stop: threading.Event) -> TestIOClient:
    try:
        return TestIOClient(
            customer.api_base_url,
            token,
            limiter=limiter,
            timeout=settings.TESTIO_HTTP_TIMEOUT,
            max_connections=settings.TESTIO_MAX_CONCURRENT_REQUESTS,
            stop=stop,
            private=settings.TESTIO_ALLOW_PRIVATE_ADDRESSES,
        )
    except TestIOError as error:  # an address or a token no call can be made with
        raise SyncImpossible(str(error)) from None


def plan_customer(customer: Customer, options: SyncOptions) -> list[tuple[Product, str]]:
    """What a sync with these options would do to each stored product. Asks TestIO nothing, writes nothing."""
    products.check_scope(customer, options)
    chosen = set(products.known_products(customer, options).values_list("pk", flat=True))
    held = {each.product_id: each for each in leases.busy(chosen)}
    return [
        (product, _action(customer, options, product, chosen, held))
        for product in Product.objects.filter(customer=customer)
    ]


def _action(customer: Customer, options: SyncOptions, product: Product, chosen: set[int], held: dict[int, Busy]) -> str:
    if product.pk in held:
        return f"busy: retry in {held[product.pk].retry_after} seconds"
    if not customer.follows(product.pk):
        return "left out by the customer's filter"
    if product.pk not in chosen:
        return "left out: missing from TestIO" if product.missing_since else "left out by this command"
    if options.mode == SyncEvent.Mode.NUKE:
        return "empty, then read everything"
    since = scope_begin(customer, options)
    return "read everything" if needs_everything(product, options, since) else "read what is new or unfinished"


def _token(customer: Customer) -> str:
    if not customer.is_active:
        raise SyncImpossible(f"Customer {customer.name} is switched off. Activate it before syncing.")
    if not customer.has_token:
        raise SyncImpossible(f"Customer {customer.name} has no API token. Set one with `manage.py customer add`.")
    try:
        return customer.read_token()
    except Undecipherable as error:
        raise SyncImpossible(str(error)) from None


def _refuse_when_all_busy(customer: Customer, options: SyncOptions) -> None:
    known = list(products.known_products(customer, options).values_list("pk", flat=True))
    busy = leases.busy(known)
    if busy and len(busy) == len(known):
        raise SyncBusy(busy)
