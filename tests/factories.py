"""One factory per model, no surprises: `BugFactory.create(test__product=product)` makes a bug of that product.

Rows that belong together agree by themselves: a bug has its test's product, a test its section's, a feature that a
test uses that test's. Texts name their row's number, so that a failing assertion shows which row it was.
"""

# mypy: untyped-calls-exclude=factory

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models
from factory.declarations import LazyAttribute, LazyFunction, SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory

from sync.models import (
    Bug,
    BugDevice,
    Customer,
    CustomReport,
    Feature,
    Person,
    Product,
    Section,
    SyncEvent,
    SyncLease,
    SyncPhase,
    Test,
    TestCase,
    TestCaseResult,
    TestFeature,
    TestFreshness,
    TestPlatform,
    UserStory,
    Watcher,
)
from sync.models.process import this_process
from sync.store import sets

Row = TypeVar("Row", bound=models.Model)

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


class ModelFactory(DjangoModelFactory[Row]):
    """`create`, `create_batch` and `build` say which model they make; calling the class says nothing to mypy."""

    class Meta:
        abstract = True

    if TYPE_CHECKING:

        @classmethod
        def create(cls, **values: Any) -> Row: ...

        @classmethod
        def create_batch(cls, size: int, **values: Any) -> list[Row]: ...

        @classmethod
        def build(cls, **values: Any) -> Row: ...


class CustomerFactory(ModelFactory[Customer]):
    class Meta:
        model = Customer

    name = Sequence(lambda n: f"customer-{n}")
    api_base_url = "http://127.0.0.1:1/customer/v2"


class PersonFactory(ModelFactory[Person]):
    class Meta:
        model = Person

    customer = SubFactory(CustomerFactory)
    kind = Person.Kind.TESTER
    username = Sequence(lambda n: f"person-{n}")


class ProductFactory(ModelFactory[Product]):
    class Meta:
        model = Product

    id = Sequence(lambda n: 1_000 + n)
    customer = SubFactory(CustomerFactory)
    name = LazyAttribute(lambda made: f"Product {made.id}")
    product_type = "website"
    fingerprint = b""


class SectionFactory(ModelFactory[Section]):
    class Meta:
        model = Section

    id = Sequence(lambda n: 2_000 + n)
    product = SubFactory(ProductFactory)
    name = LazyAttribute(lambda made: f"Section {made.id}")


class FeatureFactory(ModelFactory[Feature]):
    class Meta:
        model = Feature

    id = Sequence(lambda n: 30_000 + n)
    product = SubFactory(ProductFactory)
    title = LazyAttribute(lambda made: f"Feature {made.id}")
    fingerprint = b""


class UserStoryFactory(ModelFactory[UserStory]):
    class Meta:
        model = UserStory

    feature = SubFactory(FeatureFactory)
    testio_id = Sequence(lambda n: 40_000 + n)
    key = LazyAttribute(lambda made: str(made.testio_id))
    title = LazyAttribute(lambda made: f"User story {made.key}")


class TestFactory(ModelFactory[Test]):
    """An archived coverage test without a section; `section=` brings its product along."""

    class Meta:
        model = Test

    id = Sequence(lambda n: 500_000 + n)
    section = None
    product = LazyAttribute(lambda made: made.section.product if made.section else ProductFactory.create())
    title = LazyAttribute(lambda made: f"Test {made.id}")
    status = "archived"
    review_status = "review_successful"
    testing_type: str | None = "coverage"
    start_at = MARCH.replace(hour=9)
    end_at = MARCH
    fingerprint = b""


class TestFeatureFactory(ModelFactory[TestFeature]):
    class Meta:
        model = TestFeature

    id = Sequence(lambda n: 600_000 + n)
    test = SubFactory(TestFactory)
    feature = SubFactory(FeatureFactory, product=SelfAttribute("..test.product"))
    title = LazyAttribute(lambda made: made.feature.title if made.feature else f"Test feature {made.id}")


class TestPlatformFactory(ModelFactory[TestPlatform]):
    class Meta:
        model = TestPlatform

    test = SubFactory(TestFactory)
    position = Sequence(lambda n: n)
    category = "Smartphones"
    category_key = "smartphones"
    operating_system = "Android"

    @classmethod
    def _after_postgeneration(cls, instance: TestPlatform, create: bool, results: object = None) -> None:
        """The test says what it asks for, as the store has it."""
        del results  # of hooks, which it has none of
        if create:
            test = instance.test
            test.platform_set = sets.platform_set(test.platforms.values_list("operating_system", flat=True))
            test.save(update_fields=["platform_set"])


class TestFreshnessFactory(ModelFactory[TestFreshness]):
    class Meta:
        model = TestFreshness

    test = SubFactory(TestFactory)


class BugFactory(ModelFactory[Bug]):
    """An accepted bug of an archived test; `test=None` makes one that waits for its test."""

    class Meta:
        model = Bug

    id = Sequence(lambda n: 7_000_000 + n)
    test = SubFactory(TestFactory)
    product = LazyAttribute(lambda made: made.test.product if made.test else ProductFactory.create())
    mentioned_test_id = LazyAttribute(lambda made: made.test.pk if made.test else None)
    author = LazyAttribute(lambda made: PersonFactory.create(customer=made.product.customer))
    title = LazyAttribute(lambda made: f"Bug {made.id}")
    severity = "low"
    status = "accepted"
    reported_at = MARCH.replace(hour=10)
    fingerprint = b""


class BugDeviceFactory(ModelFactory[BugDevice]):
    class Meta:
        model = BugDevice

    bug = SubFactory(BugFactory)
    position = Sequence(lambda n: n)
    category = "Smartphones"
    device = "Pixel 9"
    operating_system = "Android 16"
    browsers = LazyFunction(lambda: ["Chrome"])

    @classmethod
    def _after_postgeneration(cls, instance: BugDevice, create: bool, results: object = None) -> None:
        """The bug says what it was seen on, as the store has it."""
        del results  # of hooks, which it has none of
        if create:
            bug = instance.bug
            bug.device_set = sets.device_set(bug.devices.values_list("category", "operating_system", "browsers"))
            bug.save(update_fields=["device_set"])


class CustomReportFactory(ModelFactory[CustomReport]):
    class Meta:
        model = CustomReport

    bug = SubFactory(BugFactory, severity="custom")
    configuration_id = "41"
    data = LazyFunction(lambda: [{"key": "issue_type", "value": "Violation"}])


class TestCaseFactory(ModelFactory[TestCase]):
    class Meta:
        model = TestCase

    test = SubFactory(TestFactory, testing_type=None)
    testio_id = Sequence(lambda n: 80_000 + n)
    title = LazyAttribute(lambda made: f"Case {made.testio_id}")


class TestCaseResultFactory(ModelFactory[TestCaseResult]):
    class Meta:
        model = TestCaseResult

    test = SubFactory(TestFactory, testing_type=None)
    testio_id = Sequence(lambda n: 90_000 + n)
    status = "passed"
    tester = "tess"


class SyncEventFactory(ModelFactory[SyncEvent]):
    """A run that this process is working on now."""

    class Meta:
        model = SyncEvent

    customer = SubFactory(CustomerFactory)
    host = LazyFunction(lambda: this_process()["host"])
    pid = LazyFunction(lambda: this_process()["pid"])
    process_started = LazyFunction(lambda: this_process()["process_started"])


class SyncPhaseFactory(ModelFactory[SyncPhase]):
    class Meta:
        model = SyncPhase

    event = SubFactory(SyncEventFactory)
    product = SubFactory(ProductFactory, customer=SelfAttribute("..event.customer"))
    name = SyncPhase.Name.TESTS


class SyncLeaseFactory(ModelFactory[SyncLease]):
    """A free lease."""

    class Meta:
        model = SyncLease

    product = SubFactory(ProductFactory)


class WatcherFactory(ModelFactory[Watcher]):
    """A watcher that is this process."""

    class Meta:
        model = Watcher

    name = Sequence(lambda n: f"watcher-{n}")
    host = LazyFunction(lambda: this_process()["host"])
    pid = LazyFunction(lambda: this_process()["pid"])
    process_started = LazyFunction(lambda: this_process()["process_started"])
