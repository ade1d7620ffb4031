"""Small worlds for the pages, with figures one can work out in one's head."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sync.models import Bug, Customer, Product, Test
from tests.factories import (
    BugDeviceFactory,
    BugFactory,
    FeatureFactory,
    ProductFactory,
    SyncEventFactory,
    TestFactory,
    TestFeatureFactory,
    TestPlatformFactory,
)
from tests.problematic.factories import ProblematicEventFactory

#: Of the first test: two of five rejected is critical.
STATUSES = ("accepted", "auto_accepted", "rejected", "rejected", "forwarded")


@dataclass(frozen=True, slots=True)
class Scene:
    product: Product
    test: Test
    bug: Bug

    @property
    def addresses(self) -> dict[str, str]:
        return {
            "overview": "/",
            "products": "/products/",
            "product": f"/products/{self.product.pk}/",
            "test": f"/tests/{self.test.pk}/",
            "bug": f"/bugs/{self.bug.pk}/",
            "search": "/search/?q=button",
            "metrics": "/metrics/?measure=bugs&measure=rejection&rows=product&then=severity&columns=bug_status",
            "rows": "/metrics/rows/?of=bugs",
            "reports": "/reports/",
            "report": "/reports/quality/?set=1&customer=" + self.product.customer.name,
        }


def stage(customer: Customer, ended: datetime, title: str = "Checkout round", bugs: int = 5) -> Scene:
    """One product with a run, a gap, a test with five bugs and one with none."""
    read = ended + timedelta(days=2)
    times = {"features_synced_at": read, "tests_synced_at": read, "bugs_synced_at": read}
    product = ProductFactory.create(customer=customer, name=f"Shop of {customer.name}", **times)
    SyncEventFactory.create(customer=customer)
    ProblematicEventFactory.create(product=product)
    feature = FeatureFactory.create(product=product, title="Checkout")
    test = TestFactory.create(product=product, title=title, end_at=ended, goal="Find the button")
    TestFactory.create(product=product, title="Quiet round", end_at=ended - timedelta(days=1), status="locked")
    TestPlatformFactory.create(test=test)
    covered = TestFeatureFactory.create(test=test, feature=feature)
    made = [
        BugFactory.create(
            test=test,
            test_feature=covered,
            feature=feature,
            status=STATUSES[number % len(STATUSES)],
            title=f"Button {number} does nothing",
            reported_at=ended - timedelta(hours=number + 1),
        )
        for number in range(bugs)
    ]
    BugDeviceFactory.create(bug=made[0])
    return Scene(product, test, made[0])
