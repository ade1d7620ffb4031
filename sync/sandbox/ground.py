"""The ground truth of a sandbox: what a perfect client would know. Read-only; ``world.World`` adds the changes."""

from bisect import bisect_right
from datetime import UTC, datetime
from threading import RLock

from sync.sandbox import catalogue
from sync.sandbox.bugs import BugWriter
from sync.sandbox.exploratory import TestWriter, chosen_features
from sync.sandbox.hashing import TEST, mix
from sync.sandbox.people import make_people
from sync.sandbox.records import FINAL, Cycle, Feature, Ids, Json, Product, Unknown
from sync.sandbox.schedule import make_cycles
from sync.sandbox.testcases import definitions_payload, results_payload
from sync.sandbox.texts import REJECTIONS

DEFAULT_FIRST_ID = 5_000


class Ground:
    """Products, tests and bugs, all following from ``seed`` and the sizes; payloads are made when asked for.

    ``tests`` tests in ``products`` products (skewed), exactly ``round(tests * bugs_per_test)`` bugs, dates relative
    to ``now`` (default: the start of the current day, UTC). Two worlds share no id of any kind when their
    ``first_id`` differ by at least ``id_room(tests)``. Unknown ids raise ``Unknown``.
    """

    def __init__(
        self,
        tests: int = 200,
        products: int = 4,
        bugs_per_test: float = 10,
        seed: int = 1,
        first_id: int = DEFAULT_FIRST_ID,
        now: datetime | None = None,
    ) -> None:
        if tests < 0 or not 1 <= products <= 100 or not 0 <= bugs_per_test <= 30:
            message = f"A sandbox world needs 0 or more tests, 1 to 100 products and 0 to 30 bugs a test, not {tests}, "
            raise ValueError(message + f"{products} and {bugs_per_test}.")
        self.seed = seed
        self.now = now or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.broken_tests: set[int] = set()
        self.broken_bugs: set[int] = set()
        self.tests_with_broken_bugs: set[int] = set()
        self._lock = RLock()
        self._ids = Ids(first_id)
        people = make_people(seed, tests)
        self._people = people
        self._test_writer = TestWriter(seed, self._ids, people)
        self._bug_writer = BugWriter(seed, self._ids, people, int(self.now.timestamp()))
        self._homes = [catalogue.make_product(seed, self._ids, number) for number in range(products)]
        self._products: dict[int, Product] = {product.id: product for product in self._homes}
        cycles = make_cycles(seed, self._ids, self._homes, tests, bugs_per_test, int(self.now.timestamp()))
        self._cycles = {cycle.id: cycle for cycle in cycles}
        self._order = self._newest_end_first(cycles)
        # The bugs of the beginning belong to tests by position; later ones are entered by hand.
        self._first_bugs = [cycle.bug_first for cycle in cycles]
        self._founders = cycles
        self._next_ordinal = tests
        self._first_bug_number_added = self._next_bug_number = sum(cycle.bug_count for cycle in cycles)
        self._added_bugs: dict[int, list[int]] = {}
        self._owner_of_added: dict[int, int] = {}
        self._deleted_bugs: set[int] = set()
        self._bug_changes: dict[int, Json] = {}

    @staticmethod
    def id_room(tests: int) -> int:
        """How far apart the ``first_id`` of two worlds of up to this many tests must be to have no id in common."""
        return max(1_000, tests // 4)

    def _newest_end_first(self, cycles: list[Cycle]) -> dict[int, tuple[int, ...]]:
        by_product: dict[int, list[Cycle]] = {product_id: [] for product_id in self._products}
        for cycle in cycles:
            by_product[cycle.product_id].append(cycle)
        return {
            product_id: tuple(cycle.id for cycle in sorted(members, key=lambda each: (-each.end, -each.id)))
            for product_id, members in by_product.items()
        }

    def _product(self, product_id: int) -> Product:
        product = self._products.get(product_id)
        if product is None:
            raise Unknown(product_id)
        return product

    def _cycle(self, test_id: int) -> Cycle:
        cycle = self._cycles.get(test_id)
        if cycle is None:
            raise Unknown(test_id)
        return cycle

    # -- products and features

    def product_ids(self) -> list[int]:
        return list(self._products)

    def product_payload(self, product_id: int) -> Json:
        return catalogue.product_payload(self._product(product_id))

    def section_ids(self, product_id: int) -> list[int]:
        """Every section with an address of its own, the default one included."""
        return [section_id for section_id, _ in catalogue.section_list(self._product(product_id))]

    def feature_ids(self, product_id: int) -> list[int]:
        """The features the catalogue shows now."""
        return [feature.id for feature in self._product(product_id).features if not feature.gone]

    def feature_payloads(
        self, product_id: int, *, section_id: int | None = None, include_user_stories: bool = False
    ) -> list[Json]:
        features = self._product(product_id).features
        if section_id is not None:
            if section_id not in self.section_ids(product_id):
                raise Unknown(section_id)
            features = [feature for feature in features if section_id in feature.section_ids]
        return catalogue.feature_payloads(features, expanded=include_user_stories)

    # -- tests

    def test_ids(self) -> list[int]:
        """Every test, in the order of creation."""
        return list(self._cycles)

    def tests_of(self, product_id: int) -> list[int]:
        """The product's tests as a walk through the whole list would meet them: newest end first."""
        return list(self.list_order(product_id))

    def list_order(self, product_id: int) -> tuple[int, ...]:
        """As ``tests_of``, without the copy."""
        order = self._order.get(product_id)
        if order is None:
            raise Unknown(product_id)
        return order

    def has_test(self, test_id: int) -> bool:
        return test_id in self._cycles

    def product_of(self, test_id: int) -> int:
        return self._cycle(test_id).product_id

    def section_of(self, test_id: int) -> int | None:
        section = self.test_payload(test_id)["section"]
        return None if section is None else int(section["id"])

    def status_of(self, test_id: int) -> str:
        return self._cycle(test_id).current_status

    def version_of(self, test_id: int) -> int:
        """Rises whenever the JSON of the test or of one of its bugs may have changed."""
        return self._cycle(test_id).version

    def unfinished_tests(self) -> list[int]:
        return [cycle.id for cycle in list(self._cycles.values()) if cycle.current_status not in FINAL]

    def test_case_tests(self) -> list[int]:
        return [cycle.id for cycle in list(self._cycles.values()) if cycle.current_type is None]

    def test_payload(self, test_id: int, *, detail: bool = False, include_user_stories: bool = False) -> Json:
        """The test as in the list, or with ``detail`` as at its own address. Broken ones too: this is the truth."""
        cycle = self._cycle(test_id)
        product, home = self._product(cycle.product_id), self._homes[cycle.home]
        if not detail:
            return self._test_writer.listed(cycle, product, home, expanded=include_user_stories)
        bugs = self._bugs_by_feature(cycle)
        return self._test_writer.detailed(cycle, product, home, bugs, expanded=include_user_stories)

    def _features_of(self, cycle: Cycle) -> list[Feature]:
        return chosen_features(cycle, mix(self.seed, TEST, cycle.ordinal), self._homes[cycle.home].features)

    def _bugs_by_feature(self, cycle: Cycle) -> dict[int, list[int]]:
        """The test's bugs by the id of the test's copy of the feature; those on no feature are under 0."""
        features = self._features_of(cycle)
        found: dict[int, list[int]] = {}
        for bug_id in self.bugs_of(cycle.id):
            index = self._bug_writer.feature_index(self._number_of(bug_id), len(features))
            key = 0 if index is None else self._ids.test_feature(cycle.ordinal, index)
            found.setdefault(key, []).append(bug_id)
        return found

    def test_case_payload(self, test_id: int) -> Json:
        """The definitions of a test-case test; ``Unknown`` for any other test."""
        cycle = self._test_case_cycle(test_id)
        features = self._features_of(cycle)
        return definitions_payload(self.seed, self._ids, cycle, self._test_writer.title(cycle, features), features)

    def results_payload(self, test_id: int) -> list[Json]:
        """The results of a test-case test; ``Unknown`` for any other test."""
        return results_payload(self.seed, self._ids, self._people, self._test_case_cycle(test_id))

    def _test_case_cycle(self, test_id: int) -> Cycle:
        cycle = self._cycle(test_id)
        if cycle.current_type is not None:
            raise Unknown(test_id)
        return cycle

    # -- bugs

    def bugs_of(self, test_id: int) -> list[int]:
        """The test's bugs, oldest first."""
        cycle = self._cycle(test_id)
        first = self._ids.bug(cycle.bug_first)
        bug_ids = [*range(first, first + 2 * cycle.bug_count, 2), *self._added_bugs.get(test_id, ())]
        return [bug_id for bug_id in bug_ids if bug_id not in self._deleted_bugs] if self._deleted_bugs else bug_ids

    def bug_ids(self) -> list[int]:
        return [bug_id for test_id in self.test_ids() for bug_id in self.bugs_of(test_id)]

    def bug_count(self, product_id: int | None = None) -> int:
        tests = self.test_ids() if product_id is None else self.list_order(product_id)
        return sum(len(self.bugs_of(test_id)) for test_id in tests)

    def test_of(self, bug_id: int) -> int:
        """The test the bug was found in."""
        number = self._number_of(bug_id)
        if bug_id in self._deleted_bugs:
            raise Unknown(bug_id)
        if number >= self._first_bug_number_added:
            test_id = self._owner_of_added[bug_id]
        else:
            test_id = self._founders[bisect_right(self._first_bugs, number) - 1].id
        if test_id not in self._cycles:
            raise Unknown(bug_id)
        return test_id

    def bug_payload(self, bug_id: int) -> Json:
        return self._write_bugs(self._cycle(self.test_of(bug_id)), [bug_id])[0]

    def bug_payloads(self, test_id: int) -> list[Json]:
        """The JSON of ``bugs_of(test_id)``, broken ones too: this is the truth."""
        return self._write_bugs(self._cycle(test_id), self.bugs_of(test_id))

    def _write_bugs(self, cycle: Cycle, bug_ids: list[int]) -> list[Json]:
        features = self._features_of(cycle)
        title = self._test_writer.title(cycle, features)
        product = self._product(cycle.product_id)
        written = [
            self._bug_writer.payload(self._number_of(bug_id), cycle, product, features, title) for bug_id in bug_ids
        ]
        for payload in written if self._bug_changes else ():
            payload |= self._bug_changes.get(payload["id"], {})
        return written

    def rejection_reason(self, bug_id: int) -> str | None:
        """The key of the reason a rejected bug's comments give, else None."""
        changes = self._bug_changes.get(bug_id, {})
        if "status" in changes or "comments" in changes:
            payload = self.bug_payload(bug_id)
            bodies = (
                [comment["body"] for comment in payload["comments"] or ()] if payload["status"] == "rejected" else []
            )
            return next((key for body in bodies for key, text in REJECTIONS.items() if text in body), None)
        number = self._number_of(bug_id)
        hidden = self._bug_writer.verdict(number, self._cycle(self.test_of(bug_id)))[2]
        return hidden if self.bug_payload(bug_id)["comments"] else None

    def _number_of(self, bug_id: int) -> int:
        number = self._ids.bug_number(bug_id)
        if number is None or number >= self._next_bug_number:
            raise Unknown(bug_id)
        return number
