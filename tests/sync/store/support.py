"""TestIO's records as the parsers make them, and what these tests ask of the database."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

from sync import store
from sync.models import (
    Bug,
    BugDevice,
    CustomReport,
    Feature,
    Person,
    Product,
    Section,
    Test,
    TestFeature,
    TestFreshness,
    TestPlatform,
    UserStory,
)
from sync.store import People, Saved
from sync.testio.payloads import BugRecord, TestRecord, parse_bug, parse_feature, parse_test
from tests.factories import MARCH, ProductFactory

MIRRORED: tuple[type[models.Model], ...] = (
    Product, Section, Feature, UserStory, Test, TestFeature, TestPlatform, TestFreshness, Bug, BugDevice, CustomReport,
)  # fmt: skip

Result = TypeVar("Result")


def a_feature(feature_id: int, **fields: Any) -> dict[str, Any]:
    story = {"id": feature_id + 1, "title": "Pay", "path": "Pay", "feature_id": feature_id}
    return {"id": feature_id, "title": f"Feature {feature_id}", "user_stories": [story], **fields}


def a_copy(copy_id: int, feature_id: int | None = None, **fields: Any) -> dict[str, Any]:
    """A feature as a test shows it: its own copy, with the catalogue's id beside."""
    return {"id": copy_id, "feature_id": feature_id, "title": f"Copy {copy_id}", "enable_default": True, **fields}


def a_test(test_id: int, **fields: Any) -> dict[str, Any]:
    platform = {"category": {"name": "Smartphones"}, "operating_system": {"id": 1, "name": "iOS"}}
    return {
        "id": test_id,
        "title": f"Test {test_id}",
        "status": "locked",
        "testing_type": "coverage",
        "end_at": "2026-03-01T12:00:00Z",
        "section": {"id": 3, "name": "Checkout"},
        "features": [a_copy(test_id * 10, 70)],
        "requirements": [platform, {"category": {"name": "Desktop"}}],
        "created_by": "anna",
        **fields,
    }


def a_bug(bug_id: int, test_id: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": bug_id,
        "title": f"Bug {bug_id}",
        "severity": "custom",
        "status": "accepted",
        "test": {"id": test_id},
        "test_feature": {"id": test_id * 10, "feature": {"id": 70, "title": "Cart"}},
        "author": {"name": "tess"},
        "steps": ["Open", "Pay"],
        "devices": [{"device": {"name": "Pixel 9"}, "browsers": [{"name": "Chrome"}]}, {"device": {"name": "iPad"}}],
        "report": {"custom_report_configuration_id": 41, "content": {"data": [{"key": "a", "value": [1]}]}},
        **fields,
    }


@dataclass(frozen=True)
class Shop:
    """One product of one customer, and the store as a sync uses it: people first, then one transaction."""

    product: Product
    people: People

    @classmethod
    def open(cls, **product: Any) -> "Shop":
        made = ProductFactory.create(**product)
        return cls(made, People(made.customer_id))

    def test_records(self, *payloads: dict[str, Any]) -> list[TestRecord]:
        return [parse_test(payload, self.product.pk) for payload in payloads]

    def bug_records(self, *payloads: dict[str, Any]) -> list[BugRecord]:
        return [parse_bug(payload, self.product.pk) for payload in payloads]

    def save_features(self, *payloads: dict[str, Any], force: bool = False) -> Saved:
        records = [parse_feature(payload, self.product.pk) for payload in payloads]
        with transaction.atomic():
            return store.save_features(self.product.customer_id, self.product.pk, records, force=force)

    def save_tests(self, *payloads: dict[str, Any], force: bool = False) -> Saved:
        records = self.test_records(*payloads)
        self.people.learn(Person.Kind.CUSTOMER, [record.created_by for record in records])
        with transaction.atomic():
            return store.save_tests(
                self.product.customer_id, self.product.pk, records, people=self.people, now=MARCH, force=force
            )

    def save_bugs(self, *payloads: dict[str, Any], tests: Collection[int] = (), force: bool = False) -> Saved:
        """``tests``: what the bugs were asked for; by default the tests they mention."""
        records = self.bug_records(*payloads)
        asked = tests or {record.mentioned_test_id for record in records if record.mentioned_test_id}
        self.people.learn(Person.Kind.TESTER, [record.author for record in records])
        with transaction.atomic():
            return store.save_bugs(
                self.product.customer_id, self.product.pk, asked, records, people=self.people, now=MARCH, force=force
            )


def versions(*tables: type[models.Model]) -> set[tuple[str, ...]]:
    """Every row of the tables with what changes whenever PostgreSQL writes it."""
    found: set[tuple[str, ...]] = set()
    for model in tables or MIRRORED:
        table, key = model._meta.db_table, model._meta.pk.column
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {key}::text, xmin::text, ctid::text FROM {table}")  # noqa: S608  # our own names
            found |= {(table, *row) for row in cursor.fetchall()}
    return found


def written(do: Callable[[], Result]) -> tuple[Result, set[tuple[str, str]]]:
    """What ``do`` returns, and the rows (table, key) it wrote or deleted."""
    before = versions()
    result = do()
    return result, {(table, key) for table, key, *_ in before ^ versions()}


def queries(do: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        do()
    return len(captured)
