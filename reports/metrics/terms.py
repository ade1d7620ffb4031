"""The terms of facts' querysets: a dimension's value and a filter's condition, as seen from where their rows begin."""

from datetime import UTC
from typing import Any

from django.db.models import DateField, F, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Trunc

from reports.metrics.dimensions import Dimension, Kind, Subject
from reports.metrics.query import Query, Range, read_value
from reports.metrics.roots import BUGS, Root, under
from reports.metrics.sets import COLUMNS, Sets
from reports.metrics.values import NO_SET, NO_TEXT, NOTHING, renamed, testing_type, within
from reports.metrics.vocabulary import stored_words
from sync import wording


class Terms:
    """Of one question. ``admits_bare_bugs``: a bug has no test where that was not read yet, and yet counts."""

    def __init__(self, query: Query, sets: Sets, *, admits_bare_bugs: bool) -> None:
        self._query = query
        self._sets = sets
        self._admits_bare_bugs = admits_bare_bugs

    def value(self, dimension: Dimension, root: Root) -> Combinable:
        """The value of a dimension; '' (words, names) or NULL (else) means none."""
        path = self._path(dimension, root)
        if path is None and dimension.repeats:
            return NO_SET
        if path is None:
            return NO_TEXT if dimension.kind in (Kind.WORD, Kind.NAME) else NOTHING[dimension.kind]
        if dimension.name == "bug_status":
            return renamed(path, "forwarded", wording.OPEN)
        if dimension.name == "testing_type":
            return testing_type(path, f"{root.test}id")
        if dimension.repeats:
            return Coalesce(path, NO_SET)
        if dimension.name == "product" and root is BUGS and self._admits_bare_bugs:
            return Coalesce(path, "product_id")
        if dimension.name == "customer" and root is BUGS and self._admits_bare_bugs:
            return Coalesce(path, "product__customer_id")
        if dimension.kind is Kind.PERIOD:
            return Cast(Trunc(path, dimension.path, tzinfo=UTC), DateField())
        return Coalesce(path, NO_TEXT) if dimension.kind in (Kind.WORD, Kind.NAME) else F(path)

    def kept(self, dimension: Dimension, root: Root, values: tuple[Any, ...]) -> Q:
        """The condition that a row has one of these values."""
        path = self._path(dimension, root)
        read = [read_value(dimension, value) for value in values]
        named = [value for value in read if value is not None]
        if path is None:
            return Q() if None in read else Q(pk__in=[])
        condition = Q(pk__in=[])
        if named:
            condition = self._named(dimension, path, named)
        if None in read:
            condition |= self._unnamed(dimension, path, root)
        return condition

    def kept_sets(self, subject: Subject, root: Root) -> Q:
        """The condition that a row's set has a member that the filters keep."""
        kept, path = self._sets.kept(subject), self._path_of_set(subject, root)
        if path is None:
            return Q() if 0 in kept else Q(pk__in=[])
        condition = Q((f"{path}__in", kept))
        return condition | Q((path, None)) if 0 in kept else condition

    def moment(self, root: Root) -> str | None:
        """How to get to what a record is dated by; None where there are no bugs to get to it by."""
        if self._query.dated_by == "end_at":
            return f"{root.test}end_at"
        return None if root.bug is None else f"{root.bug}reported_at"

    def _path(self, dimension: Dimension, root: Root) -> str | None:
        """How to get to the value; None where there are no bugs to get to it by."""
        if dimension.subject is Subject.MOMENT:
            return self.moment(root)
        if dimension.subject is Subject.TEST:
            return root.test + dimension.path
        if dimension.subject is Subject.FEATURE:
            return root.feature
        return self._path_of_set(dimension.subject, root) if dimension.repeats else under(root.bug, dimension.path)

    def _path_of_set(self, subject: Subject, root: Root) -> str | None:
        return under(root.test if subject is Subject.PLATFORM else root.bug, COLUMNS[subject])

    def _named(self, dimension: Dimension, path: str, values: list[Any]) -> Q:
        if dimension.kind is Kind.PERIOD:
            conditions = Q()
            for period in values:
                conditions |= within(Range(period.first, period.last), path)
            return conditions
        if dimension.kind is Kind.WORD:
            values = [word for value in dict.fromkeys(values) for word in stored_words(dimension, value)]
        if dimension.name in ("product", "customer") and path.startswith("test__") and self._admits_bare_bugs:
            return Q((f"{path}__in", values)) | Q((f"{path.removeprefix('test__')}__in", values), test=None)
        condition = Q((f"{path}__in", [value for value in values if value is not None]))
        return condition | self._null_means(path) if None in values else condition

    def _null_means(self, path: str) -> Q:
        """The testing type null of a test: it is a test-case test."""
        return Q((path, None)) & Q((path.replace("testing_type", "id__isnull"), False))

    def _unnamed(self, dimension: Dimension, path: str, root: Root) -> Q:
        if dimension.name == "testing_type":
            return Q((path, "")) | Q((f"{root.test}id", None))
        empty = Q((path, None))
        if dimension.name in ("product", "customer") and path.startswith("test__") and self._admits_bare_bugs:
            return empty & Q((path.removeprefix("test__"), None))  # a bug of an unread test is of its own product
        return empty | Q((path, "")) if dimension.kind in (Kind.WORD, Kind.NAME) else empty
