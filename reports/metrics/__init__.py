"""The metrics cube: any measure of tests and bugs, grouped by up to three dimensions.

``answer(Query.read(["bugs", "rejection"], ["product", "month"], since="last quarter", until="last quarter"), access)``

``dimensions`` and ``measures`` hold what can be asked for, ``query`` the question, ``facts`` what the figures mean (its
docstring is the definition) and ``answer`` the result. In between, ``counting`` chooses who counts: ``sums`` what adds
up (tests and bugs), ``different`` what does not (testers, features), ``custom_numbers`` what custom reports say. All of
them read groups through ``shell``, which asks for the ``first`` of them only, where no more are kept. ``remembered``
tells an answer again while the data is the same.
"""

from reports.metrics.answer import Answer, Row
from reports.metrics.dimensions import DIMENSIONS, NONE, Dimension
from reports.metrics.labels import Cell
from reports.metrics.measures import MEASURES, REPORT_MEASURES, Measure, measure_named
from reports.metrics.query import MOST_DIMENSIONS, Query, Range, Unanswerable
from reports.metrics.remembered import answer
from reports.metrics.vocabulary import ANY

__all__ = [
    "ANY",
    "DIMENSIONS",
    "MEASURES",
    "MOST_DIMENSIONS",
    "NONE",
    "REPORT_MEASURES",
    "Answer",
    "Cell",
    "Dimension",
    "Measure",
    "Query",
    "Range",
    "Row",
    "Unanswerable",
    "answer",
    "measure_named",
]
