"""What the database holds, against what the sandbox has: is anything missing that was not staged?"""

from dataclasses import dataclass

from sync.models import Bug, Customer, Test
from sync.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ids by what became of them. ``staged_…`` cannot be read by design: broken, or behind something broken."""

    staged_tests: frozenset[int]
    staged_bugs: frozenset[int]
    lost_tests: frozenset[int]
    lost_bugs: frozenset[int]
    surplus_tests: frozenset[int]
    surplus_bugs: frozenset[int]

    @property
    def is_complete(self) -> bool:
        return not (self.lost_tests or self.lost_bugs or self.surplus_tests or self.surplus_bugs)


def compare(world: World, customer: Customer) -> Comparison:
    """Every test and bug of the world against this customer's rows that are not marked missing."""
    tests = set(_present(Test, customer))
    bugs = set(_present(Bug, customer))
    staged_tests = frozenset(world.broken_tests & set(world.test_ids()))
    # The bugs of a test come in one answer: one broken among them hides them all, and so does a hidden test.
    staged_bugs = frozenset(
        bug_id for test_id in staged_tests | world.tests_with_broken_bugs for bug_id in world.bugs_of(test_id)
    )
    expected_tests, expected_bugs = set(world.test_ids()), set(world.bug_ids())
    return Comparison(
        staged_tests=staged_tests,
        staged_bugs=staged_bugs,
        lost_tests=frozenset(expected_tests - tests - staged_tests),
        lost_bugs=frozenset(expected_bugs - bugs - staged_bugs),
        surplus_tests=frozenset(tests - expected_tests),
        surplus_bugs=frozenset(bugs - expected_bugs),
    )


def _present(model: type[Test] | type[Bug], customer: Customer) -> list[int]:
    rows = model.objects.filter(product__customer=customer, missing_since=None)
    return list(rows.values_list("pk", flat=True))
