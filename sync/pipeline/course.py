"""The course of one run: which products, in parallel, each under its lease, and what became of it all."""

import logging
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor

from django.db import DatabaseError, InterfaceError, connections, transaction

from sync import leases, runs, store
from sync.disk import has_no_room
from sync.leases import Busy, Lease, LeaseLost
from sync.models import Product, SyncEvent, Test
from sync.models.run import Status
from sync.pipeline import products
from sync.pipeline.bugs import sync_bugs
from sync.pipeline.context import Context, SyncBusy, Work
from sync.pipeline.ending import settle, settle_customer
from sync.pipeline.features import sync_features
from sync.pipeline.results import sync_results
from sync.pipeline.tests import needs_everything, sync_tests
from sync.pipeline.trouble import about_database, is_away, patiently
from sync.runs import Cancelled
from sync.testio.errors import TestIOCancelled, TestIOError, TestIORefused, TestIOUnavailable
from sync.testio.payloads import ProductRecord

log = logging.getLogger(__name__)

#: Products worked on at once. More would not be faster: TestIO's limit is shared, and storing is bound by the CPU.
PRODUCTS_AT_ONCE = 8


class Course:
    """The course of one run; every path ends with the event ended and the leases released."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.event = context.event
        self._records: dict[int, ProductRecord] = {}
        self._held: dict[int, Lease] = {}
        self._failures: list[str] = []
        self._listed = False
        self._no_room = ""

    def run(self) -> None:
        # Until something better is known: an exception nobody named must not leave the run "running".
        status, error = Status.FAILED, runs.UNEXPECTED
        try:
            status, error = self._outcome()
        except SyncBusy as busy:
            error = str(busy)
            raise
        except (DatabaseError, InterfaceError) as failure:
            status = Status.INTERRUPTED if is_away(failure) else Status.FAILED
            error = self._no_room or about_database(failure)
            raise
        finally:
            patiently(lambda: self._end(status, error))

    def _end(self, status: Status, error: str) -> None:
        for lease in self._held.values():  # those nobody came to work on
            settle(self.context, lease, status, error, full=self.context.options.reads_everything)
        settle_customer(self.context, status, listed=self._listed)
        SyncEvent.objects.filter(pk=self.event.pk).update(products=len(self._records))
        runs.finish(self.event, status, error)
        self._release(list(self._held))

    def _outcome(self) -> tuple[Status, str]:
        try:
            self._sync_products()
            self.context.check_stop()
        except TestIORefused as error:
            self.context.refused = error
        except TestIOError as error:
            if not isinstance(error, TestIOCancelled):
                return Status.FAILED, str(error)
        except Cancelled:
            pass
        else:
            return self._judge()
        if self.context.refused:
            return Status.FAILED, str(self.context.refused)
        if self._no_room:
            return Status.FAILED, self._no_room
        return Status.CANCELLED, runs.end_of_cancelled(self.event)

    def _judge(self) -> tuple[Status, str]:
        if self.context.options.only_list:
            return runs.outcome(self.event), ""
        if not self._records:
            return Status.FAILED, "TestIO shows no product that this sync is about."
        if len(self._failures) >= len(self._records):
            return Status.FAILED, "\n".join(self._failures)
        return (Status.PARTIAL if self._failures else runs.outcome(self.event)), "\n".join(self._failures)

    def _sync_products(self) -> None:
        if self.context.options.only_list:
            self._find_products()
            return products.welcome_back(self.context, self._records)
        known = products.known_products(self.context.customer, self.context.options)
        busy = self._acquire(known.values_list("pk", flat=True))
        if busy and not self._held:
            raise SyncBusy(busy)
        self._find_products()
        busy += self._acquire(self._records.keys() - self._held.keys() - {each.product_id for each in busy})
        if busy and not self._held:  # another first sync found the same products and was quicker
            raise SyncBusy(busy)
        self._release(self._held.keys() - self._records.keys())
        self.context.progress.products_found(list(Product.objects.filter(pk__in=self._records.keys())))
        self._work_on_held()
        # What others were writing at the beginning may be free by now; if not, it is theirs and said so.
        still_busy = self._acquire(each.product_id for each in busy if each.product_id in self._records)
        self._work_on_held()
        self._failures += [str(each) for each in still_busy]
        return None

    def _find_products(self) -> None:
        self._records = products.find_products(self.context)
        self._listed = True

    def _acquire(self, product_ids: Iterable[int]) -> list[Busy]:
        held, busy = leases.acquire(set(product_ids), self.event.pk)
        self._held.update((lease.product_id, lease) for lease in held)
        return busy

    def _release(self, product_ids: Collection[int]) -> None:
        for product_id in list(product_ids):
            self._held[product_id].release()
            del self._held[product_id]

    def _work_on_held(self) -> None:
        with ThreadPoolExecutor(PRODUCTS_AT_ONCE, thread_name_prefix="product") as workers:
            jobs = [workers.submit(self._sync_product, lease) for lease in self._held.values()]
        self._held.clear()
        for job in jobs:
            job.result()

    def _sync_product(self, lease: Lease) -> None:
        self.context.at_work.add(lease.product_id)
        status, sentence, full = Status.FAILED, runs.UNEXPECTED, False
        try:
            work = Work(self.context, Product.objects.get(pk=lease.product_id), lease)
            full = needs_everything(work.product, self.context.options, self.context.since)
            status, sentence = self._outcome_of(work)
            self.context.progress.finished(work.product, sentence or "done")
        finally:
            self.context.at_work.discard(lease.product_id)
            connections.close_all()  # this thread's may be dead; what follows gets one that was just checked
            try:
                patiently(lambda: self._settle_and_release(lease, status, sentence, full=full))
            finally:
                connections.close_all()

    def _settle_and_release(self, lease: Lease, status: Status, error: str, *, full: bool) -> None:
        # Together, so that a repetition after a lost connection finds the lease held and settles all the same.
        with transaction.atomic():
            settle(self.context, lease, status, error, full=full)
            lease.release()

    def _outcome_of(self, work: Work) -> tuple[Status, str]:
        """How the product ended, and why it did not end well."""
        try:
            self._phases(work)
        except TestIORefused as error:
            self.context.refused = error
            self.context.stop.set()
            return Status.FAILED, str(error)
        except (Cancelled, TestIOCancelled) as error:
            return Status.CANCELLED, str(error)
        except (TestIOError, LeaseLost) as error:
            return Status.FAILED, self._failed(work, str(error))
        except (DatabaseError, InterfaceError) as error:
            if has_no_room(error):  # for nobody: a server that can no longer write at all would go down
                self._no_room = about_database(error)
                self.context.stop.set()
            # A database that was away says nothing about the product: it is due again at once.
            ended = Status.INTERRUPTED if is_away(error) else Status.FAILED
            return ended, self._failed(work, about_database(error))
        return runs.outcome_of_product(self.event, work.product)

    def _failed(self, work: Work, sentence: str) -> str:
        log.warning("%s was not synced to the end: %s", work.product, sentence)
        self._failures.append(f"{work.product}: {sentence}")
        return sentence

    def _phases(self, work: Work) -> None:
        options = self.context.options
        self.context.check_stop()
        if options.mode == SyncEvent.Mode.NUKE:
            with transaction.atomic():
                work.lease.prove()
                work.emptied_of = Test.objects.filter(product=work.product, missing_since=None).count()
                store.empty_product(work.product.pk)
            work.product.refresh_from_db()
        if options.only_new_tests:
            return sync_tests(work)
        record = self._records.get(work.product.pk)
        self._tolerantly(lambda: sync_features(work, record))
        self._tolerantly(lambda: sync_tests(work))
        if options.bugs == "none":
            return self._tolerantly(lambda: sync_results(work))
        # Side by side: results are many small answers to wait for, bugs few large ones to work on. Both write under
        # the product's lease, one page after the other.
        with ThreadPoolExecutor(1, thread_name_prefix="results") as beside:
            results = beside.submit(self._results, work)
            self._tolerantly(lambda: sync_bugs(work))
        return results.result()

    def _results(self, work: Work) -> None:
        try:
            self._tolerantly(lambda: sync_results(work))
        finally:
            connections.close_all()

    def _tolerantly(self, phase: Callable[[], None]) -> None:
        """A phase that failed on what TestIO holds does not keep the next from running; its row says it failed.

        An API that does not answer, or not to us, ends the product: the next phase would only wait in vain.
        """
        try:
            phase()
        except (TestIOUnavailable, TestIORefused, TestIOCancelled):
            raise
        except TestIOError as error:
            log.warning("Going on with the next phase after: %s", error)
