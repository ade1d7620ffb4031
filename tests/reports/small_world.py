"""A small world that has every oddity figures can stumble over, drawn with seeded dice."""

import random
from datetime import timedelta

from sync.models import Bug, Customer, Feature, Person, Section, Test
from tests.factories import (
    MARCH,
    BugDeviceFactory,
    BugFactory,
    CustomerFactory,
    CustomReportFactory,
    FeatureFactory,
    PersonFactory,
    ProductFactory,
    SectionFactory,
    TestFactory,
    TestFeatureFactory,
    TestPlatformFactory,
)

SYSTEMS = ("Windows", "Android", "iOS", "")
BROWSERS = ("Chrome", "Safari", "Firefox")
CATEGORIES = ("Smartphones", "Computers", "")
SEVERITIES = ("low", "low", "high", "critical", "visual", "custom", "", "blocker")
STATUSES = ("accepted", "accepted", "auto_accepted", "rejected", "rejected", "forwarded", "postponed", "")
TEST_STATUSES = ("running", "locked", "archived", "archived", "archived", "cancelled", "initialized", "paused")
TYPES = ("coverage", "focused", "external", None, "")
REASONS = ("known_bug", "irrelevant", "")
VALUES = (4, "3.5", "12", None, "good", "", True, "-2", 0, ["7"], [8, None], [1, 2], " 3", "1e3")


def build(seed: int = 1, tests: int = 40, bugs: int = 130) -> list[Customer]:
    """Two customers with two products each (and a third product that TestIO has no more)."""
    dice = random.Random(seed)
    customers = [CustomerFactory.create() for _ in range(2)]
    for number, customer in enumerate(customers):
        sections = [SectionFactory.create(product__customer=customer) for _ in range(2)]
        features = [FeatureFactory.create(product=sections[each % 2].product) for each in range(4)]
        people = [PersonFactory.create(customer=customer) for _ in range(5)]
        made = [_test(dice, sections, features, people) for _ in range(tests // (1 + 2 * number))]
        for _ in range(bugs // (1 + 2 * number)):
            _bug(dice, dice.choice(made), features, people)
        gone = TestFactory.create(product=ProductFactory.create(customer=customer, missing_since=MARCH))
        BugFactory.create(test=gone)
        for status in ("accepted", "rejected"):
            BugFactory.create(test=None, product=made[0].product, status=status, author=None, mentioned_test_id=9)
    return customers


def _test(dice: random.Random, sections: list[Section], features: list[Feature], people: list[Person]) -> Test:
    section = dice.choice(sections)
    environment = dice.choice((None, 71, 72))
    test = TestFactory.create(
        section=dice.choice((section, section, None)),
        product=section.product,
        status=dice.choice(TEST_STATUSES),
        testing_type=dice.choice(TYPES),
        environment_id=environment,
        environment_title=f"Environment {environment}" if environment else "",
        created_by=dice.choice((*people[:2], None)),
        end_at=dice.choice((None, *[MARCH - timedelta(hours=dice.randrange(20_000)) for _ in range(7)])),
        missing_since=MARCH if dice.random() < 0.06 else None,
    )
    for feature in dice.sample(features, dice.randrange(4)):
        missing = MARCH if dice.random() < 0.2 else None
        TestFeatureFactory.create(test=test, feature=feature, missing_since=missing)
        if dice.random() < 0.2:
            TestFeatureFactory.create(test=test, feature=dice.choice((feature, None)), title="again")
    for _ in range(dice.choice((0, 1, 2, 3))):
        TestPlatformFactory.create(test=test, operating_system=dice.choice(SYSTEMS))
    return test


def _bug(dice: random.Random, test: Test, features: list[Feature], people: list[Person]) -> Bug:
    bug = BugFactory.create(
        test=test,
        feature=dice.choice((*features, None)),
        author=dice.choice((*people, None)),
        severity=dice.choice(SEVERITIES),
        status=dice.choice(STATUSES),
        known=dice.random() < 0.2,
        rejection_reason=dice.choice(REASONS),
        reported_at=dice.choice((None, *[MARCH - timedelta(hours=dice.randrange(20_000)) for _ in range(7)])),
        missing_since=MARCH if dice.random() < 0.06 else None,
    )
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
        browsers = dice.sample(BROWSERS, dice.randrange(3))
        BugDeviceFactory.create(
            bug=bug,
            operating_system=dice.choice(SYSTEMS),
            category=dice.choice(CATEGORIES),
            browsers=browsers + (browsers[:1] if dice.random() < 0.1 else []),
        )
    if dice.random() < 0.4:
        data = [{"key": key, "value": dice.choice(VALUES)} for key in dice.choices(("minutes", "stars", "note"), k=4)]
        CustomReportFactory.create(bug=bug, data=data)
    return bug
