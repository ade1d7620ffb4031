"""The walk over a list that fails on some records, moves while it is read, and never says how long it is.

``FakeList`` is such a list in memory. The first tests show the walk at work; the properties behind them say what it
guarantees for lists, sizes, faults and changes nobody thought of.
"""

import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations, count, pairwise, product
from threading import Event, Lock
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.testio import listing, windows
from sync.testio.errors import TestIOUnexpected, TestIOUnreadable
from sync.testio.listing import Fetch, Gap, Page, Walk

Kind = Literal["insert", "delete"]


@dataclass(frozen=True)
class Change:
    """Something that happens to the list just before a call (counted from 1)."""

    call: int
    kind: Kind
    position: int  # modulo the length the list has then
    count: int = 1


class FakeList:
    """A list in memory that answers like TestIO. Records are numbers, 0, 1, 2, ... at first; new ones count on."""

    def __init__(
        self,
        length: int,
        *,
        unreadable: Iterable[int] = (),
        cap: int | None = None,
        cap_counts_for_offset: bool = True,
        changes: Iterable[Change] = (),
        ignores_paging: bool = False,
    ) -> None:
        self.order = list(range(length))  # every record that ever was in the list; what is gone keeps its place
        self.gone: set[int] = set()
        self.unreadable = frozenset(unreadable)
        self.requests: list[tuple[int, int, int]] = []  # (page, per_page, confirm)
        self._now = list(self.order)
        self._length = length
        self._cap, self._cap_counts_for_offset = cap, cap_counts_for_offset
        self._changes = tuple(changes)
        self._ignores_paging = ignores_paging
        self._lock = Lock()

    @property
    def stayed(self) -> list[int]:
        """The readable records that were in the list from the first call to the last."""
        return [record for record in range(self._length) if record not in self.gone | self.unreadable]

    def __call__(self, page: int, per_page: int, *, confirm: int) -> Sequence[int]:
        with self._lock:
            self.requests.append((page, per_page, confirm))
            for change in self._changes:
                if change.call == len(self.requests):
                    self._apply(change)
            records = self._now if self._ignores_paging else self._slice(page, per_page)
            if not self.unreadable.isdisjoint(records):
                raise TestIOUnreadable("One of these records cannot be serialised.", status=500)
            return list(records)

    def _slice(self, page: int, per_page: int) -> list[int]:
        honoured = min(per_page, self._cap or per_page)
        start = (page - 1) * (honoured if self._cap_counts_for_offset else per_page)
        return self._now[start : start + honoured]

    def _apply(self, change: Change) -> None:
        if change.kind == "insert":
            place = change.position % (len(self._now) + 1)
            at = self.order.index(self._now[place]) if place < len(self._now) else len(self.order)
            self.order[at:at] = range(len(self.order), len(self.order) + change.count)
        else:
            readable = [record for record in self._now if record not in self.unreadable]
            place = change.position % max(len(readable), 1)
            self.gone.update(readable[place : place + change.count])
        self._now = [record for record in self.order if record not in self.gone]


@dataclass(frozen=True)
class Outcome:
    pages: list[Page[int]]
    complete: bool
    notices: list[str]

    @property
    def records(self) -> list[int]:
        return [record for page in self.pages for record in page.records]

    @property
    def gaps(self) -> list[Gap[int]]:
        return [gap for page in self.pages for gap in page.gaps]


def walk(fetch: Fetch[int], page_size: int = 64, executor: Executor | None = None) -> Outcome:
    walking = Walk(fetch, key=lambda record: record, page_size=page_size, ahead=lambda: 4, executor=executor)
    pages = list(walking)
    return Outcome(pages, walking.complete, walking.notices)


def unreadable_runs(length: int, unreadable: Collection[int]) -> list[Gap[int]]:
    """The gaps in a list that stands still."""
    readable = [position for position in range(-1, length + 1) if position not in unreadable]
    return [
        Gap(before + 1, after - 1, before if before >= 0 else None, after if after < length else None)
        for before, after in pairwise(readable)
        if after > before + 1
    ]


def assert_reads_the_standing_list(fake: FakeList, outcome: Outcome) -> None:
    assert outcome.records == fake.stayed
    assert outcome.gaps == unreadable_runs(len(fake.order), fake.unreadable)
    assert all(page.end == page.read[-1] + 1 for page in outcome.pages if page.read)
    assert outcome.complete
    assert outcome.notices == []


def assert_nothing_twice_or_made_up(fake: FakeList, outcome: Outcome) -> None:
    assert len(outcome.records) == len(set(outcome.records))
    assert set(outcome.records) <= set(fake.order) - fake.unreadable


def assert_reads_what_stayed(fake: FakeList, outcome: Outcome) -> None:
    assert_nothing_twice_or_made_up(fake, outcome)
    assert set(fake.stayed) - set(outcome.records) == set()
    assert outcome.complete
    assert outcome.notices == []


def assert_each_unreadable_record_is_in_one_gap(fake: FakeList, outcome: Outcome) -> None:
    """The gaps together are as long as there are unreadable records, and in the order of all records that ever were
    in the list each of these lies between the neighbours of the gap that is its own."""
    rank = {record: place for place, record in enumerate(fake.order)}
    gap_of_each = [gap for gap in outcome.gaps for _ in range(gap.first_position, gap.last_position + 1)]
    unreadable = [record for record in fake.order if record in fake.unreadable]
    assert len(gap_of_each) == len(unreadable)
    for gap, record in zip(gap_of_each, unreadable, strict=True):
        assert gap.before is None or rank[gap.before] < rank[record]
        assert gap.after is None or rank[record] < rank[gap.after]


# The walk at work


def test_a_list_shorter_than_a_page_takes_three_calls() -> None:
    fake = FakeList(10)
    outcome = walk(fake)
    assert outcome.pages == [Page(tuple(range(10)), (), tuple(range(10)), 10), Page((), (), (9,), 10)]
    assert outcome.complete
    assert fake.requests == [(1, 64, 1), (2, 9, 1), (2, 10, 1)]  # the top; is it capped? no; is it the end? yes


def test_an_empty_list_takes_one_call() -> None:
    fake = FakeList(0)
    assert walk(fake) == Outcome([], complete=True, notices=[])
    assert fake.requests == [(1, 64, 1)]


def test_windows_overlap_so_that_nothing_can_be_lost_between_them() -> None:
    fake = FakeList(200)
    outcome = walk(fake)
    assert outcome.records == list(range(200))
    assert [(page.read[0], page.read[-1]) for page in outcome.pages] == [(0, 63), (63, 125), (124, 185), (183, 199)]


def test_records_inserted_at_the_top_push_nothing_into_the_result_twice() -> None:
    fake = FakeList(200, changes=[Change(call=3, kind="insert", position=0, count=30)])
    assert walk(fake).records == list(range(200))


def test_records_deleted_at_the_top_pull_nothing_past_the_walk() -> None:
    fake = FakeList(200, changes=[Change(call=3, kind="delete", position=0, count=30)])
    assert walk(fake).records == list(range(200))


def test_an_unreadable_record_costs_only_itself() -> None:
    outcome = walk(FakeList(200, unreadable={150}))
    assert outcome.records == [*range(150), *range(151, 200)]
    assert outcome.gaps == [Gap(150, 150, before=149, after=151)]


def test_a_page_is_confirmed_once_the_search_not_at_all_and_what_ends_it_three_times() -> None:
    fake = FakeList(4, unreadable={1})
    assert walk(fake, page_size=4).gaps == [Gap(1, 1, before=0, after=2)]
    assert fake.requests[:6] == [(1, 4, 1), (1, 1, 0), (1, 2, 0), (3, 1, 0), (2, 1, 3), (1, 1, 3)]


def test_neighbouring_unreadable_records_are_one_gap() -> None:
    assert walk(FakeList(200, unreadable={70, 71, 72, 74})).gaps == [Gap(70, 72, 69, 73), Gap(74, 74, 73, 75)]


def test_a_gap_at_an_end_of_the_list_has_one_neighbour() -> None:
    assert walk(FakeList(9, unreadable={0, 8})).gaps == [Gap(0, 0, None, 1), Gap(8, 8, 7, None)]


def test_a_list_without_a_readable_record_is_one_gap() -> None:
    assert walk(FakeList(9, unreadable=range(9))) == Outcome([Page((), (Gap(0, 8, None, None),), (), 9)], True, [])


def test_a_gap_the_list_pushes_down_is_reported_once() -> None:
    fake = FakeList(200, unreadable={70}, changes=[Change(call=20, kind="insert", position=0, count=20)])
    assert walk(fake).gaps == [Gap(70, 70, 69, 71)]


def test_a_gap_that_loses_both_neighbours_is_reported_once() -> None:
    whole = FakeList(72, unreadable={70})
    assert walk(whole).gaps == [Gap(70, 70, 69, 71)]
    for call in range(2, len(whole.requests) + 1):
        fake = FakeList(72, unreadable={70}, changes=[Change(call, "delete", position=69, count=2)])
        assert [(gap.first_position, gap.last_position) for gap in walk(fake).gaps] in ([(70, 70)], [(69, 69)])


def test_a_server_that_caps_the_page_size_changes_the_step_not_the_result() -> None:
    fake = FakeList(300, unreadable={123}, cap=25)
    outcome = walk(fake)
    assert_reads_the_standing_list(fake, outcome)
    assert max(len(page.read) for page in outcome.pages) == 25


@pytest.mark.parametrize("length", [1, 10, 64, 65, 300])
def test_a_server_that_ignores_paging_is_read_in_one_piece(length: int) -> None:
    fake = FakeList(length, ignores_paging=True)
    assert_reads_the_standing_list(fake, walk(fake))
    assert len(fake.requests) <= 3


@pytest.mark.parametrize("length", [1, 10, 64, 65, 300])
def test_a_server_that_repeats_its_last_page_has_ended(length: int) -> None:
    fake = FakeList(length)

    def fetch(page: int, per_page: int, *, confirm: int) -> Sequence[int]:
        return fake(min(page, -(-length // per_page)), per_page, confirm=confirm)

    assert_reads_the_standing_list(fake, walk(fetch))


def test_a_server_that_repeats_its_first_page_has_ended() -> None:
    def fetch(page: int, per_page: int, *, confirm: int) -> Sequence[int]:
        return range(per_page)

    outcome = walk(fetch)
    assert outcome.records == list(range(64))
    assert outcome.complete


def test_a_list_that_never_rests_is_read_as_it_comes_and_called_incomplete() -> None:
    fake = FakeList(9_000, changes=[Change(call, "delete", position=0, count=20) for call in range(2, 450)])
    outcome = walk(fake, page_size=10)
    assert_nothing_twice_or_made_up(fake, outcome)
    assert not outcome.complete
    assert len(outcome.notices) == 1


def test_a_list_that_loses_a_record_before_every_call_is_read_completely() -> None:
    fake = FakeList(2_000, changes=[Change(call, "delete", position=0) for call in range(2, 100)])
    assert_reads_what_stayed(fake, walk(fake))


def test_two_insertions_beside_a_gap_at_any_two_moments_are_seen_through() -> None:
    for first, second in combinations(range(2, 22), 2):
        for place, other_place in product(range(2), range(3)):
            happening = [Change(first, "insert", place), Change(second, "insert", other_place)]
            fake = FakeList(2, unreadable={0}, changes=happening)
            outcome = walk(fake, page_size=4)
            assert_reads_what_stayed(fake, outcome)
            assert_each_unreadable_record_is_in_one_gap(fake, outcome)


def test_a_deletion_between_gaps_at_any_moment_is_seen_through() -> None:
    for call, place, size in product(range(2, 45), range(8), [1, 2]):
        fake = FakeList(12, unreadable={0, 3, 9, 10}, cap=3, changes=[Change(call, "delete", place, size)])
        outcome = walk(fake, page_size=12)
        assert_reads_what_stayed(fake, outcome)
        assert_each_unreadable_record_is_in_one_gap(fake, outcome)


# What it costs


def calls(length: int, unreadable: Iterable[int] = (), page_size: int = 64) -> int:
    fake = FakeList(length, unreadable=unreadable)
    assert walk(fake, page_size).complete
    return len(fake.requests)


def test_a_clean_walk_costs_little_more_than_its_pages() -> None:
    assert calls(5_000, page_size=64) <= 95
    assert calls(5_000, page_size=100) <= 62


@pytest.mark.parametrize(("count", "most"), [(1, 14), (2, 19), (3, 24)])
def test_unreadable_records_cost_few_calls_wherever_they_are(count: int, most: int) -> None:
    clean = calls(500)
    costs = {first: calls(500, range(first, first + count)) - clean + 1 for first in range(301)}
    assert {first: cost for first, cost in costs.items() if cost > most} == {}


#: Where divisors are so rare that searching by plain halves takes more than 14 calls; and places all down a long list.
SLOW = (1_380, 3_060, 3_061, 5_922, 6_240, 6_636, 8_562, 9_900, 10_585, 10_588)
FAR_DOWN = (*SLOW, *range(301, 20_000, 307))


@pytest.mark.parametrize(("count", "most"), [(1, 14), (3, 24)])
def test_unreadable_records_cost_few_calls_far_down_a_long_list(count: int, most: int) -> None:
    lengths = {first: first + 300 for first in FAR_DOWN}
    costs = {first: calls(length, range(first, first + count)) - calls(length) + 1 for first, length in lengths.items()}
    assert {first: cost for first, cost in costs.items() if cost > most} == {}


@pytest.mark.parametrize("length", [64, 65, 112, 120, 128, 200])
def test_an_unreadable_record_in_a_short_list_costs_at_most_14_calls_more(length: int) -> None:
    clean = calls(length)
    costs = {position: calls(length, {position}) - clean for position in range(length)}
    assert {position: cost for position, cost in costs.items() if cost > 14} == {}


def test_several_unreadable_records_cost_no_more_than_each_by_itself() -> None:
    dice = random.Random(7)
    clean = calls(3_000)
    for _ in range(100):
        unreadable = {dice.randrange(3_000) for _ in range(8)}
        assert calls(3_000, unreadable) - clean <= 14 * len(unreadable)


# What it guarantees

LENGTHS = st.one_of(st.integers(0, 20), st.integers(0, 300))
SIZES = st.one_of(st.integers(1, 8), st.integers(1, 100), st.just(64))
REACHING_SIZES = st.one_of(st.integers(7, 12), st.integers(7, 100), st.just(64))
PLACES = st.one_of(st.just(0), st.integers(0, 300))
COUNTS = st.one_of(st.integers(1, 3), st.integers(1, 80))


@st.composite
def unreadable_sets(draw: st.DrawFn, length: int) -> set[int]:
    """Single records and runs, at the ends too; now and then all there is."""
    if draw(st.integers(0, 19)) == 0:
        return set(range(length))
    first = st.integers(-2, max(length - 1, 0))
    stretches = draw(st.lists(st.tuples(first, st.sampled_from([1, 1, 2, 3, 9])), max_size=5))
    return {place for start, size in stretches for place in range(start, start + size) if 0 <= place < length}


def changes(*kinds: Kind, most: int = 12, counts: st.SearchStrategy[int] = COUNTS) -> st.SearchStrategy[list[Change]]:
    calls_before = st.one_of(st.integers(2, 12), st.integers(2, 60))
    return st.lists(st.builds(Change, calls_before, st.sampled_from(kinds), PLACES, counts), max_size=most)


@st.composite
def fake_lists(draw: st.DrawFn, happening: st.SearchStrategy[list[Change]] | None = None) -> FakeList:
    length = draw(LENGTHS)
    return FakeList(
        length,
        unreadable=draw(unreadable_sets(length)),
        cap=draw(st.one_of(st.none(), SIZES)),
        cap_counts_for_offset=draw(st.booleans()),
        changes=() if happening is None else draw(happening),
    )


@st.composite
def moving_lists(draw: st.DrawFn) -> FakeList:
    """Lists that insertions and deletions change at once. Nothing in them is unreadable, no cap is below 7."""
    return FakeList(
        draw(LENGTHS),
        cap=draw(st.one_of(st.none(), REACHING_SIZES)),
        cap_counts_for_offset=draw(st.booleans()),
        changes=draw(changes("insert", "delete", counts=st.integers(1, 9))),
    )


@given(fake_lists(), SIZES)
@settings(deadline=None, max_examples=250)
def test_a_list_that_stands_still_is_read_exactly(fake: FakeList, page_size: int) -> None:
    assert_reads_the_standing_list(fake, walk(fake, page_size))


@given(moving_lists(), REACHING_SIZES)
@settings(deadline=None, max_examples=250)
def test_whatever_is_inserted_and_deleted_all_that_stays_is_read_once(fake: FakeList, page_size: int) -> None:
    """Proven without any assumption wherever windows can overlap. With sizes up to 7 that is everywhere before position
    420, their least common multiple, which these lists do not reach; with sizes up to 11 everywhere before 27,720."""
    assert_reads_what_stayed(fake, walk(fake, page_size))


@given(fake_lists(changes("insert")), SIZES)
@settings(deadline=None, max_examples=250)
def test_insertions_around_unreadable_records_hide_nothing(fake: FakeList, page_size: int) -> None:
    outcome = walk(fake, page_size)
    assert_reads_what_stayed(fake, outcome)
    assert_each_unreadable_record_is_in_one_gap(fake, outcome)


@given(fake_lists(changes("delete")), SIZES)
@settings(deadline=None, max_examples=250)
def test_deletions_around_unreadable_records_hide_nothing(fake: FakeList, page_size: int) -> None:
    """Insertions alone, above, and deletions alone, here, are what can be proven around an unreadable record. When
    both happen between two calls, before the same gap, and cancel out, every request gets the answer a list that stood
    still would have given, while a record passed from one side of the gap to the other: no client can know."""
    outcome = walk(fake, page_size)
    assert_reads_what_stayed(fake, outcome)
    assert_each_unreadable_record_is_in_one_gap(fake, outcome)


@given(fake_lists(changes("insert", "delete", most=40)), SIZES)
@settings(deadline=None, max_examples=250)
def test_whatever_happens_the_walk_ends_and_repeats_nothing(fake: FakeList, page_size: int) -> None:
    assert_nothing_twice_or_made_up(fake, walk(fake, page_size))


@given(fake_lists(), SIZES, st.integers(0), st.floats(0, 0.9))
@settings(deadline=None, max_examples=250)
def test_passing_failures_are_no_gaps(fake: FakeList, page_size: int, seed: int, chance: float) -> None:
    dice = random.Random(seed)

    def fetch(page: int, per_page: int, *, confirm: int) -> Sequence[int]:
        if all(dice.random() < chance for _ in range(confirm + 1)) and confirm < 3:  # none lasts longer
            raise TestIOUnreadable("The service stumbled.", status=500)
        return fake(page, per_page, confirm=confirm)

    assert_reads_the_standing_list(fake, walk(fetch, page_size))


# Reading ahead


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def test_fetching_ahead_wastes_no_calls_on_a_short_list(executor: Executor) -> None:
    fake = FakeList(180)
    assert_reads_the_standing_list(fake, walk(fake, executor=executor))
    assert len(fake.requests) == calls(180)


def test_fetching_ahead_wastes_few_calls_on_a_long_list(executor: Executor) -> None:
    fake = FakeList(3_000)
    assert_reads_the_standing_list(fake, walk(fake, executor=executor))
    assert len(fake.requests) <= calls(3_000) + 4


@given(fake=fake_lists(), page_size=SIZES)
@settings(deadline=None, max_examples=100)
def test_fetching_ahead_changes_nothing_in_the_result(executor: Executor, fake: FakeList, page_size: int) -> None:
    assert_reads_the_standing_list(fake, walk(fake, page_size, executor))


@given(fake=moving_lists(), page_size=REACHING_SIZES)
@settings(deadline=None, max_examples=100)
def test_fetching_ahead_from_a_moving_list_loses_nothing(executor: Executor, fake: FakeList, page_size: int) -> None:
    assert_reads_what_stayed(fake, walk(fake, page_size, executor))


def test_closing_the_walk_cancels_what_was_to_be_fetched_ahead() -> None:
    fake, may_run = FakeList(1_000), Event()
    with ThreadPoolExecutor(1) as busy:
        busy.submit(may_run.wait)
        with closing(iter(Walk(fake, key=lambda record: record, ahead=lambda: 4, executor=busy))) as pages:
            for _ in range(4):
                next(pages)
        may_run.set()
    assert len(fake.requests) == 4


# Answers no list gives


def test_a_service_that_always_fails_is_found_out_soon() -> None:
    everything = FakeList(1, unreadable={0}, ignores_paging=True)
    with pytest.raises(TestIOUnexpected, match="no single record is to blame"):
        walk(everything)
    assert len(everything.requests) < 20


def test_more_unreadable_records_than_can_be_are_not_taken_for_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "TOO_MANY", 20)
    with pytest.raises(TestIOUnexpected, match="from position 40 of this list on"):
        walk(FakeList(100, unreadable=range(40, 100)))


def test_a_list_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "FAR", 10_000)
    with pytest.raises(TestIOUnexpected, match="has no end within 10,000 records"):
        walk(FakeList(20_000))


def test_a_list_that_is_new_whenever_it_is_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "FAR", 10_000)
    numbers = count()

    def fetch(page: int, per_page: int, *, confirm: int) -> Sequence[int]:
        return [next(numbers) for _ in range(per_page)]

    with pytest.raises(TestIOUnexpected, match="has no end within 10,000 records"):
        walk(fetch)


def test_more_records_than_asked_for_in_one_place_only_are_an_error() -> None:
    fake = FakeList(200)

    def fetch(page: int, per_page: int, *, confirm: int) -> Sequence[int]:
        return [*fake(page, per_page, confirm=confirm), *([999] if page == 3 else [])]

    with pytest.raises(TestIOUnexpected, match="63 records where 62 were asked for"):
        walk(fetch)


@given(st.integers(0), st.integers(1, 500), st.floats(0, 1), st.floats(0, 1), SIZES)
@settings(deadline=None, max_examples=100)
def test_nonsense_comes_to_an_end(seed: int, keys: int, failing: float, full: float, page_size: int) -> None:
    dice = random.Random(seed)

    def fetch(page: int, per_page: int, *, confirm: int) -> Sequence[int]:
        if dice.random() < failing:
            raise TestIOUnreadable("Nonsense.", status=500)
        size = per_page if dice.random() < full else dice.randint(0, per_page)
        return [dice.randrange(keys) for _ in range(size)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "FAR", 1_000)
        patch.setattr(windows, "PATIENCE", 100)
        try:
            records = walk(fetch, page_size).records
        except TestIOUnexpected:
            return
    assert len(records) == len(set(records))
