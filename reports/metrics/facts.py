"""The rows that figures are counted from, as querysets: bugs, tests, and tests without bugs.

One picture stands behind all of them. Take every test with every bug of its own, as pairs; a test without bugs makes a
pair with nothing, and so does a bug whose test was not read yet. A filter keeps pairs, a group is the pairs with its
values, and a measure counts the different things in them: ``tests`` by severity are the tests with at least one such
bug, tests without bugs are under ``(none)``; ``bugs`` by test platform are the bugs of the tests that ask for it.

* A record with several values of a dimension (platforms, devices, browsers) is in each of those groups. Dimensions of
  one device go together: a bug seen in Chrome on Android and in Safari on iOS is not in Safari on Android.
* With features, a test makes its pairs per feature: with the bugs on it, or with nothing where there are none. So
  ``tests`` by feature are the tests that cover it or found a bug on it, and a test that lists no feature is under
  ``(none)``. ``features_tested`` always counts such pairs.
* A range of days, and weeks, months, quarters and years, are about the test's end or, when asked for, about the moment
  a bug was reported; tests then count where they have such a bug.
* Records that TestIO has no more do not count, nor do those of products it has no more.
* A bug whose test was not read yet counts where nothing is asked of the test: its status, end and so on are ``(none)``.
"""

from dataclasses import replace
from typing import Any

from django.db.models import (
    Exists,
    F,
    FilteredRelation,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce

from reports.metrics.dimensions import DIMENSIONS
from reports.metrics.query import Query, Range, read_value
from reports.metrics.roots import BUGS, COVERED, PAIRS, TESTS, Root
from reports.metrics.sets import Sets
from reports.metrics.terms import Terms
from reports.metrics.values import within
from sync.access import Access, seen
from sync.models import Bug, Feature, Product, Test

FEATURE = DIMENSIONS["feature"]
_STATUS = DIMENSIONS["test_status"]

#: The names of the columns that hold the values grouped by.
KEYS = ("key0", "key1", "key2")


class Facts:
    """The querysets of one question. Each has the values grouped by in ``KEYS``, as many as there are dimensions.

    Of devices and platforms it is the number of their set instead (``sets`` knows the values): a bug is in one row,
    whatever it was seen on, and so is a test, except in one for each feature it covers.
    """

    def __init__(self, query: Query, access: Access | None) -> None:
        self.query = query
        self._access = access
        self._products = _products(access)
        self.sets = Sets(query)
        self._of_bugs = [each for each in query.used if query.is_about_bugs(each)]
        self._terms = Terms(query, self.sets, admits_bare_bugs=self.admits_bare_bugs)

    def ungrouped(self) -> "Facts":
        """The same of all groups together."""
        return Facts(replace(self.query, dimensions=(), sort=""), self._access)

    @property
    def are_pairs(self) -> bool:
        """Whether ``pairs`` says everything: which tests count depends on their bugs, and no bug is left out."""
        return self.about_bugs and not self.chooses_bugs and not self.about_features and not self.admits_bare_bugs

    @property
    def about_features(self) -> bool:
        """Whether tests make their pairs per feature, which tells only where bugs play a part or features do."""
        return FEATURE in self.query.used or (self.query.per_feature and self.about_bugs)

    @property
    def lists_tests(self) -> bool:
        """Whether every test's group is a row, also where nothing else is found in it: a product without bugs."""
        return bool(self.query.dimensions) and not self.about_bugs and not self.about_features

    @property
    def lists_empty_groups(self) -> bool:
        """Whether the same query lists them that counts; by sets they are listed by the query that counts tests."""
        return self.lists_tests and not self.sets.subjects

    @property
    def takes_all_bugs(self) -> bool:
        """Whether nothing is asked of bugs, but to be grouped by feature, and each has a test."""
        return not self.about_bugs and self.keeps_all_bugs

    @property
    def keeps_all_bugs(self) -> bool:
        """Whether all bugs of the tests count, in whatever groups, and each has a test."""
        return not self.chooses_bugs and not self.admits_bare_bugs and FEATURE.name not in self.query.filters

    @property
    def keys_of_bugs(self) -> tuple[str, ...]:
        """Those of ``KEYS`` that are of the bug, not of its test."""
        named = zip(KEYS, self.query.grouped, strict=False)
        return tuple(key for key, each in named if each is FEATURE or self.query.is_about_bugs(each))

    @property
    def about_bugs(self) -> bool:
        """Whether which tests count depends on their bugs."""
        return bool(self._of_bugs) or self.query.bugs_in_range

    @property
    def chooses_bugs(self) -> bool:
        """Whether some bugs of the tests are left out."""
        return self.query.bugs_in_range or any(each.name in self.query.filters for each in self._of_bugs)

    @property
    def admits_bare_tests(self) -> bool:
        """Whether tests without bugs can count."""
        filtered = (each for each in self._of_bugs if each.name in self.query.filters)
        return not self.query.bugs_in_range and all(self.query.admits_none(each) for each in filtered)

    @property
    def admits_bare_bugs(self) -> bool:
        """Whether bugs whose test was not read yet can count."""
        if self.query.test_statuses is not None and not self.query.admits_none(_STATUS):
            return False
        about_tests = (
            each
            for each in self.query.used
            if each.name in self.query.filters and not self.query.is_about_bugs(each)
            if each not in (FEATURE, _STATUS, DIMENSIONS["product"], DIMENSIONS["customer"])
        )
        return not self.query.tests_in_range and all(self.query.admits_none(each) for each in about_tests)

    def bugs(self) -> "QuerySet[Bug, Any]":
        rows = Bug.objects.filter(missing_since=None).order_by()
        if self.admits_bare_bugs:
            rows = rows.alias(of_product=Coalesce("test__product_id", "product_id"))
            rows = rows.filter(test__missing_since=None, **self._of_products("of_product"))
        else:
            rows = rows.filter(test__isnull=False, test__missing_since=None, **self._of_products("test__product_id"))
        return self._chosen(rows, BUGS)

    def tests(self, *, features: bool = False) -> "QuerySet[Test, Any]":
        """All tests, whatever their bugs; with ``features`` a row for each feature covered, else without a feature."""
        return self._chosen(self._all_tests(features), COVERED if features else TESTS)

    def pairs(self) -> "QuerySet[Test, Any]":
        """Tests with their bugs, or with nothing; where no bug is left out and features play no part."""
        found = FilteredRelation("bugs", condition=Q(bugs__missing_since=None))
        return self._chosen(self._all_tests().alias(found=found), PAIRS)

    def bare_tests(self, *, features: bool = False) -> "QuerySet[Test, Any]":
        """Tests without bugs; with ``features`` a row for each feature covered that no bug of the test is on."""
        bugs = Bug.objects.filter(missing_since=None, test=OuterRef("pk")).order_by()
        if not features:
            return self._chosen(self._all_tests().filter(~Exists(bugs)), TESTS)
        on_feature, on_none = bugs.filter(feature=OuterRef("of_feature")), bugs.filter(feature=None)
        rows = self._all_tests(features=True).filter(~Exists(on_feature))
        return self._chosen(rows.filter(Q(of_feature__isnull=False) | ~Exists(on_none)), COVERED)

    def bare_features(self) -> "QuerySet[Any, Any]":
        """A row for each feature and group (``of_feature``) that ``bare_tests`` cover.

        Where tests all are in one group, one test is enough of each feature, and is soon found if most tests count.
        """
        rows: QuerySet[Any, Any] = self.bare_tests(features=True)
        if self.is_narrowed or not all(map(self.query.is_about_bugs, self.query.grouped)):
            return rows
        one = Subquery(rows.filter(of_feature=OuterRef("pk")).values(one=F("of_feature"))[:1])
        return self._grouped(Feature.objects.filter(pk=one).order_by().annotate(of_feature=F("pk")), COVERED)

    def bugs_of_tests(self) -> "QuerySet[Bug, Any]":
        """The bugs of all tests, also of such as do not count, with ``keys_of_bugs``; where ``keeps_all_bugs``."""
        named = dict(zip(KEYS, self.query.grouped, strict=False))
        rows = Bug.objects.filter(missing_since=None, test__isnull=False).order_by()
        rows = rows.annotate(**{key: self._terms.value(named[key], BUGS) for key in self.keys_of_bugs})
        return rows.filter(test__in=self.tests().values("pk")) if self.is_narrowed else rows

    def unread_bugs(self) -> "QuerySet[Bug, Any]":
        """Bugs whose test was not read yet, of the customers and products in question; for a note."""
        rows = Bug.objects.filter(missing_since=None, test=None, **self._of_products("product_id")).order_by()
        if "product" in self.query.filters:
            chosen = (read_value(DIMENSIONS["product"], value) for value in self.query.filters["product"])
            rows = rows.filter(product_id__in=[value for value in chosen if value is not None])
        return rows

    def undated(self) -> "QuerySet[Any, Any]":
        """Tests (bugs) that a range of days leaves out because their end (report) has no date; for a note."""
        undated = Facts(replace(self.query, range=Range(), compare=False), self._access)
        if self.query.dated_by == "reported_at":
            return undated.bugs().filter(reported_at=None).values("pk").distinct()
        return undated.tests(features=self.about_features).filter(end_at=None).values("pk").distinct()

    def _all_tests(self, features: bool = False) -> "QuerySet[Test, Any]":
        rows = Test.objects.filter(missing_since=None, **self._of_products("product_id")).order_by()
        if not features:
            return rows
        covered = FilteredRelation("test_features", condition=Q(test_features__missing_since=None))
        # By this name it is always the same join; Django would make another for each filter().
        return rows.alias(covered=covered).alias(of_feature=F("covered__feature_id"))

    def _of_products(self, path: str) -> dict[str, Any]:
        return {} if self._products is None else {f"{path}__in": self._products}

    def _chosen(self, rows: "QuerySet[Any, Any]", root: Root) -> "QuerySet[Any, Any]":
        """With the values grouped by, and only what the filters and the range keep."""
        for dimension in self.query.used:
            if dimension.name in self.query.filters and dimension is not _STATUS and not dimension.repeats:
                rows = rows.filter(self._terms.kept(dimension, root, self.query.filters[dimension.name]))
        for subject in {each.subject for each in self.query.used if each.repeats and each.name in self.query.filters}:
            rows = rows.filter(self._terms.kept_sets(subject, root))
        if self.query.test_statuses is not None:
            rows = rows.filter(self._terms.kept(_STATUS, root, self.query.test_statuses))
        moment = self._terms.moment(root)
        if self.query.range and moment is not None:
            rows = rows.filter(within(self.query.range, moment))
        return self._grouped(rows, root)

    def _grouped(self, rows: "QuerySet[Any, Any]", root: Root) -> "QuerySet[Any, Any]":
        keys = {name: self._terms.value(each, root) for name, each in zip(KEYS, self.query.grouped, strict=False)}
        grouped: QuerySet[Any, Any] = rows.annotate(**keys)
        return grouped

    @property
    def is_narrowed(self) -> bool:
        """Whether maybe few tests are left."""
        return bool(self.query.filters or self.query.range) or self._products is not None


def _products(access: Access | None) -> "QuerySet[Product, Any] | None":
    """The products whose records count; None where that is all there are."""
    rows = Product.objects.all() if access is None else seen(Product.objects.all(), access, "customer")
    if (access is None or access.customers is None) and not rows.exclude(missing_since=None).exists():
        return None
    return rows.filter(missing_since=None).values("pk").order_by()
