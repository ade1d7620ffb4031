"""A list that is not to be believed says nothing about gaps either."""

import pytest

from problematic import triage
from problematic.models import ProblematicEvent
from sync.models import Customer, SyncEvent
from sync.sandbox import SandboxServer
from tests.sync.support import sync

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("fault", [{"empty": ["tests"]}, {"halved": ["tests"]}])
def test_an_event_stays_open_and_mapped_when_the_list_is_suddenly_empty_or_halved(
    customer: Customer, sandbox: SandboxServer, fault: dict[str, object]
) -> None:
    product_id = sandbox.world.product_ids()[0]
    hidden = sandbox.world.tests_of(product_id)[-2]  # far down: a halved list does not come to it
    sandbox.world.break_records(tests=[hidden])
    sync(customer)
    event = ProblematicEvent.objects.get()
    triage.map_tests(event, [hidden], by=None)
    sandbox.faults.set(**fault)
    assert sync(customer, mode=SyncEvent.Mode.FULL).status == "partial"
    event.refresh_from_db()
    assert (event.status, list(event.mappings.values_list("test_id", flat=True))) == ("open", [hidden])
    sandbox.faults.clear()
    sync(customer, mode=SyncEvent.Mode.FULL)
    assert (ProblematicEvent.objects.get().pk, ProblematicEvent.objects.get().status) == (event.pk, "open")
