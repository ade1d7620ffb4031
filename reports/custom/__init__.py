"""Custom reports, summed up: the forms that bugs of severity "custom" were filed with.

``answers`` reads what testers wrote, ``fields`` tells numbers, categories and text apart, ``summary`` groups.
"""

from reports.custom.answers import NONE
from reports.custom.chosen import PRODUCT_ID, PRODUCT_NAME, chosen, present
from reports.custom.fields import Bucket, FieldKind, FieldSummary
from reports.custom.summary import MOST_GROUPINGS, TEST, CustomSummary, Group, UnknownField, summarise

__all__ = [
    "MOST_GROUPINGS",
    "NONE",
    "PRODUCT_ID",
    "PRODUCT_NAME",
    "TEST",
    "Bucket",
    "CustomSummary",
    "FieldKind",
    "FieldSummary",
    "Group",
    "UnknownField",
    "chosen",
    "present",
    "summarise",
]
