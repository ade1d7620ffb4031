"""The sandbox world as people change it: tests come and go, bugs are judged, records break and are repaired."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Self

from sync.sandbox.ground import Ground
from sync.sandbox.hashing import SHUFFLE, TEST, mix
from sync.sandbox.records import Cycle, Feature, Unknown
from sync.sandbox.schedule import DAY, HOUR

#: ``tests`` and ``products`` by the size's name; about ten bugs a test in all of them.
SIZES = {"small": (200, 4), "medium": (5_000, 8), "large": (50_000, 12)}


class World(Ground):
    """A ``Ground`` that can be changed while it is served, from any thread. Unknown ids raise ``Unknown``."""

    @classmethod
    def of_size(cls, size: str, **options: Any) -> Self:
        """``small``, ``medium`` or ``large``; ``options`` as for ``World`` itself."""
        tests, products = SIZES[size]
        return cls(**{"tests": tests, "products": products} | options)

    # -- tests

    def insert_tests(
        self, product_id: int, count: int = 1, *, position: int = 0, bugs: int = 0, **fields: Any
    ) -> list[int]:
        """New tests (``running`` unless ``fields`` say otherwise) at a place of the product's list, by default on top.

        Their ids are higher than all others. On top, each ends later than everything before it and not before
        tomorrow; further down, together with the test above. ``bugs`` new bugs belong to each. Returns the ids,
        oldest first.
        """
        return [self._insert_test(product_id, position, bugs, dict(fields)) for _ in range(count)]

    def _insert_test(self, product_id: int, position: int, bugs: int, fields: dict[str, Any]) -> int:
        with self._lock:
            product, order = self._product(product_id), self.list_order(product_id)
            ordinal = self._next_ordinal
            self._next_ordinal += 1
            end = self._end_at(order, position)
            cycle = Cycle(
                id=self._ids.test(ordinal, mix(self.seed, TEST, ordinal) >> 32),
                ordinal=ordinal,
                home=product.number,
                product_id=product_id,
                status="running",
                testing_type="coverage",
                start=end - 28 * HOUR,
                end=end,
                bug_first=self._first_bug_number_added,
            )
            self._cycles[cycle.id] = cycle
            self._order[product_id] = (*order[:position], cycle.id, *order[position:])
            self._apply(cycle, fields)
            self.add_bugs(cycle.id, bugs)
            return cycle.id

    def _end_at(self, order: tuple[int, ...], position: int) -> int:
        if position > 0 and order:
            return self._cycles[order[min(position, len(order)) - 1]].end
        tomorrow = int(self.now.timestamp()) + DAY
        return max(tomorrow, self._cycles[order[0]].end if order else 0) + 60

    def change_test(self, test_id: int, **fields: Any) -> None:
        """Change what the test's JSON says. ``start_at`` and ``end_at`` take a datetime, ISO text or None.

        A test whose ``end_at`` changes moves to its new place in the list; None leaves it where it is.
        """
        with self._lock:
            self._apply(self._cycle(test_id), dict(fields))

    def _apply(self, cycle: Cycle, fields: dict[str, Any]) -> None:
        if "start_at" in fields:
            start = _epoch(fields.pop("start_at"))
            cycle.shows_start, cycle.start = start is not None, cycle.start if start is None else start
        if "end_at" in fields:
            self._change_end(cycle, _epoch(fields.pop("end_at")))
        cycle.changes = cycle.changes | fields
        cycle.version += 1

    def _change_end(self, cycle: Cycle, end: int | None) -> None:
        cycle.shows_end = end is not None
        if end is not None:
            self._unlist(cycle)
            cycle.end = end
            self._list_by_end(cycle)

    def _unlist(self, cycle: Cycle) -> None:
        order = self._order[cycle.product_id]
        self._order[cycle.product_id] = tuple(test_id for test_id in order if test_id != cycle.id)

    def _list_by_end(self, cycle: Cycle) -> None:
        order = self._order[cycle.product_id]
        place = next((at for at, each in enumerate(order) if self._cycles[each].end <= cycle.end), len(order))
        self._order[cycle.product_id] = (*order[:place], cycle.id, *order[place:])

    def delete_test(self, test_id: int) -> None:
        """The test and its bugs answer 404 from now on."""
        with self._lock:
            self._unlist(self._cycle(test_id))
            self._drop_test(test_id)

    def _drop_test(self, test_id: int) -> None:
        self.repair([test_id], self.bugs_of(test_id))  # what is gone is not broken any more
        del self._cycles[test_id]

    def move_test(self, test_id: int, product_id: int) -> None:
        """The test is listed in another product from now on. Its features stay those of its first product."""
        with self._lock:
            cycle, product = self._cycle(test_id), self._product(product_id)
            self._unlist(cycle)
            cycle.product_id = product.id
            self._list_by_end(cycle)
            cycle.version += 1

    # -- bugs

    def add_bugs(self, test_id: int, count: int = 1, **fields: Any) -> list[int]:
        """New bugs, newest last; ``fields`` are laid over their JSON. Returns the ids."""
        with self._lock:
            cycle = self._cycle(test_id)
            numbers = range(self._next_bug_number, self._next_bug_number + count)
            bug_ids = [self._ids.bug(number) for number in numbers]
            self._next_bug_number = numbers.stop
            self._owner_of_added |= dict.fromkeys(bug_ids, test_id)
            self._added_bugs[test_id] = [*self._added_bugs.get(test_id, ()), *bug_ids]
            if fields:
                self._bug_changes |= {bug_id: dict(fields) for bug_id in bug_ids}
            cycle.version += 1
            return bug_ids

    def change_bug(self, bug_id: int, **fields: Any) -> None:
        with self._lock:
            cycle = self._cycles[self.test_of(bug_id)]
            self._bug_changes[bug_id] = self._bug_changes.get(bug_id, {}) | fields
            cycle.version += 1

    def delete_bug(self, bug_id: int) -> None:
        with self._lock:
            cycle = self._cycles[self.test_of(bug_id)]
            self.repair((), [bug_id])
            self._deleted_bugs.add(bug_id)
            cycle.version += 1

    # -- products and features

    def change_product(self, product_id: int, **fields: Any) -> None:
        """Change what the product's JSON says. A new ``name`` also shows in its tests and bugs."""
        with self._lock:
            product = self._product(product_id)
            product.name = str(fields.pop("name", product.name))
            product.changes = product.changes | fields
            for test_id in self._order[product_id]:
                self._cycles[test_id].version += 1

    def delete_product(self, product_id: int) -> None:
        """The product, its tests and their bugs answer 404 from now on."""
        with self._lock:
            for test_id in self._order.pop(self._product(product_id).id):
                self._drop_test(test_id)
            del self._products[product_id]

    def rename_feature(self, feature_id: int, title: str) -> None:
        """The catalogue's entry; tests keep the title they copied."""
        with self._lock:
            self._feature(feature_id).title = title

    def delete_feature(self, feature_id: int) -> None:
        """The catalogue loses the feature; tests and bugs go on mentioning it."""
        with self._lock:
            self._feature(feature_id).gone = True

    def _feature(self, feature_id: int) -> Feature:
        found = [feature for home in self._homes for feature in home.features if feature.id == feature_id]
        if not found or found[0].gone:
            raise Unknown(feature_id)
        return found[0]

    # -- unreadable records

    def break_records(self, tests: Iterable[int] = (), bugs: Iterable[int] = ()) -> None:
        """Make records unreadable: each answer that would contain one is a 500 until it is repaired."""
        with self._lock:
            self.broken_tests = self.broken_tests | {self._cycle(test_id).id for test_id in tests}
            wanted = list(bugs)
            self.tests_with_broken_bugs = self.tests_with_broken_bugs | {self.test_of(bug_id) for bug_id in wanted}
            self.broken_bugs = self.broken_bugs | set(wanted)

    def repair(self, tests: Iterable[int] | None = None, bugs: Iterable[int] | None = None) -> None:
        """Make records readable again: these, or with no argument all."""
        with self._lock:
            everything = tests is None and bugs is None
            self.broken_tests = set() if everything else self.broken_tests - set(tests or ())
            self.broken_bugs = set() if everything else self.broken_bugs - set(bugs or ())
            self.tests_with_broken_bugs = {self.test_of(bug_id) for bug_id in self.broken_bugs}

    def break_some(self, tests: int = 0, bugs: int = 0) -> None:
        """Break so many records, always the same ones: spread over products and lists, from three on two neighbours."""
        self.break_records(_spread(self.seed, [self.tests_of(product_id) for product_id in self._products], tests))
        if bugs:
            self.break_records(bugs=_spread(self.seed, [self.bugs_of(test_id) for test_id in self._cycles], bugs))


def _epoch(moment: datetime | str | None) -> int | None:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return None if moment is None else int(moment.astimezone(UTC).timestamp())


def _spread(seed: int, lists: list[list[int]], wanted: int) -> list[int]:
    """So many ids, in turn from the lists at hashed places; the second one beside the first if three are wanted."""
    chosen: list[int] = []
    lists = [ids for ids in lists if ids]
    if wanted >= 3 and lists and len(lists[0]) >= 2:
        place = mix(seed, SHUFFLE, 0) % (len(lists[0]) - 1)
        chosen = lists[0][place : place + 2]
    for draw in range(1, 50 * wanted):
        if len(chosen) >= wanted or not lists:
            break
        ids = lists[draw % len(lists)]
        candidate = ids[mix(seed, SHUFFLE, draw) % len(ids)]
        if candidate not in chosen:
            chosen.append(candidate)
    return chosen[:wanted]
