"""The synced world, one module per concept.

TestIO's own ids are the primary keys of products, tests, bugs, features and test features. Stored values are
TestIO's own words; the words people see are made on the way out. Nothing that disappears upstream is deleted:
it gets ``missing_since``.
"""

from sync.models.bug import Bug, BugDevice, CustomReport
from sync.models.customer import Customer
from sync.models.feature import Feature, UserStory
from sync.models.lease import SyncLease
from sync.models.person import Person
from sync.models.product import Product, Section
from sync.models.run import SyncEvent, SyncPhase
from sync.models.test import Test, TestFeature, TestFreshness, TestPlatform
from sync.models.test_case import TestCase, TestCaseResult
from sync.models.watcher import Watcher

__all__ = [
    "Bug",
    "BugDevice",
    "CustomReport",
    "Customer",
    "Feature",
    "Person",
    "Product",
    "Section",
    "SyncEvent",
    "SyncLease",
    "SyncPhase",
    "Test",
    "TestCase",
    "TestCaseResult",
    "TestFeature",
    "TestFreshness",
    "TestPlatform",
    "UserStory",
    "Watcher",
]
