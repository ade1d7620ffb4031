"""The tests of one product: a complete walk, or one that is provably complete without reading it all."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from math import ceil

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from sync import store
from sync.evidence import is_doubtful
from sync.models import Bug, Product, SyncPhase, Test
from sync.pipeline.absent import Answers, ask_each, within_limit
from sync.pipeline.context import SyncOptions, Work
from sync.pipeline.parsing import parsed
from sync.pipeline.reading import Reading
from sync.runs import Phase, phase
from sync.testio.listing import Page, Walk
from sync.testio.payloads import Json, TestRecord, identity, parse_test

#: A test unknown to us was created after our last walk began, so it ends after that. The margin covers clocks
#: that differ and ends that are moved into the past.
SAFETY_MARGIN = timedelta(days=1)


def sync_tests(work: Work) -> None:
    """Read the list of tests as far as needed, refresh what can still change, find out what is gone."""
    with phase(work.context.event, SyncPhase.Name.TESTS, work.product) as recorded:
        began = timezone.now()
        reading = Reading(work, recorded)
        everything = needs_everything(work.product, work.context.options, work.context.since)
        walk = _walk(work, recorded, to_the_end=everything)
        read = _read_everything if everything else _read_what_is_new
        with closing(iter(walk)) as pages:
            trusted = read(work, reading, walk, pages)
        if walk.complete and trusted:  # what a list in doubt does not show is not gone, gaps included
            reading.end()
        for notice in walk.notices:
            recorded.problem(f"{work.product}: {notice}")
        work.say_stubs(recorded)
        if trusted:
            work.stamp(recorded, tests_synced_at=began, **_coverage(work, began, everything=everything))


def needs_everything(product: Product, options: SyncOptions, since: datetime | None) -> bool:
    """A first walk, a wish, or a scope wider than the last complete walk covered."""
    if options.reads_everything or product.walked_at is None:
        return True
    covered = product.walked_since
    return covered is not None and (since is None or since.date() < covered)


def _coverage(work: Work, began: datetime, *, everything: bool) -> dict[str, object]:
    """What later walks may rely on: all tests that existed when this one began are known, back to ``walked_since``."""
    since = work.context.since
    if everything:
        return {"walked_at": began, "walked_since": since.date() if since else None}
    # A scope narrower than what is new since the last walk leaves tests out that nobody has seen yet.
    return {"walked_at": began} if since is None or since < _boundary(work) else {}


def _walk(work: Work, recorded: Phase, *, to_the_end: bool) -> Walk[Json]:
    client = work.client(recorded)
    product_id = work.product.pk

    def fetch(page: int, per_page: int, *, confirm: int) -> Sequence[Json]:
        work.context.check_stop()
        return client.tests(product_id, page, per_page, confirm=1 + confirm)

    # Only a walk to the end may fetch ahead: one that stops early would have asked in vain.
    ahead = (lambda: work.context.ahead) if to_the_end else None
    return Walk(fetch, key=identity, page_size=settings.TESTIO_PAGE_SIZE, ahead=ahead, executor=work.context.fetchers)


def _read_everything(work: Work, reading: Reading, walk: Walk[Json], pages: Iterator[Page[Json]]) -> bool:
    """To the list's end, or to where the scope ends; then ask for whatever is stored but was not listed."""
    since = work.context.since
    known = set(_in_scope(work).values_list("pk", flat=True))
    beyond_scope = False
    for page in pages:
        reading.store_page(page)
        work.context.check_stop()
        beyond_scope = since is not None and reading.newest_first and reading.is_before(page, since)
        if beyond_scope:
            break
    believed = _look_for_absent(work, reading, known, at_end=walk.complete) and not _shrank_when_emptied(work, reading)
    return (walk.complete or beyond_scope) and believed


def _read_what_is_new(work: Work, reading: Reading, walk: Walk[Json], pages: Iterator[Page[Json]]) -> bool:
    """Until nothing unknown can follow; then the unfinished tests not seen, by whichever costs fewer calls."""
    since = work.context.since
    boundary = max(_boundary(work), since) if since else _boundary(work)
    known = set(_in_scope(work).values_list("pk", flat=True))
    stopped = _read_until(work, reading, pages, lambda page: reading.is_known_and_before(page, boundary))
    if not stopped:
        return _look_for_absent(work, reading, known, at_end=walk.complete) and walk.complete
    if not work.context.options.only_new_tests:
        unseen = _unfinished(work, reading)
        dated = [end for _, end in unseen if end]
        if dated and _pages_down_to(work, reading, min(dated)) < len(dated):
            oldest = min(dated)
            _read_until(work, reading, pages, lambda page: reading.is_before(page, oldest))
            unseen = _unfinished(work, reading)
        _ask_for(work, reading, [test_id for test_id, _ in unseen])
    return not walk.notices


def _read_until(
    work: Work, reading: Reading, pages: Iterator[Page[Json]], enough: Callable[[Page[Json]], bool]
) -> bool:
    """Store pages until one is enough; False when the list ended first."""
    for page in pages:
        reading.store_page(page)
        work.context.check_stop()
        if reading.newest_first and enough(page):
            return True
    return False


def _look_for_absent(work: Work, reading: Reading, known: set[int], *, at_end: bool) -> bool:
    """Ask for what is stored and was not listed; False when that shows that the list is not to be believed."""
    recorded, unseen = reading.recorded, known - reading.seen
    shrank, hidden = is_doubtful(len(known), len(unseen)), 0
    if shrank:
        recorded.problem(
            f"{work.product}: {len(unseen)} of the {len(known)} tests stored are not in TestIO's list any more. "
            "Nothing is marked missing on that evidence: absent tests are asked for one by one."
        )
    if not work.context.options.only_new_tests:
        # In no particular order: if a lying list hides more than may be asked for, each run asks for others.
        ids = list(Test.objects.filter(pk__in=unseen).order_by("?").values_list("pk", flat=True))
        hidden = _ask_for(work, reading, within_limit(recorded, "tests", ids))
        if hidden and at_end:
            recorded.problem(
                f"{work.product}: {hidden} tests exist that TestIO's list does not show. They were read one by one; "
                "tests we do not know yet may be hidden too, so run another full sync later."
            )
    return not (shrank or hidden)


def _shrank_when_emptied(work: Work, reading: Reading) -> bool:
    """Whether a product that was emptied to be read again came back much smaller: its list is not to be believed."""
    lost = work.emptied_of - len(reading.seen)
    if not is_doubtful(work.emptied_of, lost):
        return False
    reading.recorded.problem(
        f"{work.product}: {work.emptied_of} tests were stored before it was emptied, and TestIO's list now shows "
        f"{len(reading.seen)}. Nothing is concluded from that; run another full sync later."
    )
    return True


def _boundary(work: Work) -> datetime:
    """Nothing unknown ends before this; without a walk before, that is no help."""
    walked_at = work.product.walked_at
    return walked_at - SAFETY_MARGIN if walked_at else datetime.min.replace(tzinfo=UTC)


def _in_scope(work: Work) -> "QuerySet[Test]":
    tests: QuerySet[Test] = Test.objects.filter(product=work.product, missing_since=None)
    since = work.context.since
    return tests.filter(Q(end_at=None) | Q(end_at__gte=since)) if since else tests


def _unfinished(work: Work, reading: Reading) -> list[tuple[int, datetime | None]]:
    tests = Test.objects.filter(product=work.product).unfinished().exclude(pk__in=reading.seen)
    return list(tests.order_by("pk").values_list("pk", "end_at"))


def _pages_down_to(work: Work, reading: Reading, end: datetime) -> int:
    """About how many more pages it takes to reach tests that ended at ``end``."""
    between = Test.objects.filter(product=work.product, end_at__gte=end, missing_since=None)
    return ceil(between.exclude(pk__in=reading.seen).count() / settings.TESTIO_PAGE_SIZE)


def _ask_for(work: Work, reading: Reading, test_ids: Sequence[int]) -> int:
    """Ask for tests one by one, store what is there and mark what is gone; how many are there."""
    recorded, found = reading.recorded, 0
    for answers in ask_each(work.context, recorded, "Test", test_ids, work.client(recorded).test):
        records = _own(work, recorded, answers)
        found += len(records)
        reading.save(records)
        with work.page(recorded):
            recorded.count(missing=_mark_gone(answers.gone))
            store.mark_unreadable(answers.unreadable)
    return found


def _mark_gone(test_ids: Sequence[int]) -> int:
    """A test that is gone takes its bugs along: nobody could ask for them any more. Should it come back, so do they."""
    bugs = Bug.objects.filter(test__in=test_ids, missing_since=None).values_list("pk", flat=True)
    return store.mark_missing(Test, test_ids) + store.mark_missing(Bug, bugs)


def _own(work: Work, recorded: Phase, answers: Answers) -> list[TestRecord]:
    """Tests that still belong to this product; one that moved is stored by its new product's sync, under its lease."""
    records = parsed(lambda payload: parse_test(payload, work.product.pk), answers.found, recorded)
    for record in records:
        if record.product_id not in (None, work.product.pk):
            recorded.warn(
                f"Test {record.id} moved from product {work.product.pk} to product {record.product_id}; "
                "the next sync of that product takes it over."
            )
    return [record for record in records if record.product_id in (None, work.product.pk)]
