"""What the parts of a run share: what was asked for, the tools, and the rules for writing a page."""

import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from math import ceil
from typing import Protocol

from django.conf import settings
from django.db import transaction

from sync.leases import Busy, Lease
from sync.models import Customer, Product, SyncEvent, SyncPhase
from sync.pipeline.statistics import Statistics
from sync.runs import Cancelled, Phase
from sync.store import People
from sync.testio.client import TestIOClient
from sync.testio.errors import TestIORefused

#: Pages stored at once. More would only take the processor from those who read answers: one thread at a time runs
#: Python, and when PostgreSQL takes its place on the processor, all others wait with it.
PAGES_AT_ONCE = 4


class SyncImpossible(Exception):
    """Nothing was begun; the sentence says what is in the way and what to do."""


class SyncBusy(Exception):
    """Everything in scope is being written by others; ``retry_after`` is in whole seconds."""

    def __init__(self, busy: list[Busy]) -> None:
        first = min(busy, key=lambda each: each.retry_after)
        super().__init__(str(first))
        self.busy = busy
        self.retry_after = first.retry_after


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What to sync and how. ``bugs``: "due" as freshness demands, "all" of every test, or "none"."""

    product_ids: frozenset[int] = frozenset()
    since: date | None = None
    mode: SyncEvent.Mode = SyncEvent.Mode.INCREMENTAL
    force: bool = False
    bugs: str = "due"
    trigger: SyncEvent.Trigger = SyncEvent.Trigger.COMMAND

    @property
    def reads_everything(self) -> bool:
        return self.force or self.mode in (SyncEvent.Mode.FULL, SyncEvent.Mode.NUKE)

    @property
    def only_new_tests(self) -> bool:
        return self.mode == SyncEvent.Mode.INCREMENTAL_ONLY

    @property
    def only_list(self) -> bool:
        return self.mode == SyncEvent.Mode.DISCOVERY

    @property
    def is_refresh(self) -> bool:
        """Whether a product is as fresh after this as after a background refresh."""
        return not self.only_new_tests and self.bugs != "none" and self.since is None


def scope_begin(customer: Customer, options: SyncOptions) -> datetime | None:
    """The oldest end wanted of a test, at the beginning of that day in UTC; None for all."""
    day = options.since or customer.sync_since
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None


class Progress(Protocol):
    """Told what happens while it happens; called from several threads."""

    def products_found(self, products: list[Product]) -> None: ...

    def moved(self, product: Product, phase: SyncPhase) -> None: ...

    def finished(self, product: Product, sentence: str) -> None: ...


class Silence:
    """No progress display."""

    def products_found(self, products: list[Product]) -> None: ...

    def moved(self, product: Product, phase: SyncPhase) -> None: ...

    def finished(self, product: Product, sentence: str) -> None: ...


@dataclass(slots=True)
class Context:
    """One run and its tools, shared by all its products; ``at_work`` are the ids of those being synced now."""

    event: SyncEvent
    customer: Customer
    options: SyncOptions
    client: TestIOClient
    people: People
    fetchers: Executor
    stop: threading.Event
    progress: Progress
    refused: TestIORefused | None = None
    at_work: set[int] = field(default_factory=set)
    storing: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(PAGES_AT_ONCE))
    statistics: Statistics = field(default_factory=Statistics)

    @property
    def ahead(self) -> int:
        """How many questions one product may have under way, or answered and not stored yet.

        For all products together enough to use every place TestIO grants us, and not much more: answers wait in memory.
        """
        limit = settings.TESTIO_MAX_CONCURRENT_REQUESTS
        return min(limit, ceil(2 * limit / max(len(self.at_work), 1)))

    @property
    def since(self) -> datetime | None:
        return scope_begin(self.customer, self.options)

    def check_stop(self) -> None:
        """Raises ``Cancelled`` between two pages when the run was asked to stop."""
        if self.stop.is_set():
            raise Cancelled("The run was asked to stop.")


@dataclass(slots=True)
class Work:
    """One product within a run, with the lease to write it."""

    context: Context
    product: Product
    lease: Lease
    catalogue_read: bool = False
    emptied_of: int = 0  # tests that were stored before the product was emptied to be read again
    stubs: dict[int, int | None] = field(default_factory=dict)

    def client(self, phase: Phase) -> TestIOClient:
        return self.context.client.metered(phase.meter)

    @contextmanager
    def page(self, phase: Phase) -> Iterator[None]:
        """One unit that is stored whole or not at all: rows, signals and progress, under the proven lease."""
        created = phase.row.created
        with self.context.storing, phase.kept_if_stored(), transaction.atomic():
            self.lease.prove()
            yield
            phase.save()
        self.context.statistics.stored(phase.row.created - created)
        self.context.progress.moved(self.product, phase.row)

    def say_stubs(self, phase: Phase) -> None:
        """One warning for all features that tests or bugs use and the catalogue, if it was read, does not have."""
        if self.stubs and self.catalogue_read:
            used = ", ".join(f"{feature} (test {test})" for feature, test in sorted(self.stubs.items()))
            phase.warn(
                f"{self.product}: its tests use features that its catalogue no longer has: {used}. They are kept, "
                "marked missing, so that tests and bugs keep their link; nothing needs to be done."
            )
        self.stubs.clear()

    def stamp(self, phase: Phase, **times: object) -> None:
        """Set freshness columns of the product."""
        with self.page(phase):
            Product.objects.filter(pk=self.product.pk).update(**times)
        for column, value in times.items():
            setattr(self.product, column, value)
