"""The quality report: how tests of some products and days went, and how that is known.

``make(question)`` gives the figures as dataclasses; page, API, command and file show the same ones. The question
(``question``) says which tests count, ``rows`` finds them and their bugs, ``counting`` counts, ``groups`` are the
figures by severity, feature, month and so on, ``links`` name the calls of the API that list the rows behind a figure,
and ``limits`` says what the figures do not know.
"""

from reports.quality.groups import Group
from reports.quality.limits import Gap, LeftOut, Limits, OldProduct
from reports.quality.links import Links
from reports.quality.question import Contradiction, NoSuchReference, Question, Refusal, Wish, read
from reports.quality.report import ProductRow, QualityReport, Standing, TestRow, make
from reports.quality.rows import NONE, Part, counted_bugs, counted_tests

__all__ = [
    "NONE",
    "Contradiction",
    "Gap",
    "Group",
    "LeftOut",
    "Limits",
    "Links",
    "NoSuchReference",
    "OldProduct",
    "Part",
    "ProductRow",
    "QualityReport",
    "Question",
    "Refusal",
    "Standing",
    "TestRow",
    "Wish",
    "counted_bugs",
    "counted_tests",
    "make",
    "read",
]
