"""Reading again what has not changed."""

from django.db.models import Q

from sync.models import (
    Bug,
    BugDevice,
    Customer,
    CustomReport,
    Feature,
    Person,
    Product,
    Section,
    Test,
    TestCase,
    TestCaseResult,
    TestFeature,
    TestPlatform,
    UserStory,
)
from sync.models.test import FINAL_STATUSES
from sync.sandbox import SandboxServer
from tests.sync.support import calls, content, read_later, sync, versions

# Not Product: its row carries the times of the last reading. Its content is compared below.
UNTOUCHED = (
    Section, Feature, UserStory, Test, TestFeature, TestPlatform, Bug, BugDevice, CustomReport, TestCase,
    TestCaseResult, Person,
)  # fmt: skip


def test_a_second_sync_touches_no_row_and_counts_nothing(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    before = content(customer), versions(*UNTOUCHED), dict(Product.objects.values_list("pk", "changed_at"))
    read_later()
    event = sync(customer)
    assert event.status == "succeeded"
    assert (event.tests_new, event.tests_updated, event.bugs_new, event.bugs_updated, event.missing) == (0, 0, 0, 0, 0)
    assert (content(customer), versions(*UNTOUCHED), dict(Product.objects.values_list("pk", "changed_at"))) == before


def test_with_force_every_row_is_written_again_with_the_same_content(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    before, old = content(customer), versions(Product, Feature, Test, Bug)
    event = sync(customer, force=True)
    assert content(customer) == before
    new = versions(Product, Feature, Test, Bug)
    stubs = set(Feature.objects.exclude(missing_since=None).values_list("pk", flat=True))
    for table, rows in old.items():
        untouched = {pk for pk, version in rows.items() if new[table][pk] == version}
        assert untouched == (stubs if table == "Feature" else set())
    assert (event.tests_new, event.tests_updated, event.bugs_new, event.bugs_updated) == (0, 40, 0, 120)


def test_when_nothing_changed_a_product_costs_at_most_three_calls(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    made = calls(sandbox, lambda: sync(customer))
    unfinished = Test.objects.filter(~Q(status__in=FINAL_STATUSES)).count()
    assert made["products"] == 1
    assert made["features"] == 2
    # The list is read as far as the newest tests reach; forgotten unfinished ones further down are asked for singly.
    assert made.get("tests", 0) + made.get("test", 0) <= 2 * 2 + unfinished
    assert set(made) <= {"products", "features", "tests", "test"}


def test_a_product_whose_tests_are_all_finished_costs_three_calls(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    for test_id in world.unfinished_tests():
        world.change_test(test_id, status="archived", end_at="2020-01-01T00:00:00Z")
    sync(customer)
    made = calls(sandbox, lambda: sync(customer))
    assert sum(made.values()) - made["products"] <= 3 * 2
    assert made["features"] == 2


def test_section_assignments_are_read_again_only_when_due(customer: Customer, sandbox: SandboxServer) -> None:
    first = calls(sandbox, lambda: sync(customer))
    assert first["section_features"] == Section.objects.count() > 0
    assert "section_features" not in calls(sandbox, lambda: sync(customer))
    Product.objects.update(sections_synced_at="2020-01-01T00:00:00Z")
    assert calls(sandbox, lambda: sync(customer))["section_features"] == first["section_features"]
