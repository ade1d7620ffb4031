"""One refresh cycle: everything that is due now, done once. The command, the watcher and the tests call this."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import DatabaseError, InterfaceError, connections

from sync import schedule
from sync.models import Customer, Product
from sync.pipeline.trouble import about_database
from sync.refresh.claims import claim_due_customers, claim_due_products, claim_due_sweeps
from sync.refresh.stale import Released, release_stale, stale
from sync.refresh.work import Kind, Outcome, refresh_customer, refresh_product
from sync.signals import cycle_ran

log = logging.getLogger(__name__)

#: Products refreshed at once in one process: each takes up to four of its database connections.
AT_ONCE = 4

_COUNTS = ("tests_new", "tests_updated", "bugs_new", "bugs_updated", "features", "gaps", "api_calls")


@dataclass(slots=True)
class Cycle:
    """What a cycle came to; with ``dry_run`` what it would have been about.

    ``due`` counts products, ``in_full`` those of them read from top to bottom, ``lists`` customers whose list of
    products was read; ``kinds`` how many of these ended how; ``counts`` adds up the runs' figures; ``others`` holds
    what receivers of ``cycle_ran`` did; ``notes`` a sentence for each thing that is not as it should be.
    """

    dry_run: bool = False
    released: Released = field(default_factory=Released)
    lists: int = 0
    due: int = 0
    in_full: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "dry_run": self.dry_run,
            "runs_interrupted": self.released.runs,
            "leases_freed": self.released.leases,
            "lists": self.lists,
            "due": self.due,
            "in_full": self.in_full,
            **{kind.value: self.kinds[kind] for kind in Kind},
            **{name: self.counts[name] for name in _COUNTS},
            **self.others,
            "errors": self.errors,
            "notes": self.notes,
            "seconds": round(self.seconds, 3),
        }

    def add(self, what: str, outcome: Outcome) -> None:
        self.kinds[outcome.kind] += 1
        if outcome.event:
            self.counts.update({name: getattr(outcome.event, name) for name in _COUNTS})
        if outcome.kind != Kind.REFRESHED:
            self.notes.append(f"{what}: {outcome}")

    def fail(self, sentence: str) -> None:
        self.errors += 1
        self.notes.append(sentence)


def cycle(*, stop: threading.Event | None = None, dry_run: bool = False) -> Cycle:
    """Take back what dead processes held, find new products, refresh what is due, and let others do theirs.

    When ``stop`` is set the pages in hand are finished, and what was claimed is due again at once. ``dry_run`` asks
    TestIO nothing and changes nothing. Raises errors of the database while claiming; those of one product are noted.
    """
    stop, began = stop or threading.Event(), time.monotonic()
    done = Cycle(dry_run=dry_run)
    if dry_run:
        _plan(done)
    else:
        done.released = release_stale()
        _refresh_lists(done, stop)
        _refresh_products(done, stop)
    if not stop.is_set():
        _let_others(done, stop)
    done.seconds = time.monotonic() - began
    return done


def _refresh_lists(done: Cycle, stop: threading.Event) -> None:
    claimed = claim_due_customers()
    done.lists = len(claimed)
    names = dict(Customer.objects.filter(pk__in=claimed).values_list("pk", "name"))
    _do_all(done, ((f"List of {names.get(pk, pk)}", partial(refresh_customer, pk, stop=stop)) for pk in claimed))


def _refresh_products(done: Cycle, stop: threading.Event) -> None:
    """A few at a time, so that another process finds something to do as well, and little to give back at a stop."""
    seen: set[int] = set()
    while not stop.is_set():
        in_full = claim_due_sweeps(2 * AT_ONCE)
        claimed = dict.fromkeys(in_full, True) | dict.fromkeys(claim_due_products(2 * AT_ONCE), False)
        # Due a second time within one cycle (busy for a second, say): that is for the next one.
        schedule.give_back(*(claimed.keys() & seen))
        new = {pk: full for pk, full in claimed.items() if pk not in seen}
        if not new:
            return
        seen |= new.keys()
        done.due += len(new)
        done.in_full += sum(new.values())
        names = {product.pk: str(product) for product in Product.objects.filter(pk__in=new).only("name")}
        _do_all(
            done,
            ((names.get(pk, str(pk)), partial(refresh_product, pk, full=full, stop=stop)) for pk, full in new.items()),
        )


def _do_all(done: Cycle, pieces: Iterable[tuple[str, Callable[[], Outcome]]]) -> None:
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="refresh") as workers:
        jobs = [(what, workers.submit(_with_connection, do)) for what, do in pieces]
    for what, job in jobs:
        try:
            done.add(what, job.result())
        except (DatabaseError, InterfaceError) as error:
            log.warning("%s could not be refreshed: %s", what, error)
            done.fail(f"{what}: {about_database(error)}")


def _with_connection(do: Callable[[], Outcome]) -> Outcome:
    try:
        return do()
    finally:
        connections.close_all()


def _let_others(done: Cycle, stop: threading.Event) -> None:
    customers = list(Customer.objects.refreshed())
    answers = cycle_ran.send_robust(sender=None, customers=customers, stop=stop, dry_run=done.dry_run)
    for receiver, answer in answers:
        if isinstance(answer, Exception):  # Django has logged it
            done.fail(f"{getattr(receiver, '__name__', receiver)} stopped on an error; the log has its details.")
        elif answer:
            done.others.update(answer)


def _plan(done: Cycle) -> None:
    done.released = stale()
    lists = Customer.objects.due()
    in_full = set(Product.objects.due_in_full().values_list("pk", flat=True))
    due = set(Product.objects.due().values_list("pk", flat=True))
    products = Product.objects.filter(pk__in=in_full | due)
    done.lists, done.in_full = lists.count(), len(in_full)
    for name in lists.values_list("name", flat=True):
        done.notes.append(f"List of {name}: would be read, to find new products")
    for product in products.order_by("next_sync_at", "pk").only("name"):
        done.due += 1
        everything = product.pk in in_full
        done.notes.append(f"{product}: would be {'read from top to bottom' if everything else 'refreshed'}")
