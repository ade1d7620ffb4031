"""What its bugs add to a test, where all of them count whatever they are (``Facts.keeps_all_bugs``).

They are put together per test (and feature) first: an index has the bugs in this order, so that it takes no table in
memory, and far fewer rows are left to be grouped by what the tests are. Each function selects the keys of ``facts`` and
what its docstring says; None: nothing can be found.
"""

from collections.abc import Mapping

from django.db.models import Count, Sum
from psycopg.sql import SQL, Identifier

from reports.metrics.facts import KEYS, Facts
from reports.metrics.query import Query
from reports.metrics.shell import Rows, Statement, identifiers, statement_of


def features_of_bugs(query: Query, facts: Facts) -> Statement | None:
    """The feature."""
    pairs = (
        facts.bugs_of_tests().filter(feature__isnull=False).values_list("test_id", *facts.keys_of_bugs, "feature_id")
    )
    # Of one test there are few, and the index has them in order; not so where what bugs are tells groups apart.
    return _joined(query, facts, pairs if facts.about_bugs else pairs.distinct(), ("counted",), ("counted",))


def testers_of_bugs(query: Query, facts: Facts) -> Statement | None:
    """The tester; with nobody in the groups of tests without a bug, where those are listed."""
    pairs = facts.bugs_of_tests().filter(author__isnull=False).values_list("test_id", *facts.keys_of_bugs, "author_id")
    return _joined(query, facts, pairs, ("counted",), ("counted",), all_tests=facts.lists_empty_groups)


def sums_of_bugs(query: Query, facts: Facts, aggregates: Mapping[str, Count | Sum]) -> Statement | None:
    """The test, and the aggregates of its bugs; without any, the test and its bugs' features, each once.

    By feature only tests with bugs are there, else all: 0 is added by a test without. Where ``takes_all_bugs``.
    """
    by = ("test_id", *facts.keys_of_bugs)
    bugs = facts.bugs_of_tests()
    pairs = bugs.values(*by).annotate(**aggregates).values_list(*by, *aggregates)
    if not aggregates:
        pairs = bugs.values_list(*by).distinct()
    names = tuple(aggregates)
    return _joined(query, facts, pairs, names, ("test", *names), all_tests=not facts.about_features)


def _joined(
    query: Query,
    facts: Facts,
    pairs: Rows,
    columns: tuple[str, ...],
    selected: tuple[str, ...],
    *,
    all_tests: bool = False,
) -> Statement | None:
    """``pairs`` have a test, ``keys_of_bugs`` and ``columns``."""
    keys = KEYS[: len(query.dimensions)]
    tests = statement_of(facts.tests().order_by("pk").values_list(*keys, "id"))
    of_tests = statement_of(pairs)
    if tests is None or of_tests is None:
        return None
    own = facts.keys_of_bugs
    shell = _JOINED.format(
        join=SQL("LEFT JOIN" if all_tests else "JOIN"),
        selected=SQL(", ").join(
            [*(Identifier("pairs" if key in own else "tests", key) for key in keys), *map(Identifier, selected)]
        ),
        tests=SQL(tests[0]),
        of_test=identifiers((*keys, "test")),
        pairs=SQL(of_tests[0]),
        of_pair=identifiers(("of_test", *own, *columns)),
    )
    return shell.as_string(), (*tests[1], *of_tests[1])


# OFFSET has what tests are grouped by, such as their week, made once for each test, not for each of its bugs.
_JOINED = SQL(
    "SELECT {selected} FROM ({tests} OFFSET 0) AS tests ({of_test}) {join} ({pairs}) AS pairs ({of_pair}) "
    "ON of_test = test"
)
