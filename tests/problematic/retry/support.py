"""What the tests of retries share: what is mapped, what became of it, and who else is at work."""

from collections.abc import Callable, Collection
from uuid import uuid4

from django.db import connection

from problematic import triage
from problematic.models import ProblematicEvent, ProblematicMapping
from problematic.retry import retry_mappings
from problematic.worker import RetryResult
from sync import leases
from sync.models import Bug, Product

NO_SUCH_TEST = 4_000_000_000


def map_to(event: ProblematicEvent, *test_ids: int) -> None:
    triage.map_tests(event, test_ids)


def retry(*, wait: bool = False) -> RetryResult:
    return retry_mappings(ProblematicMapping.objects.all(), wait=wait)


def mapping_of(test_id: int) -> ProblematicMapping:
    return ProblematicMapping.objects.get(test_id=test_id)


def states() -> dict[int, str]:
    return dict(ProblematicMapping.objects.values_list("test_id", "state"))


def stored_bugs(test_id: int) -> set[int]:
    return set(Bug.objects.filter(test=test_id, missing_since=None).values_list("pk", flat=True))


def hold(products: Collection[Product]) -> Callable[[], None]:
    """Write these products as a sync would; returns what ends that."""
    held, refused = leases.acquire([product.pk for product in products], uuid4())
    assert refused == []

    def release() -> None:
        for lease in held:
            lease.release()

    return release


def elsewhere(action: Callable[[], object]) -> Callable[[object], None]:
    """For the sandbox's threads, whose connections nobody else would close."""

    def act(_: object = None) -> None:
        action()
        connection.close()

    return act
