"""Parsed records into our tables: set-based, repeatable, touching only what changed.

Every function needs an open transaction in which the caller has proven its lease on the product
(``sync.leases``). An id that belongs to another customer is refused, never overwritten.
"""

from sync.store.bugs import save_bugs
from sync.store.catalogue import (
    add_products,
    mark_missing,
    save_features,
    save_product,
    save_section_features,
)
from sync.store.emptying import empty_product
from sync.store.people import People
from sync.store.results import CaseLists, save_results
from sync.store.saved import Saved, storable
from sync.store.tests import mark_readable, mark_unreadable, save_tests

__all__ = [
    "CaseLists",
    "People",
    "Saved",
    "add_products",
    "empty_product",
    "mark_missing",
    "mark_readable",
    "mark_unreadable",
    "save_bugs",
    "save_features",
    "save_product",
    "save_results",
    "save_section_features",
    "save_tests",
    "storable",
]
