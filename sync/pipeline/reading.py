"""One pass over a product's tests: what was seen so far, and how each page is stored."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils import timezone

from sync import store
from sync.models import Person
from sync.pipeline.context import Work
from sync.pipeline.parsing import parsed
from sync.runs import Phase
from sync.signals import Gap, Neighbour, gap_found, page_read
from sync.testio.listing import Gap as ListGap
from sync.testio.listing import Page
from sync.testio.payloads import Json, TestRecord, identity, parse_test


class Reading:
    """What one pass knows: ids seen, ids that were new to us, and whether the list keeps its order."""

    def __init__(self, work: Work, recorded: Phase) -> None:
        self.work = work
        self.recorded = recorded
        self.seen: set[int] = set()
        self.newest_first = True
        self._new: set[int] = set()
        self._ends: dict[int, datetime | None] = {}
        self._last_end: datetime | None = None
        # The list as stretches with a gap between each two: numbers from the top, and who is in which.
        self._stretch = 0
        self._stretch_of: dict[int, int] = {}
        self.is_complete = False

    def store_page(self, page: Page[Json]) -> None:
        """A page's tests, its gaps and the progress, in one transaction."""
        records = self._parse(page.records)
        self.seen.update(record.id for record in records)
        self._ends.update((record.id, record.end_at) for record in records)
        self._watch_order(records)
        wanted = [record for record in records if self._in_scope(record)]
        self._follow(page)
        self.save(wanted, [_announced(gap) for gap in page.gaps])

    def end(self) -> None:
        """The list was read to its end."""
        self.is_complete = True
        self.save([])

    def leads(self, before_id: int | None, after_id: int | None) -> bool:
        """See ``sync.signals.Path``."""
        start = 0 if before_id is None else self._stretch_of.get(before_id)
        end = self._stretch_of.get(after_id) if after_id is not None else self._stretch if self.is_complete else None
        return start is not None and start == end

    def save(self, records: Sequence[TestRecord], gaps: Sequence[Gap] = ()) -> None:
        """Store records of this product together with what their page revealed."""
        work, recorded = self.work, self.recorded
        names = (name for record in records for name in (record.created_by, record.submitted_by))
        work.context.people.learn(Person.Kind.CUSTOMER, names)
        with work.page(recorded):
            saved = store.storable(self._save_batch, records) if records else store.Saved()
            store.mark_readable(work.product.pk, {record.id for record in records})
            self._count(len(records), saved, gaps)
            for gap in gaps:
                gap_found.send(type(self), run=work.context.event, product=work.product, gap=gap)
            page_read.send(type(self), run=work.context.event, product=work.product, path=self)
        self._new |= saved.created
        work.stubs |= saved.stubs

    def is_known_and_before(self, page: Page[Json], moment: datetime) -> bool:
        """Every test on the page was known before this run, and all that have an end ended before ``moment``."""
        ids = [test_id for test_id in map(_test_id, page.read) if test_id]
        ends = [end for test_id in ids if (end := self._ends.get(test_id))]
        return bool(ends) and max(ends) < moment and self._new.isdisjoint(ids)

    def is_before(self, page: Page[Json], moment: datetime) -> bool:
        """Every dated test on the page, and there is one, ended before ``moment``."""
        ends = [end for entry in page.read if (end := self._ends.get(_test_id(entry) or 0))]
        return bool(ends) and max(ends) < moment

    def _follow(self, page: Page[Json]) -> None:
        after_gaps = {_test_id(gap.after) for gap in page.gaps if gap.after is not None}
        for test_id in map(_test_id, page.records):
            if test_id is not None:
                self._stretch += test_id in after_gaps
                self._stretch_of[test_id] = self._stretch
        # A gap at the end of the list has nothing behind it, but what lies before it does not lead to the end.
        self._stretch += any(gap.after is None for gap in page.gaps)

    def _parse(self, payloads: Iterable[Json]) -> list[TestRecord]:
        return parsed(lambda payload: parse_test(payload, self.work.product.pk), payloads, self.recorded)

    def _in_scope(self, record: TestRecord) -> bool:
        since = self.work.context.since
        return since is None or record.end_at is None or record.end_at >= since

    def _watch_order(self, records: Iterable[TestRecord]) -> None:
        """Newest end first is what TestIO is seen to do; stopping early rests on it, so it is watched."""
        for end in (record.end_at for record in records if record.end_at):
            if self._last_end and end > self._last_end and self.newest_first:
                self.newest_first = False
                self.recorded.problem(
                    f"{self.work.product}: the list of tests is not ordered by end, newest first, or its order "
                    "changed while it was read. It was read to its end; nothing is concluded from its order."
                )
            self._last_end = end

    def _save_batch(self, records: Sequence[TestRecord]) -> store.Saved:
        context = self.work.context
        return store.save_tests(
            context.customer.pk,
            self.work.product.pk,
            records,
            people=context.people,
            now=timezone.now(),
            force=context.options.force,
        )

    def _count(self, seen: int, saved: store.Saved, gaps: Sequence[Gap]) -> None:
        for sentence in saved.refused:
            self.recorded.problem(sentence)
        for gap in gaps:
            self.recorded.problem(f"{self.work.product}: {gap} cannot be read.")
        self.recorded.count(
            seen=seen,
            created=len(saved.created),
            updated=len(saved.updated),
            gaps=sum(gap.last_position - gap.first_position + 1 for gap in gaps),
        )


def _test_id(payload: Json | None) -> int | None:
    found = identity(payload) if payload is not None else None
    return found if isinstance(found, int) else None


def _announced(gap: ListGap[Json]) -> Gap:
    return Gap(gap.first_position, gap.last_position, _neighbour(gap.before), _neighbour(gap.after))


def _neighbour(payload: Json | None) -> Neighbour | None:
    test_id = _test_id(payload)
    if payload is None or test_id is None:
        return None
    return Neighbour(test_id, parse_test(payload, 0).end_at)
