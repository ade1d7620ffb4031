"""The bugs of one product, asked for in batches of tests."""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from sync import store
from sync.models import Bug, Person, SyncPhase, Test, TestFreshness
from sync.models.test import FINAL_STATUSES
from sync.pipeline.absent import ask_each, within_limit
from sync.pipeline.context import Work
from sync.pipeline.hidden import sync_hidden_bugs
from sync.pipeline.parsing import sorted_out
from sync.runs import Phase, phase
from sync.testio.endpoints import CONFIRM
from sync.testio.errors import TestIOTooLarge, TestIOUnreadable
from sync.testio.payloads import BugRecord, parse_bug

#: The bugs of a batch, and sentences about those that cannot be stored.
Answer = tuple[list[BugRecord], list[str]]

FIRST_BATCH = 30
LARGEST_BATCH = 60


def sync_bugs(work: Work) -> None:
    """Read the bugs of every test that is due, and find out which stored bugs are gone."""
    with phase(work.context.event, SyncPhase.Name.BUGS, work.product) as recorded:
        began = timezone.now()
        test_ids = list(due_tests(work).order_by("-pk").values_list("pk", flat=True))
        absent: list[int] = []
        read = 0
        for batch, bugs in Batches(work, recorded, test_ids):
            absent += _store(work, recorded, batch, bugs)
            read += len(batch)
        if not read and len(test_ids) > 1:  # of a single test it is that test's gap
            raise TestIOUnreadable(
                f"TestIO answers 500 for the bugs of all {len(test_ids)} tests that were asked for. Nothing is lost; "
                "the next sync tries again."
            )
        _ask_for(work, recorded, absent)
        sync_hidden_bugs(work, recorded)
        work.say_stubs(recorded)
        work.stamp(recorded, bugs_synced_at=began)


def due_tests(work: Work) -> "QuerySet[TestFreshness]":
    """Tests whose bugs are to be read: never read or changed since; unfinished and read longer ago than the
    cache TTL; final but not read since they are."""
    freshness = TestFreshness.objects.filter(test__product=work.product, test__missing_since=None)
    if work.context.options.bugs == "all" or work.context.options.force:
        return freshness
    outdated = timezone.now() - timedelta(seconds=settings.TESTIO_CACHE_TTL_SECONDS)
    final = Q(test__status__in=FINAL_STATUSES)
    return freshness.filter(Q(bugs_synced_at=None) | Q(bugs_settled=False) & (final | Q(bugs_synced_at__lt=outdated)))


class Batches:
    """Answers for batches of test ids, several fetched at once.

    A batch TestIO finds too large is halved, and so are the following ones until answers come again. A batch
    with an unreadable bug is halved down to the one test that has it, which is named in a problem.
    """

    def __init__(self, work: Work, recorded: Phase, test_ids: Sequence[int]) -> None:
        self._work = work
        self._recorded = recorded
        self._client = work.client(recorded)
        self._waiting = deque(test_ids)
        self._halves: deque[Sequence[int]] = deque()
        self._asked: deque[tuple[Sequence[int], Future[Answer]]] = deque()
        self._size = FIRST_BATCH

    def __iter__(self) -> Iterator[tuple[Sequence[int], list[BugRecord]]]:
        try:
            while self._ask_ahead():
                batch, future = self._asked.popleft()
                self._work.context.check_stop()
                try:
                    bugs, refusals = future.result()
                except TestIOTooLarge as error:
                    self._size = max(1, len(batch) // 2)
                    self._halve(batch, str(error))
                except TestIOUnreadable:
                    self._halve(batch, "TestIO answers 500 for them.")
                else:
                    self._size = min(LARGEST_BATCH, self._size + max(1, self._size // 8))
                    for sentence in refusals:
                        self._recorded.problem(sentence)
                    yield batch, bugs
        finally:
            for _, future in self._asked:
                future.cancel()

    def _ask_ahead(self) -> bool:
        """Keep as many questions under way as the limit allows; False when everything was answered."""
        while len(self._asked) < self._work.context.ahead and (batch := self._next_batch()):
            # A batch that fails is asked again in halves anyway; only of a single test a 500 must be believed.
            confirm = CONFIRM if len(batch) == 1 else 1
            self._asked.append((batch, self._work.context.fetchers.submit(self._read, batch, confirm=confirm)))
        return bool(self._asked)

    def _read(self, batch: Sequence[int], *, confirm: int) -> Answer:
        # Parsed by the thread that asked: that goes on while PostgreSQL works on the answer before, and an answer
        # that waits to be stored takes a third of the memory of its payloads.
        product_id = self._work.product.pk
        payloads = self._client.bugs(batch, confirm=confirm)
        return sorted_out(lambda payload: parse_bug(payload, product_id), payloads)

    def _next_batch(self) -> Sequence[int]:
        if self._halves:
            return self._halves.popleft()
        return [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]

    def _halve(self, batch: Sequence[int], reason: str) -> None:
        if len(batch) == 1:
            self._recorded.problem(f"The bugs of test {batch[0]} cannot be read: {reason} The next sync tries again.")
            self._recorded.count(gaps=1)
            return
        middle = len(batch) // 2
        self._halves.extend((batch[:middle], batch[middle:]))


def _store(work: Work, recorded: Phase, batch: Sequence[int], records: list[BugRecord]) -> list[int]:
    """Store one answer whole; returns stored bugs of these tests that it no longer holds."""
    context, product_id = work.context, work.product.pk
    now = timezone.now()
    context.people.learn(Person.Kind.TESTER, (record.author for record in records))
    with work.page(recorded):
        saved = store.storable(
            lambda part: store.save_bugs(
                context.customer.pk,
                product_id,
                batch,
                part,
                people=context.people,
                now=now,
                force=context.options.force,
            ),
            records,
        )
        for sentence in saved.refused:
            recorded.problem(sentence)
        recorded.count(seen=len(records), created=len(saved.created), updated=len(saved.updated))
        _mark_read(batch)
        work.stubs |= saved.stubs
        return _absent(batch, {record.id for record in records})


def _absent(batch: Sequence[int], sent: Collection[int]) -> list[int]:
    stored = Bug.objects.filter(test__in=batch, missing_since=None).values_list("pk", flat=True)
    return [pk for pk in stored if pk not in sent]


def _mark_read(batch: Sequence[int]) -> None:
    final = Test.objects.filter(pk=OuterRef("pk"), status__in=FINAL_STATUSES)
    TestFreshness.objects.filter(pk__in=batch).update(bugs_synced_at=timezone.now(), bugs_settled=Exists(final))


def _ask_for(work: Work, recorded: Phase, absent: Sequence[int]) -> None:
    """A bug its test no longer lists is missing when its own address says so."""
    client, unsettled = work.client(recorded), set(absent)
    for answers in ask_each(work.context, recorded, "Bug", within_limit(recorded, "bugs", absent), client.bug):
        for payload in answers.found:
            recorded.problem(f"Bug {payload.get('id')} exists but its test no longer lists it; it is kept as it was.")
        with work.page(recorded):
            recorded.count(missing=store.mark_missing(Bug, answers.gone))
        unsettled.difference_update(answers.gone)
    if unsettled:
        # An answer that left out a bug may have left out new ones as well: these tests are asked for again.
        with work.page(recorded):
            doubted = TestFreshness.objects.filter(test__bugs__in=unsettled)
            doubted.update(bugs_synced_at=None, bugs_settled=False)
