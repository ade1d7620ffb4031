"""A sync that somebody starts in a page or through the API: opened at once, worked on by a thread of this process.

It is an ordinary run from then on: it can be watched, cancelled and, should this process end, is marked interrupted
by the next one, which goes on where it stopped.
"""

import logging
import threading
from collections.abc import Collection
from datetime import date

from django.contrib.auth.models import User
from django.db import DatabaseError, InterfaceError, connections

from sync import runs
from sync.models import Customer, Product, SyncEvent
from sync.models.status import Status
from sync.pipeline import SyncBusy, SyncImpossible, SyncOptions, check_possible, sync_customer
from sync.pipeline.context import Silence
from sync.pipeline.trouble import patiently

log = logging.getLogger(__name__)

#: Seconds to see whether somebody else is just beginning the same: leases are taken first, in milliseconds.
LOOK = 0.5


def ordered(
    *,
    trigger: SyncEvent.Trigger,
    product_ids: Collection[int] = (),
    since: date | None = None,
    mode: str = SyncEvent.Mode.INCREMENTAL,
    force: bool = False,
    bugs: str = "due",
) -> SyncOptions:
    """What somebody orders, as options. Raises ``SyncImpossible`` for what contradicts itself."""
    if mode == SyncEvent.Mode.INCREMENTAL_ONLY and (force or bugs != "due"):
        raise SyncImpossible("incremental_only looks for new tests and nothing else: leave force and bugs as they are.")
    return SyncOptions(frozenset(product_ids), since, SyncEvent.Mode(mode), force, bugs, trigger)


def unknown_products(customer: Customer, product_ids: Collection[int]) -> list[int]:
    """Those neither synced nor chosen in the customer's settings; before a first sync nothing is known."""
    known = set(Product.objects.filter(customer=customer).values_list("pk", flat=True))
    return [pk for pk in product_ids if pk not in known | set(customer.product_ids)] if known else []


def start(customer: Customer, options: SyncOptions, *, by: User | None) -> SyncEvent:
    """Begin a sync and return its event, which is running. Not inside a transaction: the thread could not see it.

    Raises ``SyncImpossible`` when nothing can be begun and ``SyncBusy`` when everything in scope is being written.
    """
    check_possible(customer, options)
    started = _Started(customer, options, runs.begin(customer, trigger=options.trigger, mode=options.mode, by=by))
    threading.Thread(target=started.work, name=f"sync-{started.event}", daemon=True).start()
    started.known.wait(LOOK)
    if started.busy:
        started.event.delete()  # it was none: whoever asked is told so at once
        raise started.busy
    return started.event


class _Started(Silence):
    """The work, and what is known of it by now: as its own ``Progress`` it hears of the beginning."""

    def __init__(self, customer: Customer, options: SyncOptions, event: SyncEvent) -> None:
        self.event = event
        self.known = threading.Event()
        self.busy: SyncBusy | None = None
        self._customer = customer
        self._options = options

    def work(self) -> None:
        try:
            sync_customer(self._customer, self._options, event=self.event, progress=self)
        except (SyncBusy, SyncImpossible) as refusal:  # somebody was quicker, or changed the customer, since we looked
            self.busy = refusal if isinstance(refusal, SyncBusy) else None
            reason = str(refusal)
            patiently(lambda: runs.finish(self.event, Status.FAILED, reason))
        except (DatabaseError, InterfaceError):
            log.exception("Run %s lost the database; what it had stored stays.", self.event)
        finally:
            self.known.set()
            connections.close_all()

    def products_found(self, products: list[Product]) -> None:
        log.debug("Run %s has begun with %s products.", self.event, len(products))
        self.known.set()
