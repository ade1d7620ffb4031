from datetime import timedelta

import pytest
from django.db.models.functions import Now

from sync.models import Customer, SyncEvent, SyncPhase
from sync.models.status import Status
from sync.refresh import prune_history
from tests.factories import CustomerFactory, SyncEventFactory, SyncPhaseFactory
from tests.problematic.factories import ProblematicEventFactory

pytestmark = pytest.mark.django_db


def ended(customer: Customer, days: int) -> SyncEvent:
    run = SyncEventFactory.create(customer=customer, status=Status.SUCCEEDED, finished_at=Now(), started_at=Now())
    ago = Now() - timedelta(days=days)
    SyncEvent.objects.filter(pk=run.pk).update(started_at=ago, finished_at=ago)
    return run


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


def left() -> set[SyncEvent]:
    return set(SyncEvent.objects.all())


def test_runs_older_than_asked_for_are_deleted_with_their_phases(customer: Customer) -> None:
    old, recent, latest = (ended(customer, days) for days in (40, 20, 1))
    SyncPhaseFactory.create(event=old)
    kept = SyncPhaseFactory.create(event=recent)
    assert prune_history(30) == 1
    assert left() == {recent, latest}
    assert SyncPhase.objects.get() == kept
    assert prune_history(30) == 0


def test_the_latest_run_of_each_customer_is_kept_however_old(customer: Customer) -> None:
    ended(customer, 80)
    latest, of_another = ended(customer, 60), ended(CustomerFactory.create(), 70)
    assert prune_history(30) == 1
    assert left() == {latest, of_another}


def test_a_run_that_an_event_refers_to_or_that_still_runs_is_kept(customer: Customer) -> None:
    seen, latest = ended(customer, 60), ended(customer, 1)
    event = ProblematicEventFactory.create(sync_event=seen)
    running = SyncEventFactory.create(customer=customer)
    SyncEvent.objects.filter(pk=running.pk).update(started_at=Now() - timedelta(days=50))
    assert prune_history(30) == 0
    assert left() >= {seen, latest, running}
    event.refresh_from_db()
    assert event.sync_event == seen


def test_many_are_deleted_in_batches(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.refresh.history._BATCH", 2)
    for days in range(31, 36):
        ended(customer, days)
    latest = ended(customer, 1)
    assert prune_history(30) == 5
    assert left() == {latest}
