"""Which tests a quality report is about: named one by one, or by a filter, minus some, plus some.

Named tests count whatever their state. A filter keeps executed tests unless it names other states; ``exclude`` takes
tests out of what it found, and ``include`` adds tests whatever the filter says of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.db.models import QuerySet

from reports.figures import EXECUTED_STATUSES
from sync import access as caller
from sync import customers, wording
from sync.access import Access
from sync.dates import Period
from sync.models import Feature, Test


class Refusal(Exception):
    """Why there is no such report; ``field`` is what has to be changed."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(reason)


class NoSuchReference(Refusal):
    """Something that was named is not there, or not for the caller."""


class Contradiction(Refusal):
    """Things that were asked for together and exclude each other, or too little to know what is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks for, not yet compared with what is there. Words are stored ones; empty means no such filter.

    ``first`` and ``last`` are days (UTC) of the tests' end, both included.
    """

    customer: str | None = None
    products: tuple[int, ...] = ()
    tests: tuple[int, ...] = ()
    first: date | None = None
    last: date | None = None
    statuses: tuple[str, ...] = ()
    testing_types: tuple[str | None, ...] = ()
    features: tuple[int, ...] = ()
    exclude: tuple[int, ...] = ()
    include: tuple[int, ...] = ()

    @property
    def is_filter(self) -> bool:
        chosen = (self.statuses, self.testing_types, self.features, self.exclude, self.include)
        return any(chosen) or self.first is not None or self.last is not None


@dataclass(frozen=True, slots=True)
class Question:
    """A wish that can be answered: everything it names is there and the caller may see it.

    ``products`` are all it is about; ``gone`` are tests it names that TestIO has no more, which do not count.
    """

    wish: Wish
    products: tuple[int, ...]
    gone: tuple[int, ...] = ()

    @property
    def statuses(self) -> tuple[str, ...] | None:
        """The states that count; None where the tests are named, so that any does."""
        return None if self.wish.tests else self.wish.statuses or EXECUTED_STATUSES

    @property
    def period(self) -> Period | None:
        """The days, where both ends are given."""
        if self.wish.first is None or self.wish.last is None:
            return None
        return Period(self.wish.first, self.wish.last)

    def previous(self) -> "Question | None":
        """The same for the period before, of the same length; None without one.

        It has the tests that the filter finds there, as a report of that period alone would. Tests added by name are
        added to this period, and to none before; one that ended in the period before counts there as well as here.
        """
        if self.period is None:
            return None
        try:
            before = self.period.previous()
        except (ValueError, OverflowError):  # before the year 1
            return None
        return replace(self, wish=replace(self.wish, first=before.first, last=before.last, include=()), gone=())

    def parameters(self) -> dict[str, str]:
        """The same question as parameters of the API, with days instead of phrases and the words people see."""
        wish = self.wish
        asked = {
            "customer": wish.customer,
            "product_id": _listed(wish.products),
            "test_id": _listed(wish.tests),
            "since": wish.first and wish.first.isoformat(),
            "until": wish.last and wish.last.isoformat(),
            "status": _listed(wish.statuses),
            "testing_type": _listed(map(wording.shown_testing_type, wish.testing_types)),
            "feature_id": _listed(wish.features),
            "exclude_test_id": _listed(wish.exclude),
            "include_test_id": _listed(wish.include),
        }
        return {name: value for name, value in asked.items() if value}


def read(wish: Wish, access: Access) -> Question:
    """The wish as a question. Raises ``NoSuchReference``, ``Contradiction``, and ``CustomerError`` for a customer that
    is not there."""
    _make_sense(wish)
    visible = caller.products(access)
    if wish.customer is not None:
        visible = visible.filter(customer=customers.find(wish.customer, caller.customers(access)))
    chosen = visible.filter(pk__in=wish.products) if wish.products else visible
    ids = set(chosen.order_by().values_list("pk", flat=True))
    _refuse_missing("product_id", "product", wish.products, ids)
    tests = _tests(wish, access)
    known = {pk: product for pk, product, _ in tests}
    for field, named in (("test_id", wish.tests), ("exclude_test_id", wish.exclude), ("include_test_id", wish.include)):
        _refuse_missing(field, "test", named, known)
        _refuse_strangers(field, "Test", named, known, ids)
    features = _products_of(Feature.objects.filter(pk__in=wish.features), access) if wish.features else {}
    _refuse_missing("feature_id", "feature", wish.features, features)
    _refuse_strangers("feature_id", "Feature", wish.features, features, ids)
    about = {known[pk] for pk in wish.tests} if wish.tests and not wish.products else ids
    counted = {*wish.tests, *wish.include}
    gone = tuple(sorted(pk for pk, _, missing in tests if missing and pk in counted))
    return Question(wish, tuple(sorted(about)), gone)


def _make_sense(wish: Wish) -> None:
    if wish.tests and wish.is_filter:
        raise Contradiction("test_id", "Name the tests, or filter for them (period, status, …), not both.")
    if not (wish.tests or wish.products or wish.customer):
        raise Contradiction("product_id", "Say what the report is about: products, a customer, or tests by number.")
    if both := sorted({*wish.exclude} & {*wish.include}):
        raise Contradiction("exclude_test_id", f"Test {both[0]} is both to be left out and to be added. Choose one.")
    if wish.first and wish.last and wish.first > wish.last:
        raise Contradiction("since", f"The period begins ({wish.first}) after its end ({wish.last}). Swap the two.")


def _tests(wish: Wish, access: Access) -> list[tuple[int, int, bool]]:
    """Every test that is named and visible, with its product, and whether TestIO has it no more."""
    named = {*wish.tests, *wish.exclude, *wish.include}
    if not named:
        return []
    rows = caller.seen(Test.objects.filter(pk__in=named), access, "product__customer").order_by()
    return [(pk, product, bool(missing)) for pk, product, missing in rows.values_list("pk", "product", "missing_since")]


def _products_of(rows: "QuerySet[Any]", access: Access) -> dict[int, int]:
    return dict(caller.seen(rows, access, "product__customer").order_by().values_list("pk", "product_id"))


def _refuse_missing(field: str, what: str, named: Iterable[int], there: Iterable[int]) -> None:
    if missing := sorted(set(named) - set(there)):
        numbers = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        raise NoSuchReference(field, f"There is no {what} {numbers} here. If it is new, sync its customer first.")


def _refuse_strangers(field: str, what: str, named: Iterable[int], owners: dict[int, int], ids: set[int]) -> None:
    if strangers := sorted(pk for pk in named if owners[pk] not in ids):
        pk = strangers[0]
        raise Contradiction(field, f"{what} {pk} is of product {owners[pk]}, which the report is not about.")


def _listed(values: Iterable[object]) -> str:
    return ",".join(map(str, values))
